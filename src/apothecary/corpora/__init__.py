"""One module per data set: source, licence, splits, known traps."""
