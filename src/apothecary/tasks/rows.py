"""Scores of tasks whose gold is rows of their own, not documents: found by the name of their folder.

A folder here whose ``rows.py`` exports ``ROWS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path

from apothecary.errors import UsageError
from apothecary.formats.jsonl import placed_rows
from apothecary.tasks.flow import ScoreOptions
from apothecary.tasks.settings import bind

__all__ = ["RowScore", "Rows", "compare_rows", "load_rows", "score_rows"]

Rows = Iterable[tuple[str, Mapping[str, object]]]
"""JSON objects, each with its file and line."""


@dataclass(frozen=True)
class RowScore:
    """How rows of predictions are scored against rows of gold.

    `score` takes gold and predictions. `compare` takes gold and two sets of predictions: for each figure
    ``{"difference": {"value", "low", "high"}, "p"}``. `table` lays a score out as rows of text, headings
    first. `score_settings` is the dataclass of the settings that both know. All raise ApothecaryError.
    """

    name: str
    score: Callable[[Rows, Rows, ScoreOptions], dict[str, object]]
    compare: Callable[[Rows, Rows, Rows, ScoreOptions], dict[str, dict[str, object]]]
    table: Callable[[Mapping[str, object]], Sequence[Sequence[str]]]
    score_settings: type[object]


def load_rows(name: str) -> RowScore | None:
    """The score of the task of that name; None where its gold is documents, or there is no such task."""
    if not name.isidentifier() or not files("apothecary.tasks").joinpath(name, "rows.py").is_file():
        return None
    found: RowScore = import_module(f"apothecary.tasks.{name}.rows").ROWS
    return found


def score_rows(
    task: RowScore, gold: Path, predictions: Path, options: ScoreOptions, encoding: str = "utf-8"
) -> dict[str, object]:
    """Score a file of predictions against a file of gold, both JSON Lines. Raises ApothecaryError."""
    _check(task, options)
    return task.score(
        placed_rows(gold, encoding=encoding), placed_rows(predictions, encoding=encoding), options
    )


def compare_rows(
    task: RowScore, gold: Path, two: tuple[Path, Path], options: ScoreOptions, encoding: str = "utf-8"
) -> dict[str, dict[str, object]]:
    """The first of two files of predictions less the second, as `RowScore.compare`."""
    _check(task, options)
    first, second = (placed_rows(path, encoding=encoding) for path in two)
    return task.compare(placed_rows(gold, encoding=encoding), first, second, options)


def _check(task: RowScore, options: ScoreOptions) -> None:
    bind(task.score_settings, options.settings)
    if options.broader != "keep" or options.excuse_broader or options.list_errors:
        hint = "leave out --broader, --excuse-broader and --errors"
        raise UsageError(f"the score of {task.name} knows no relations and lists no errors", hint=hint)
