"""Text pairs: how two texts stand to each other."""
