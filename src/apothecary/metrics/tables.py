"""The part of a score file that every task with counted matches has: micro with intervals, and by type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apothecary.metrics.bootstrap import bootstrap_counts
from apothecary.metrics.counts import Counts, by_label, total

__all__ = ["Rows", "micro_and_types"]

Rows = Sequence[Mapping[str, Counts]]
"""One mapping type -> counts for each document."""


def micro_and_types(
    evaluators: Mapping[str, Rows], *, resamples: int, seed: int
) -> dict[str, dict[str, object]]:
    """For each evaluator ``{"micro": {..., "interval"}, "by_type": {type: {...}}}``.

    All evaluators hold the same documents in the same order; their 95 % intervals are over documents and
    paired (see `bootstrap_counts`, whose errors pass through).
    """
    columns = {name: [total(row.values()) for row in rows] for name, rows in evaluators.items()}
    intervals = bootstrap_counts(columns, resamples=resamples, seed=seed)
    return {
        name: {
            "micro": total(columns[name]).figures() | {"interval": intervals[name].as_dict()},
            "by_type": {label: counts.figures() for label, counts in by_label(rows).items()},
        }
        for name, rows in evaluators.items()
    }
