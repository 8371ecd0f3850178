"""Quoted text to offsets, sentences and abbreviations."""
