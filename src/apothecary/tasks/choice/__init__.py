"""Choice: questions whose answer is one or more of given options."""
