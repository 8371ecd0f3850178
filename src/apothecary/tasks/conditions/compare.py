"""Two systems for conditions on the same instances: is one better by more than chance, and than its seeds?

A test over documents tells whether a difference would hold on other documents, the spread over seeds whether
it would hold in another training. Neither answers the question of the other: runs of several seeds get both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

import numpy as np

from apothecary.errors import DataError
from apothecary.metrics.condition_match import Rule
from apothecary.metrics.resampling import Table, drawn_sums, exchanged_sums, interval
from apothecary.tasks.conditions.scored import Scored, tally
from apothecary.tasks.conditions.sums import FIGURES, Figure, document_sums
from apothecary.tasks.flow import ScoreOptions

__all__ = ["compare", "compare_runs"]

NEARLY = 1e-12
"""Two F1 can be equal and differ in the last bit; such a difference is none."""

_COMPARED: dict[str, Figure] = {
    **FIGURES["all"],
    "micro": FIGURES["soft_pair"]["f1"],
    "nonempty_soft_pair": FIGURES["nonempty"]["soft_pair"],
}


def compare(
    a: Iterable[Scored], b: Iterable[Scored], options: ScoreOptions, rule: Rule | None = None
) -> dict[str, dict[str, object]]:
    """For each strict figure ``{"f1": {"value", "low", "high"}, "p": ...}``: F1 of `a` less that of `b`.

    The four means, ``micro`` (soft pairs), and the mean of soft pairs where gold is not empty, all 0 to 1.
    Bounds are a paired bootstrap's, p is two-sided, of a randomization test, both over documents (see
    `metrics.paired`). Raises DataError when the instances differ or there is none.
    """
    return _tested([list(a)], [list(b)], options, rule or Rule())[0]


def compare_runs(
    a: Sequence[Iterable[Scored]],
    b: Sequence[Iterable[Scored]],
    options: ScoreOptions,
    rule: Rule | None = None,
) -> dict[str, dict[str, object]]:
    """As `compare`, for systems trained with several seeds: ``a`` and ``b`` hold mean, sd and each run.

    ``{"f1": ..., "p": ..., "a": {"mean", "sd", "runs"}, "b": ...}``, all 0 to 1. The test compares, document
    by document, the averages over the runs of each system; ``micro`` pools the counts of its runs. sd is that
    of a sample, None for a single run. Raises as `compare`, and DataError for a system without a run.
    """
    if not a or not b:
        raise DataError("a system without a run cannot be compared", hint="give at least one run of each")
    found, sides = _tested([list(run) for run in a], [list(run) for run in b], options, rule or Rule())
    return {
        name: {**found[name], "a": _spread(sides[0], figure), "b": _spread(sides[1], figure)}
        for name, figure in _COMPARED.items()
    }


def _tested(
    a: Sequence[Sequence[Scored]], b: Sequence[Sequence[Scored]], options: ScoreOptions, rule: Rule
) -> tuple[dict[str, dict[str, object]], tuple[list[Table], list[Table]]]:
    """The comparison, and the sums by document of every run of both."""
    instances = {tuple((row.id, row.document, row.gold) for row in run) for run in (*a, *b)}
    if len(instances) != 1:
        raise DataError("the two were scored on other instances", hint="score both on the same gold")
    sides = _sums(a, rule), _sums(b, rule)
    left, right = np.mean(sides[0], axis=0), np.mean(sides[1], axis=0)
    count, seed = options.resamples, options.seed
    drawn = np.hsplit(drawn_sums(np.hstack([left, right]).tolist(), resamples=count, seed=seed), 2)
    exchanged = exchanged_sums(left.tolist(), right.tolist(), resamples=count, seed=seed)
    found: dict[str, dict[str, object]] = {}
    for name, figure in _COMPARED.items():
        value = float(figure(_total(left))[0] - figure(_total(right))[0])
        gaps = figure(drawn[0]) - figure(drawn[1])
        chance = np.abs(figure(exchanged[0]) - figure(exchanged[1]))
        as_large = int(np.count_nonzero(chance >= abs(value) - NEARLY))
        found[name] = {"f1": interval(value, gaps).as_dict(), "p": (as_large + 1) / (count + 1)}
    return found, sides


def _sums(runs: Sequence[Sequence[Scored]], rule: Rule) -> list[Table]:
    return [document_sums([tally(row, rule) for row in run]) for run in runs]


def _spread(runs: Sequence[Table], figure: Figure) -> dict[str, object]:
    values = [float(figure(_total(run))[0]) for run in runs]
    return {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None, "runs": values}


def _total(sums: Table) -> Table:
    total: Table = sums.sum(axis=0, keepdims=True)
    return total
