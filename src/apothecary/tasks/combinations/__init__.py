"""Combinations of drugs that a sentence reports: which drugs, and what comes of them."""
