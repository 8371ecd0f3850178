"""Engines: messages in, replies out. They know no task."""
