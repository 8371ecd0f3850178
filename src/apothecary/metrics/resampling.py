"""Resampling of documents that hold columns of numbers: fast where many documents are alike.

A figure that depends on documents through sums alone (of counts, of credits) needs the sums of each
resample and nothing else. Documents with equal rows are interchangeable, so a resample is how often each
kind of row was drawn: a multinomial draw over kinds, the same in distribution as drawing documents one by
one. A hundred thousand documents take as long as a few hundred kinds of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError, UsageError
from apothecary.metrics.bootstrap import Interval

__all__ = ["Table", "drawn_sums", "exchanged_sums", "interval", "ratio_f1"]

Table = NDArray[np.float64]
"""Documents or resamples x columns."""

_CELLS = 4_000_000


def drawn_sums(rows: Sequence[Sequence[float]], *, resamples: int = 1000, seed: int) -> Table:
    """The column sums of `resamples` draws of as many documents as there are, with replacement.

    All columns of one resample come from the same documents. The order of documents does not matter.
    Raises DataError without documents, UsageError for fewer than one resample.
    """
    kinds, sizes = _kinds(rows, resamples)
    generator = np.random.default_rng(seed)
    shares = sizes / sizes.sum()
    return np.vstack(
        [
            generator.multinomial(int(sizes.sum()), shares, size=part).astype(np.float64) @ kinds
            for part in _parts(resamples, len(sizes))
        ]
    )


def exchanged_sums(
    a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], *, resamples: int = 1000, seed: int
) -> tuple[Table, Table]:
    """The column sums of two systems after each document's rows were exchanged with a chance of one half.

    Position i of both is the same document. Raises as `drawn_sums`, and DataError when lengths differ.
    """
    if len(a) != len(b):
        raise DataError(
            f"{len(a)} and {len(b)} documents cannot be paired", hint="score both systems on the same gold"
        )
    kinds, sizes = _kinds([[*left, *right] for left, right in zip(a, b, strict=True)], resamples)
    left, right = np.hsplit(kinds, 2)
    generator = np.random.default_rng(seed)
    moved = np.vstack(
        [
            generator.binomial(sizes, 0.5, size=(part, len(sizes))).astype(np.float64) @ (right - left)
            for part in _parts(resamples, len(sizes))
        ]
    )
    return sizes @ left + moved, sizes @ right - moved


def interval(value: float, samples: NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """The percentile interval of a figure, given its values in the resamples."""
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def ratio_f1(sums: Table) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 of each row of four sums: gold, found, predicted, right (as `nary.Credits`).

    A figure over nothing is 0.0.
    """
    gold, found, predicted, right = sums.T
    precision, recall = _over(right, predicted), _over(found, gold)
    return precision, recall, _over(2 * precision * recall, precision + recall)


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.zeros_like(above)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _kinds(rows: Sequence[Sequence[float]], resamples: int) -> tuple[Table, NDArray[np.int64]]:
    if resamples < 1:
        raise UsageError(f"{resamples} resamples give no interval", hint="use at least 1, normally 1000")
    if not rows:
        raise DataError("no units to resample", hint="give at least one document")
    kinds, sizes = np.unique(np.asarray(rows, dtype=np.float64), axis=0, return_counts=True)
    return kinds, sizes


def _parts(resamples: int, kinds: int) -> list[int]:
    """Resamples in parts that fit the memory however many kinds there are."""
    size = max(1, _CELLS // kinds)
    return [min(size, resamples - start) for start in range(0, resamples, size)]
