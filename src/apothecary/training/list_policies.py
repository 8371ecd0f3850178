"""What the trainings of list policies share: the visits they learn from and keep out, and their folder."""

from __future__ import annotations

from pathlib import Path

from apothecary.corpora.visits import HoldOut, split
from apothecary.errors import UsageError
from apothecary.formats import visit_rows
from apothecary.networks.list_editor import ListEditor, write_editor
from apothecary.networks.scorer_files import PART, write_scorer
from apothecary.networks.visit_scorers import DrugScorer
from apothecary.training.recommender_settings import RecommenderSettings

__all__ = ["HELD_OUT", "read_parts", "write_policy"]

HELD_OUT = "held-out.jsonl"
"""The visits that a training kept out, in the folder of its policy."""


def read_parts(path: Path, settings: RecommenderSettings) -> HoldOut:
    """The visits of a file to learn from, and those that are kept out.

    Raises DataError for the first visit that cannot be read, FormatError.
    """
    shares = {"train": 1 - settings.held_out, "test": settings.held_out}
    parts = split(visit_rows.read_whole(path), shares, seed=settings.seed)
    return HoldOut(parts["train"], parts["test"])


def write_policy(folder: Path, scorer: DrugScorer, parts: HoldOut, editor: ListEditor | None = None) -> None:
    """Write the folder of a policy, with the visits that were kept out. Raises UsageError."""
    try:
        write_scorer(folder if editor is None else folder / PART, scorer)
        if editor is not None:
            write_editor(folder, editor)
        if parts.test:
            with (folder / HELD_OUT).open("w", encoding="utf-8") as stream:
                visit_rows.write(parts.test, stream)
    except OSError as error:
        where = str(error.filename or folder)
        raise UsageError(f"cannot write the policy: {error.strerror}", where=where) from error
