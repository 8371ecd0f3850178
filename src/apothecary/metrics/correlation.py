"""How far two series of numbers rise and fall together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from apothecary.errors import DataError

__all__ = ["pearson", "ranks", "spearman"]


def pearson(gold: Sequence[float], predicted: Sequence[float]) -> float | None:
    """Pearson's r in -1 to 1; None where it is not defined: fewer than two pairs, or a side that is constant.

    Raises DataError when lengths differ or a value is not finite.

    >>> pearson([1, 2, 3], [2, 4, 6]), pearson([1, 2, 3], [1, 1, 1])
    (1.0, None)
    """
    _check(gold, predicted)
    if len(gold) < 2:
        return None
    # Scaled to at most 1, so that squares of huge values stay finite.
    left, right = _centred(gold), _centred(predicted)
    spread = math.sqrt(math.fsum(x * x for x in left)) * math.sqrt(math.fsum(y * y for y in right))
    if spread == 0:
        return None
    product = math.fsum(x * y for x, y in zip(left, right, strict=True))
    return max(-1.0, min(1.0, product / spread))


def spearman(gold: Sequence[float], predicted: Sequence[float]) -> float | None:
    """Spearman's rho: Pearson's r of the ranks, equal values sharing the mean of their ranks. As `pearson`.

    >>> round(spearman([1, 2, 3, 4], [1, 10, 100, 1000]), 9)
    1.0
    """
    _check(gold, predicted)
    return pearson(ranks(gold), ranks(predicted))


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, in the order of the values; equal ones share their mean.

    >>> ranks([10, 20, 20, 5])
    [2.0, 3.5, 3.5, 1.0]
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            found[place] = (start + end + 1) / 2
        start = end
    return found


def _centred(values: Sequence[float]) -> list[float]:
    scale = max(map(abs, values)) or 1.0
    scaled = [value / scale for value in values]
    mean = math.fsum(scaled) / len(scaled)
    if all(value == scaled[0] for value in scaled):
        return [0.0] * len(scaled)
    return [value - mean for value in scaled]


def _check(gold: Sequence[float], predicted: Sequence[float]) -> None:
    if len(gold) != len(predicted):
        raise DataError(f"{len(predicted)} numbers for {len(gold)}")
    if not all(math.isfinite(value) for value in (*gold, *predicted)):
        raise DataError("a number is not finite")
