"""How many instructions each data set gives to a mixture of a given size. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Floor", "quotas"]


@dataclass(frozen=True)
class Floor:
    """At least `least` from the groups at these places, together."""

    least: int
    places: tuple[int, ...]


def quotas(
    total: int, weights: Sequence[float], capacities: Sequence[int], floors: Sequence[Floor] = ()
) -> list[int]:
    """Whole numbers that sum to `total`, in the ratio of the weights, none above its capacity.

    What a group cannot give, the others give in their ratio; the sum is less than `total` only where all of
    them together have less. A floor that is not reached so is given first, in the ratio of the weights of its
    groups, as far as they can.

    >>> quotas(10, [1, 1, 2], [9, 1, 9])
    [3, 1, 6]
    >>> quotas(10, [8, 1, 1], [9, 9, 9], [Floor(3, (2,))])
    [6, 1, 3]
    """
    least = [0] * len(weights)
    given = _shared(total, weights, capacities, least)
    # A floor may take from another that was reached: as many rounds as there are floors settle it.
    for _ in range(len(floors) + 1):
        unmet = [floor for floor in floors if sum(given[place] for place in floor.places) < floor.least]
        for floor in unmet:
            places = floor.places
            own = _shared(
                floor.least,
                [weights[place] for place in places],
                [capacities[place] for place in places],
                [least[place] for place in places],
            )
            for place, count in zip(places, own, strict=True):
                least[place] = max(least[place], count)
        given = _shared(total, weights, capacities, least)
    return given


def _shared(
    total: int, weights: Sequence[float], capacities: Sequence[int], least: Sequence[int]
) -> list[int]:
    """Shares between `least` and capacity that sum to the total, as near to the ratio as may be."""
    total = min(max(total, sum(least)), sum(capacities))

    def at(level: float) -> list[float]:
        pairs = zip(weights, capacities, least, strict=True)
        return [min(float(most), max(float(low), level * weight)) for weight, most, low in pairs]

    low, high = 0.0, 1.0
    while sum(at(high)) < total and high < 1e300:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < total else (low, middle)
    exact = at(high)
    found = [max(low_, math.floor(share)) for share, low_ in zip(exact, least, strict=True)]
    # Largest remainders first; of equals the earlier.
    for place in sorted(range(len(found)), key=lambda place: (found[place] - exact[place], place)):
        if sum(found) >= total:
            break
        found[place] += found[place] < capacities[place]
    return found
