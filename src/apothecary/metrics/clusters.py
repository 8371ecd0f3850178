"""Resampling of patients, each with columns of sums: figures that are quotients of sums, with intervals.

As `metrics.resampling`, for rows that are hardly ever alike (means of many visits): there kinds of rows are
drawn, here rows. All visits of a patient are drawn together, since they are not independent.
"""

from __future__ import annotations

import numpy as np

from apothecary.errors import DataError, UsageError
from apothecary.metrics.resampling import Table

__all__ = ["clustered", "drawn_clusters", "swapped_clusters"]

_CELLS = 4_000_000


def clustered(rows: Table, owners: list[str]) -> Table:
    """The sums of the rows of each owner, owners in the order of their first row.

    Shapes: rows visits x columns; result patients x columns.
    """
    places: dict[str, int] = {}
    of_rows = [places.setdefault(owner, len(places)) for owner in owners]
    sums = np.zeros((len(places), rows.shape[1]))
    np.add.at(sums, of_rows, rows)
    return sums


def drawn_clusters(sums: Table, *, resamples: int = 1000, seed: int) -> Table:
    """The column sums of `resamples` draws of as many patients as there are, with replacement.

    Equal seeds and equally many patients give equal draws, whatever the columns hold. Shapes: result
    resamples x columns. Raises DataError without a patient, UsageError for fewer than one resample.
    """
    _check(sums, resamples)
    generator, count = np.random.default_rng(seed), len(sums)
    drawn = np.zeros((resamples, sums.shape[1]))
    for row in range(resamples):
        chosen = generator.integers(count, size=count, dtype=np.int32)
        drawn[row] = np.bincount(chosen, minlength=count) @ sums
    return drawn


def swapped_clusters(a: Table, b: Table, *, resamples: int = 1000, seed: int) -> tuple[Table, Table]:
    """The column sums of two systems after each patient's rows were exchanged with a chance of one half.

    Row i of both is the same patient. Raises as `drawn_clusters`, and DataError when the two differ in shape.
    """
    _check(a, resamples)
    if a.shape != b.shape:
        raise DataError("two systems over other patients cannot be compared", hint="score both on one gold")
    generator, gaps = np.random.default_rng(seed), b - a
    size = max(1, _CELLS // len(a))
    parts = [min(size, resamples - start) for start in range(0, resamples, size)]
    moved = np.vstack([generator.integers(2, size=(part, len(a)), dtype=np.int8) @ gaps for part in parts])
    return a.sum(axis=0) + moved, b.sum(axis=0) - moved


def _check(sums: Table, resamples: int) -> None:
    if resamples < 1:
        raise UsageError(f"{resamples} resamples give no interval", hint="use at least 1, normally 1000")
    if not len(sums):
        raise DataError("no units to resample", hint="give at least one patient")
