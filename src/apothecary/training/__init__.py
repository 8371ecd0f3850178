"""Examples and a model in, a better model out."""
