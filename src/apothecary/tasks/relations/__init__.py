"""Document-level relations between two concepts, in two stages."""
