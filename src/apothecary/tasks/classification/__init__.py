"""Classification: which of a list of labels hold for a text."""
