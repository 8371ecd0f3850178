"""Networks that know no task, and the arithmetic around them. Torch is imported only by what trains."""
