"""From visits whose lists are known to the folder of a policy with an editor of its own.

A scorer is fitted as `recommender` does it; the editor learns from the scores that each visit got from a
scorer that saw nothing of its patient. This needs no torch; what learns (`stepwise`) does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apothecary.corpora.visits import folds
from apothecary.errors import UsageError
from apothecary.networks.description import file_digest
from apothecary.networks.list_editor import ListEditor, greedy_editor
from apothecary.networks.list_features import ListInputs
from apothecary.tasks.recommending import Case, load_lists
from apothecary.training.list_policies import read_parts, write_policy
from apothecary.training.recommender import Fitted, cases_of, fit, read_facts
from apothecary.training.scorer_fitting import given_matrix, need_fitting
from apothecary.training.stepwise_lists import Learnt, ListRows, Point, Wanted, frontier
from apothecary.training.stepwise_settings import EditorSettings, StepwiseSettings, read_stepwise_settings
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.interactions import InteractionTable

__all__ = ["TrainedEditor", "list_rows", "lists_of", "train_stepwise"]


@dataclass(frozen=True)
class TrainedEditor:
    """The folder of a policy and what became of its training.

    `inner` are the areas of the greedy editor and of the trained one on inner parts (None: not judged);
    `greedy` and `trained` their points on the visits that were kept out, if any.
    """

    folder: Path
    visits: int
    patients: int
    drugs: int
    steps: int
    inner: tuple[float, float] | None
    greedy: tuple[Point, ...] = ()
    trained: tuple[Point, ...] = ()


def train_stepwise(
    config: str | Path,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> TrainedEditor:
    """Train a scorer and a network that edits its lists, and write the folder. `config` is a TOML file.

    `data` is what paths in the file are relative to (None: its folder), `out` the folder (None:
    ``models/<name of the file>``); `resume` goes on with a training that was interrupted; `say` is told how
    it goes. Needs torch. Raises DataError for the first visit that cannot be read, UsageError, FormatError,
    RunMismatch.
    """
    config = Path(config)
    settings = read_stepwise_settings(config)
    scorer = settings.scorer
    need_fitting(scorer.kind)
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "torch is not installed: editors learn by it", hint="pip install 'apothecary[train]'"
        )
    base, folder = Path(data or config.parent), Path(out or Path("models") / config.stem)
    task, path = load_lists(scorer.task), base / scorer.visits
    table = read_interactions([base / name for name in settings.interactions])
    parts = read_parts(path, scorer)
    cases, test = cases_of(parts.train), cases_of(parts.test)
    fitted = fit(cases, scorer, task, replace(read_facts(base, scorer), interactions=table), say)
    if settings.threshold is None:
        settings = replace(settings, threshold=fitted.scorer.threshold)
    identity = _identity(settings, path, table)
    train: Callable[..., Learnt] = import_module("apothecary.training.stepwise").train_editor
    learnt = train(list_rows(fitted, cases, table, settings), settings, folder, identity, say, resume=resume)
    areas = {each.steps: each.area for each in learnt.judged}
    found = TrainedEditor(
        folder,
        len(cases),
        len({case.visit.patient for case in cases}),
        len(fitted.scorer.vocabulary),
        learnt.steps,
        (areas[0], areas[learnt.steps]) if areas else None,
        *(
            tuple(_points(editor, fitted, test, table, settings)) if test else ()
            for editor in (greedy_editor(settings.terms), learnt.editor)
        ),
    )
    about = {**asdict(found), "settings": asdict(settings), "areas_by_steps": areas}
    del about["folder"]
    write_policy(folder, fitted.scorer, parts, replace(learnt.editor, about=about))
    return found


def list_rows(
    fitted: Fitted, cases: Sequence[Case], table: InteractionTable, settings: StepwiseSettings
) -> ListRows:
    """What an editor learns from, given the cases that a scorer was fitted on. Raises UsageError."""
    if fitted.scores is None:
        raise UsageError("too few patients for inner parts, from which an editor learns", hint="two or more")
    patients = {case.visit.patient for case in cases}
    parts = np.zeros(len(cases), np.int64)
    count = min(settings.scorer.folds, len(patients))
    for place, part in enumerate(folds([case.visit for case in cases], count, seed=settings.scorer.seed)):
        out = {visit.patient for visit in part.test}
        parts[[case.visit.patient in out for case in cases]] = place
    inputs, wanted = lists_of(fitted, cases, fitted.scores, table, settings)
    return ListRows(inputs, wanted, parts)


def lists_of(
    fitted: Fitted,
    cases: Sequence[Case],
    scores: NDArray[np.float64],
    table: InteractionTable,
    settings: EditorSettings,
) -> tuple[ListInputs, Wanted]:
    """Cases with their scores as an editor sees them, and the lists that they were given."""
    names, vocabulary = [case.visit.names for case in cases], fitted.scorer.vocabulary
    given = given_matrix(names, vocabulary)
    outside = np.array([len(each) for each in names], np.int64) - given.sum(axis=1)
    weights = table.graded(vocabulary, by_severity=settings.severity)
    return ListInputs.of(scores, weights, 0.0, settings.harm), Wanted.of(given, outside)


def _points(
    editor: ListEditor,
    fitted: Fitted,
    cases: Sequence[Case],
    table: InteractionTable,
    settings: EditorSettings,
) -> list[Point]:
    kept = fitted.scorer
    rows = fitted.space.rows(cases, kept.vocabulary if kept.scorer.reads_earlier else None)
    inputs, wanted = lists_of(fitted, cases, kept.probabilities(rows), table, settings)
    return frontier(editor, inputs, wanted, settings.safeties)


def _identity(settings: StepwiseSettings, visits: Path, table: InteractionTable) -> str:
    """What must not change between the beginning of a training and its end."""
    given: Mapping[str, object] = {
        "settings": asdict(settings),
        "visits": file_digest(visits),
        "interactions": sorted({row.version for row in table.rows}),
    }
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
