"""Files of predictions against a file of gold, whichever kind of gold a task has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from apothecary.errors import UsageError
from apothecary.formats.inputs import read_gold
from apothecary.formats.predictions import pair_up, read_predictions
from apothecary.tasks import catalog
from apothecary.tasks.flow import Pairs, ScoreOptions, check_score
from apothecary.tasks.rows import compare_rows, load_rows, score_rows

__all__ = ["compare_files", "score_files"]


def score_files(
    task: str, gold: Path, predictions: Path, options: ScoreOptions, encoding: str
) -> dict[str, object]:
    """Score predictions by the task's own rules. Raises ApothecaryError."""
    own = load_rows(task)
    if own is not None:
        return score_rows(own, gold, predictions, options, encoding)
    chosen = catalog.load(task)
    check_score(chosen, options)
    return chosen.score(_pairs(gold, predictions, encoding), options)


def compare_files(
    task: str, gold: Path, two: tuple[Path, Path], options: ScoreOptions, encoding: str
) -> Mapping[str, Mapping[str, object]]:
    """By how much the first of two files of predictions is better than the second. Raises ApothecaryError."""
    own = load_rows(task)
    if own is not None:
        return compare_rows(own, gold, two, options, encoding)
    chosen = catalog.load(task)
    check_score(chosen, options)
    if chosen.compare is None:
        raise UsageError(f"predictions of {task} cannot be compared", hint="score each")
    first, second = (_pairs(gold, path, encoding) for path in two)
    return chosen.compare(first, second, options)


def _pairs(gold: Path, predictions: Path, encoding: str) -> Pairs:
    rows = read_predictions(predictions, encoding=encoding)
    return pair_up(read_gold(gold, encoding=encoding), rows, path=str(predictions))
