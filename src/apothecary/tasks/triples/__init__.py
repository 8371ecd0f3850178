"""Triples: relations as first argument, type, second argument."""
