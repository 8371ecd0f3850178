"""Drug knowledge from biomedical literature."""

__version__ = "0.1.0"
