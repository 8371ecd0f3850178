"""Files of predictions against a file of gold, whichever kind of gold a task has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from apothecary.errors import UsageError, first_few
from apothecary.formats.inputs import read_gold
from apothecary.formats.predictions import pair_up, read_predictions
from apothecary.tasks import catalog
from apothecary.tasks.flow import Pairs, ScoreOptions, Task, check_score
from apothecary.tasks.rows import compare_rows, load_rows, score_rows

__all__ = ["compare_files", "score_files"]


def score_files(
    task: str, gold: Path, predictions: Path, options: ScoreOptions, encoding: str
) -> dict[str, object]:
    """Score predictions by the task's own rules; ``warnings`` tell of gold without any.

    Raises ApothecaryError.
    """
    own = load_rows(task)
    if own is not None:
        return score_rows(own, gold, predictions, options, encoding)
    chosen = catalog.load(task)
    check_score(chosen, options)
    missing: list[str] = []
    read = _noting_missing(chosen, _pairs(gold, predictions, encoding), missing)
    found = chosen.score(read, options)
    if missing:
        found["warnings"] = [f"gold documents without a prediction: {len(missing)} ({first_few(missing)})"]
    return found


def _noting_missing(task: Task, pairs: Pairs, missing: list[str]) -> Pairs:
    """The same pairs; ids of gold documents without a prediction go to `missing`."""
    for document, record in pairs:
        if record is None and task.is_gold(document):
            missing.append(document.id)
        yield document, record


def compare_files(
    task: str, gold: Path, two: tuple[Sequence[Path], Sequence[Path]], options: ScoreOptions, encoding: str
) -> Mapping[str, Mapping[str, object]]:
    """By how much the first of two systems is better than the second; each has a file of predictions or more.

    Raises ApothecaryError.
    """
    if len(two[0]) > 1 or len(two[1]) > 1:
        return _compare_runs(task, gold, two, options, encoding)
    one, other = two[0][0], two[1][0]
    own = load_rows(task)
    if own is not None:
        return compare_rows(own, gold, (one, other), options, encoding)
    chosen = catalog.load(task)
    check_score(chosen, options)
    if chosen.compare is None:
        raise UsageError(f"predictions of {task} cannot be compared", hint="score each")
    return chosen.compare(_pairs(gold, one, encoding), _pairs(gold, other, encoding), options)


def _compare_runs(
    task: str, gold: Path, two: tuple[Sequence[Path], Sequence[Path]], options: ScoreOptions, encoding: str
) -> Mapping[str, Mapping[str, object]]:
    chosen = None if load_rows(task) else catalog.load(task)
    if chosen is None or chosen.compare_runs is None:
        raise UsageError(f"several runs of {task} cannot be compared", hint="compare one with one")
    check_score(chosen, options)
    a, b = ([_pairs(gold, path, encoding) for path in side] for side in two)
    return chosen.compare_runs(a, b, options)


def _pairs(gold: Path, predictions: Path, encoding: str) -> Pairs:
    rows = read_predictions(predictions, encoding=encoding)
    return pair_up(read_gold(gold, encoding=encoding), rows, path=str(predictions))
