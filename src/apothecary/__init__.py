"""Drug knowledge from biomedical literature, with any language model.

The public names are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module

__version__ = "0.1.0"
ADVICE = "A research tool, not medical advice."
"""Stands wherever drugs are recommended or said to interact."""

_PUBLIC = {
    "Document": "apothecary.documents",
    "Mention": "apothecary.documents",
    "Concept": "apothecary.documents",
    "Relation": "apothecary.documents",
    "ApothecaryError": "apothecary.errors",
    "ExtractOptions": "apothecary.api",
    "estimate": "apothecary.api",
    "extract": "apothecary.api",
    "read": "apothecary.api",
    "score": "apothecary.api",
    "to_arrow": "apothecary.formats.frames",
    "to_pandas": "apothecary.formats.frames",
    "write": "apothecary.api",
}

__all__ = [
    "ADVICE",
    "ApothecaryError",
    "Concept",
    "Document",
    "ExtractOptions",
    "Mention",
    "Relation",
    "__version__",
    "estimate",
    "extract",
    "read",
    "score",
    "to_arrow",
    "to_pandas",
    "write",
]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'apothecary' has no attribute '{name}'")
    value: object = getattr(import_module(_PUBLIC[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
