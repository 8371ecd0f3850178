"""Ids of mentions as corpora write them: several in a field, none, or one that looks like several."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["split_ids"]

_UNNORMALISED = frozenset({"", "-", "-1"})
_SEPARATORS = re.compile(r"[|;,]")
# Ids of variants hold the separators of composites.
_VARIANT_TYPE = re.compile(r"variant|mutation|allele|acidchange|\bsnp\b", re.IGNORECASE)
_VARIANT_ID = re.compile(r"(?:tmVar:)?[a-z]?\|[A-Za-z]+\|")


def split_ids(text: str, kind: str) -> tuple[str, ...]:
    """The ids of a field: composites are split at ``|``, ``;`` and ``,``, those of variants are not.

    What corpora write for "no id" (an empty field, ``-``, ``-1``) is none.
    """
    text = text.strip()
    whole = _VARIANT_ID.match(text) or _is_variant(kind)
    parts = [text] if whole else [part.strip() for part in _SEPARATORS.split(text)]
    return tuple([part for part in parts if part not in _UNNORMALISED])


@lru_cache(maxsize=256)
def _is_variant(kind: str) -> bool:
    return _VARIANT_TYPE.search(kind) is not None
