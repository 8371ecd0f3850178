"""Figures over many instances as functions of sums over documents, so that documents can be drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from apothecary.metrics.condition_match import VIEWS, View
from apothecary.metrics.counts import Counts
from apothecary.metrics.resampling import Table
from apothecary.tasks.conditions.scored import Tally

__all__ = ["FIGURES", "MICRO", "Figure", "document_sums", "empty_counts"]

Figure = Callable[[Table], NDArray[np.float64]]
"""Rows of sums -> one figure each, 0 to 1; a figure over nothing is 0.0."""

MICRO: tuple[View, ...] = ("soft_pair", "hard_pair")
"""The views whose counts are pooled."""


def document_sums(tallies: Sequence[Tally]) -> Table:
    """A row for each document, in the order in which they first occur; its pairs are summed."""
    rows: dict[str, list[float]] = {}
    for each in tallies:
        row = rows.setdefault(each.row.document, [0.0] * _WIDTH)
        rows[each.row.document] = [a + b for a, b in zip(row, _columns(each), strict=True)]
    return np.asarray(list(rows.values()), dtype=np.float64).reshape(-1, _WIDTH)


def empty_counts(each: Tally) -> Counts:
    """One instance as a test of who says "no conditions": right (tp), wrongly said (fp), not said (fn)."""
    says, is_empty = each.row.says_empty, not each.row.gold
    return Counts(int(says and is_empty), int(says and not is_empty), int(is_empty and not says))


def _columns(each: Tally) -> list[float]:
    f1 = [each.f1[view] for view in VIEWS]
    counts = [*(each.counts[view] for view in MICRO), empty_counts(each)]
    filled = bool(each.row.gold)
    return [
        *(1.0, *f1),
        *((1.0, *f1) if filled else (0.0,) * (1 + len(f1))),
        *(float(number) for one in counts for number in (one.tp, one.fp, one.fn)),
    ]


def _mean(size: int, place: int) -> Figure:
    return lambda sums: _over(sums[:, place], sums[:, size])


def _precision(start: int) -> Figure:
    return lambda sums: _over(sums[:, start], sums[:, start] + sums[:, start + 1])


def _recall(start: int) -> Figure:
    return lambda sums: _over(sums[:, start], sums[:, start] + sums[:, start + 2])


def _f1(start: int) -> Figure:
    return lambda sums: _over(
        2 * sums[:, start], 2 * sums[:, start] + sums[:, start + 1] + sums[:, start + 2]
    )


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.zeros_like(above)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _figures() -> dict[str, dict[str, Figure]]:
    means = 1 + len(VIEWS)
    views = [*enumerate(VIEWS)][::-1]  # the view that the task is judged by comes first
    found: dict[str, dict[str, Figure]] = {
        "all": {view: _mean(0, 1 + n) for n, view in views},
        "nonempty": {view: _mean(means, means + 1 + n) for n, view in views},
    }
    for n, name in enumerate((*MICRO, "empty")):
        start = 2 * means + 3 * n
        found[name] = {"precision": _precision(start), "recall": _recall(start), "f1": _f1(start)}
    return found


_WIDTH = 2 * (1 + len(VIEWS)) + 3 * (len(MICRO) + 1)

FIGURES: Mapping[str, Mapping[str, Figure]] = _figures()
"""``all`` and ``nonempty``: the mean of F1 over instances, by view. ``soft_pair`` and ``hard_pair``: micro
precision, recall and F1. ``empty``: those of `empty_counts`."""
