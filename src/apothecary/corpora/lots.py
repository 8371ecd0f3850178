"""Parts drawn by lot: by hashes, so that the same keys come to the same parts everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from apothecary.errors import UsageError

__all__ = ["check_share", "lot_of", "ranks_of"]


def ranks_of(keys: Iterable[str], seed: int) -> dict[str, int]:
    """The place of each key in an order that looks drawn by lot, and depends on seed and keys alone."""

    def lot(key: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed} {key}".encode("utf-8", "surrogatepass")).digest(), key

    return {key: rank for rank, key in enumerate(sorted(set(keys), key=lot))}


def lot_of(key: str) -> float:
    """A number in 0-1, uniform over keys, that depends on no other key."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def check_share(share: float) -> None:
    """Raise UsageError for a share outside 0-1."""
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share} does not exist", hint="use a share such as 0.15")
