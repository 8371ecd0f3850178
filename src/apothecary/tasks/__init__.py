"""Tasks: prompts, parsing, scoring and rewards, one folder for each."""
