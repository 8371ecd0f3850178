"""Predictions into knowledge: what runs say, who says it, and how far to believe it."""
