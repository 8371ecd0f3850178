"""The list that additions and removals make of the candidates."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["compose"]


def compose(candidates: Iterable[int], adds: Iterable[int], removes: Iterable[int]) -> tuple[int, ...]:
    """``(candidates + adds) - removes``, in the order of the vocabulary: of both, removal wins.

    >>> compose([3, 0], [7, 7, 0], [0])
    (3, 7)
    """
    return tuple(sorted((set(candidates) | set(adds)) - set(removes)))
