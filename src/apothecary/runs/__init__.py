"""Runs: documents through a task into a folder, resumable, with a report."""
