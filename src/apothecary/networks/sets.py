"""Which sets of drugs to ask about, and which of the answers to believe."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

__all__ = ["MAX_ARITY", "candidate_sets", "choose_sets"]

MAX_ARITY = 11
"""The largest combination of the DrugComb corpus."""


def candidate_sets(count: int, *, most: int = 300) -> tuple[tuple[int, ...], ...]:
    """Sets of 2 to 11 of `count` drugs, which are in the order of the text; at most `most` sets.

    All subsets where they fit. Otherwise first the whole, then every run of neighbours, all pairs, all
    but one, and all triples, until the bound is reached: combinations are mostly listed side by side.
    """
    drugs = range(count)
    largest = min(count, MAX_ARITY)
    if 2**count <= most:
        return tuple(chosen for size in range(2, largest + 1) for chosen in combinations(drugs, size))
    runs = (
        tuple(range(start, start + size))
        for size in range(largest, 1, -1)
        for start in range(count + 1 - size)
    )
    leave_one = combinations(drugs, count - 1) if 2 < count <= MAX_ARITY + 1 else iter(())
    found: dict[tuple[int, ...], None] = {}
    for family in (runs, combinations(drugs, 2), leave_one, combinations(drugs, 3)):
        for chosen in family:
            if len(found) >= most:
                return tuple(found)
            found[chosen] = None
    return tuple(found)


def choose_sets(
    candidates: Sequence[Sequence[int]], probabilities: Sequence[float], threshold: float
) -> list[int]:
    """Positions of the sets to believe: the surest first, none that shares two drugs with a surer one.

    `probabilities` are those of any relation at all.
    """
    order = sorted(range(len(candidates)), key=lambda i: (-probabilities[i], -len(candidates[i]), i))
    taken: list[int] = []
    for i in order:
        if probabilities[i] < threshold:
            break
        if all(len(set(candidates[i]) & set(candidates[j])) < 2 for j in taken):
            taken.append(i)
    return sorted(taken)
