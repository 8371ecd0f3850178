"""Events: a trigger with its arguments, by type."""
