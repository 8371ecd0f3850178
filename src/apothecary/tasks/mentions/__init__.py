"""Mentions: which names occur in a text, of which type, and where."""
