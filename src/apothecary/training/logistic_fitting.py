"""Logistic regressions, one for each drug and all at once: Newton steps by conjugate gradients, in numpy.

For each drug ``sum of losses + |weights|^2 / (2 strength)`` is least, with an intercept that is not held
back: what scikit-learn minimises with ``C = strength``. Drugs have nothing in common but the products with
the features of the visits, for which they stand side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from apothecary.networks.visit_scorers import Logistic, Rows, logistic

__all__ = ["fit_logistic"]

Matrix = NDArray[np.float64]

BLOCK = 4096
"""Visits whose features are laid out at once; up to `KEPT` numbers they stay laid out."""
KEPT = 1 << 25
NEAR = 1e-6
"""A slope for each visit below which a drug is done."""
NEWTON_STEPS, INNER_STEPS, HALVINGS = 50, 60, 30
_LEAST_FALL = 1e-4


def fit_logistic(rows: Rows, given: NDArray[np.bool_], strength: float) -> Logistic:
    """A drug that every visit has, or none, gets no weights. Shapes: given visits x drugs."""
    having, visits = given.sum(axis=0), len(given)
    # One more visit with the drug and one without: no share is 0 or 1.
    starts = np.log((having + 1) / (visits - having + 1))
    weights = np.zeros((rows.width + 1, given.shape[1]))
    weights[-1] = starts
    open_drugs = np.flatnonzero((having > 0) & (having < visits)) if rows.width else np.zeros(0, np.int64)
    table, wanted = _Table(rows), given.astype(np.float64)
    held = np.full((rows.width + 1, 1), 1 / strength)
    held[-1] = 0.0
    for _ in range(NEWTON_STEPS):
        if not len(open_drugs):
            break
        own, target = weights[:, open_drugs], wanted[:, open_drugs]
        sums = table.times(own)
        said = logistic(sums)
        slope = table.back(said - target) + held * own
        steep = np.abs(slope).max(axis=0) > NEAR * visits
        open_drugs, own, target = open_drugs[steep], own[:, steep], target[:, steep]
        sums, said, slope = sums[:, steep], said[:, steep], slope[:, steep]
        curve = said * (1 - said)

        def bent(step: Matrix, curve: Matrix = curve) -> Matrix:
            return table.back(curve * table.times(step)) + held * step

        step = _solved(bent, -slope)
        along = table.times(step)
        weights[:, open_drugs] = own + step * _lengths(own, step, sums, along, target, held, slope)
    return Logistic(weights[:-1], weights[-1])


class _Table:
    """Features of visits as 0 and 1, with a last column of 1."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._kept = list(self._laid_out()) if len(rows) * rows.width <= KEPT else None

    def times(self, weights: Matrix) -> Matrix:
        """The sums of the weights that each visit has. Shapes: weights features x drugs."""
        return np.concatenate([part @ weights for part in self._parts()])

    def back(self, values: Matrix) -> Matrix:
        """For each feature the sum over the visits that have it. Shapes: values visits x drugs."""
        found = np.zeros((self._rows.width + 1, values.shape[1]))
        for place, part in enumerate(self._parts()):
            found += part.T @ values[place * BLOCK : place * BLOCK + len(part)]
        return found

    def _parts(self) -> Iterator[Matrix]:
        return iter(self._kept) if self._kept is not None else self._laid_out()

    def _laid_out(self) -> Iterator[Matrix]:
        for start in range(0, len(self._rows), BLOCK):
            features = self._rows.slice(start, start + BLOCK).dense()
            yield np.hstack([features, np.ones((len(features), 1))])


def _solved(bent: Callable[[Matrix], Matrix], wanted: Matrix) -> Matrix:
    """Conjugate gradients for each column of ``bent(x) = wanted``, far enough for a Newton step."""
    found, left = np.zeros_like(wanted), wanted.copy()
    way, size = left.copy(), (left**2).sum(axis=0)
    enough = 1e-4 * size
    for _ in range(INNER_STEPS):
        if (size <= enough).all():
            break
        turned = bent(way)
        length = np.divide(size, (way * turned).sum(axis=0), out=np.zeros_like(size), where=size > enough)
        found += length * way
        left -= length * turned
        before, size = size, (left**2).sum(axis=0)
        way = left + np.divide(size, before, out=np.zeros_like(size), where=before > 0) * way
    return found


def _lengths(
    own: Matrix, step: Matrix, sums: Matrix, along: Matrix, target: Matrix, held: Matrix, slope: Matrix
) -> Matrix:
    """How far to go for each drug: the whole step, or half of it until the loss falls. Result: drugs."""

    def loss(length: Matrix) -> Matrix:
        moved, weights = sums + length * along, own + length * step
        # log(1 + exp(x)) - target * x, without overflow.
        each = np.logaddexp(0.0, moved) - target * moved
        total: Matrix = each.sum(axis=0) + 0.5 * (held * weights**2).sum(axis=0)
        return total

    length = np.ones(step.shape[1])
    before, fall = loss(np.zeros_like(length)), _LEAST_FALL * (slope * step).sum(axis=0)
    for _ in range(HALVINGS):
        short = loss(length) > before + length * fall
        if not short.any():
            break
        length[short] /= 2
    return length
