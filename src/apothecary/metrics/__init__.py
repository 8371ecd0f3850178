"""Arithmetic on gold and prediction, named by rule: pure functions that neither round nor print."""
