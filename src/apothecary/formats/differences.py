"""Which fields of a document another one does not share: what a format loses."""

from __future__ import annotations

from apothecary.documents import Document
from apothecary.formats.records import to_record

__all__ = ["differences"]


def differences(before: Document, after: Document) -> tuple[str, ...]:
    """Names of the fields that differ, such as "conditions" or "mentions.confidence".

    The inner name is given where both documents have as many mentions (concepts, relations, ...).
    """
    left, right = to_record(before), to_record(after)
    names: dict[str, None] = {}
    for key in left | right:
        if left.get(key) != right.get(key):
            names |= dict.fromkeys(_inner(key, left.get(key), right.get(key)))
    return tuple(names)


def _inner(key: str, left: object, right: object) -> list[str]:
    if not isinstance(left, list) or not isinstance(right, list) or len(left) != len(right):
        return [key]
    return [
        f"{key}.{name}"
        for one, other in zip(left, right, strict=True)
        for name in one | other
        if one.get(name) != other.get(name)
    ]
