"""Applicability conditions: for which patients, and at what dose, a drug treats a disease."""
