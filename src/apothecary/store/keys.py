"""Keys that are the same after every build: what a row says, hashed, never when it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

__all__ = ["digest_of", "edge_key", "key_of"]


def digest_of(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key_of(*parts: object) -> str:
    """Sixteen hexadecimal digits: of a million rows two are the same with a chance of 1 in 37 million."""
    return digest_of(json.dumps(parts, ensure_ascii=False, separators=(",", ":")))[:16]


def edge_key(type: str, arguments: Iterable[tuple[str, str]]) -> str:
    """The key of an edge: its type and its (role, concept) pairs, in whatever order they come.

    >>> edge_key("POS", [("drug", "a"), ("drug", "b")]) == edge_key("POS", [("drug", "b"), ("drug", "a")])
    True
    """
    return key_of(type, sorted(arguments))
