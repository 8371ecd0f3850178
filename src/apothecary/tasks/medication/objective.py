"""What an editor without a model maximises: the expected Jaccard index less alpha times interactions.

With probabilities p of the drugs, a list L has the value ``s / (|L| + sum(p) - s) - alpha * d(L)``, s being
the sum of p over L: the quotient of the expected counts stands for the expected quotient. It is the
`Potential` of the terms `jaccard` (of p) and one of `MEASURES`; here it is written for many lists that
differ by one drug, so that an editor need not go over every pair of drugs again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.tasks.medication.potential import (
    Potential,
    Term,
    Weighted,
    ddi_count,
    ddi_per_gold,
    ddi_rate,
    hinge,
    jaccard,
)

__all__ = ["MEASURES", "Measure", "Objective", "Sums", "least_added"]

Matrix = NDArray[np.float64]
Measure = Literal["rate", "count", "per_drug"]

MEASURES: tuple[Measure, ...] = ("rate", "count", "per_drug")
"""Interacting pairs over all pairs of the list; their number; their number over the expected length."""

_TINY = 1e-12


@dataclass(frozen=True)
class Sums:
    """What the value of a list depends on: its length, the sum of its probabilities, its pairs by weight.

    `wanted` is the sum of all probabilities. Arrays of any shapes that go together.
    """

    size: Matrix
    shared: Matrix
    pairs: Matrix
    wanted: Matrix


def least_added(sums: Sums) -> Matrix:
    """The probability below which a drug that is added lowers the expected Jaccard index of a list.

    With ``u = |L| + sum(p) - s``, ``(s + p) / (u + 1 - p) < s / u`` where ``p < s / (u + s)``. After it was
    added the same bound tells the same of it, so that a list shows whether its drugs are worth their place.
    """
    found: Matrix = sums.shared / np.maximum(sums.size + sums.wanted, _TINY)
    return found


@dataclass(frozen=True)
class Objective:
    """A weight of interactions, and how they are measured.

    `weights` is symmetric with a zero diagonal, as `InteractionTable.matrix` or `.weights` give it. What is
    below `target` costs nothing. Raises UsageError for an alpha or a target below 0.
    """

    alpha: float
    weights: Matrix
    measure: Measure = "rate"
    target: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf") or not 0 <= self.target < float("inf"):
            raise UsageError(
                f"a weight of interactions of {self.alpha:g} with the target {self.target:g}",
                hint="0 or more, such as 0.5",
            )

    def expected(self, sums: Sums) -> Matrix:
        """The expected Jaccard index."""
        found: Matrix = sums.shared / np.maximum(sums.size + sums.wanted - sums.shared, _TINY)
        return found

    def interactions(self, sums: Sums) -> Matrix:
        """The measure, where it exceeds the target; without its weight."""
        if self.measure == "rate":
            found = sums.pairs / np.maximum(sums.size * (sums.size - 1) / 2, 1.0)
        elif self.measure == "per_drug":
            found = sums.pairs / np.maximum(sums.wanted, 1.0)
        else:
            found = sums.pairs
        return np.maximum(found - self.target, 0.0) if self.target else found

    def value(self, sums: Sums) -> Matrix:
        """What is maximised."""
        if not self.alpha:
            return self.expected(sums)
        return self.expected(sums) - self.alpha * self.interactions(sums)

    def potential(self, probabilities: Matrix) -> Potential:
        """The same for one visit, as a potential of lists."""
        term: Term = {
            "rate": ddi_rate(self.weights),
            "count": ddi_count(self.weights),
            "per_drug": ddi_per_gold(self.weights, float(probabilities.sum())),
        }[self.measure]
        limited = hinge(term, self.target) if self.target else term
        return Potential(
            (
                Weighted("expected_jaccard", 1.0, jaccard(probabilities)),
                Weighted("interactions", -self.alpha, limited),
            )
        )
