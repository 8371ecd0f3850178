"""Lists (sets of drugs) against gold lists, visit by visit: overlap and interacting pairs.

A figure over nothing is 0.0: the Jaccard index of two empty lists, the precision of an empty one, the rate of
interactions of fewer than two drugs. Source: the evaluation of FLAME (arXiv 2505.20218), which averages over
visits; GAMENet and SafeDrug pool the pairs of all visits instead (``ddi_rate`` of the sums).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError

__all__ = ["Overlap", "interacting_pairs", "overlap", "pairs", "share"]

Counts = NDArray[np.int64]
Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """For each visit how many drugs the list and gold share, and how many each has."""

    shared: Counts
    predicted: Counts
    gold: Counts

    @property
    def jaccard(self) -> Figures:
        """Shared over those in either."""
        return share(self.shared, self.predicted + self.gold - self.shared)

    @property
    def precision(self) -> Figures:
        """Shared over predicted."""
        return share(self.shared, self.predicted)

    @property
    def recall(self) -> Figures:
        """Shared over gold."""
        return share(self.shared, self.gold)

    @property
    def f1(self) -> Figures:
        """Twice shared over predicted and gold, which is the harmonic mean of precision and recall."""
        return share(2 * self.shared, self.predicted + self.gold)


def overlap(predicted: Sequence[Collection[int]], gold: Sequence[Collection[int]]) -> Overlap:
    """The overlap of lists by visit; repeats collapse. Raises DataError when there are not as many.

    >>> found = overlap([[0, 3, 7]], [[0, 3, 4]])
    >>> float(found.jaccard[0]), float(found.f1[0]).__round__(4)
    (0.5, 0.6667)
    """
    if len(predicted) != len(gold):
        raise DataError(f"{len(predicted)} lists and {len(gold)} of gold")
    rows = [(set(said), set(given)) for said, given in zip(predicted, gold, strict=True)]
    counts = [(len(said & given), len(said), len(given)) for said, given in rows]
    shared, left, right = np.array(counts, dtype=np.int64).reshape(-1, 3).T
    return Overlap(shared, left, right)


def pairs(sizes: Counts) -> Counts:
    """The unordered pairs of lists of these sizes."""
    return sizes * (sizes - 1) // 2


def interacting_pairs(
    lists: Sequence[Collection[int]], matrix: NDArray[np.float64], *, cells: int = 4_000_000
) -> Counts:
    """How many pairs of each list interact; `matrix` is not 0 where two drugs do.

    Drugs are places in the matrix; one beyond it interacts with nothing. Repeats collapse.
    The pairs of many lists are looked up at once, about `cells` at a time.
    """
    size = len(matrix)
    linked = (matrix != 0).astype(np.uint8)
    owners = np.repeat(np.arange(len(lists)), [len(drugs) for drugs in lists])
    drugs = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=len(owners))
    known = (drugs >= 0) & (drugs < size)
    # One number for a drug of a list: sorted, and each once.
    numbers = np.sort(owners[known] * size + drugs[known])
    numbers = numbers[np.append(numbers[1:] != numbers[:-1], True)] if len(numbers) else numbers
    owners, drugs = np.divmod(numbers, max(size, 1))
    sizes = np.bincount(owners, minlength=len(lists))
    starts = np.cumsum(sizes) - sizes
    found = np.zeros(len(lists), dtype=np.int64)
    for length in np.flatnonzero(np.bincount(sizes)).tolist() if len(sizes) else []:
        rows = np.flatnonzero(sizes == length)
        # As many lists of one length as fit the memory.
        step = max(1, cells // max(1, length * length))
        for part in (rows[start : start + step] for start in range(0, len(rows), step)):
            filled = drugs[starts[part][:, None] + np.arange(length)]
            met = linked[filled[:, :, None], filled[:, None, :]]
            # Every pair is met from both of its ends.
            found[part] = met.sum(axis=(1, 2), dtype=np.int64) // 2
    return found


def share(above: NDArray[np.int64], below: NDArray[np.int64]) -> Figures:
    """The quotients; 0.0 where the divisor is 0."""
    result = np.zeros(len(above))
    np.divide(above, below, out=result, where=below > 0)
    return result
