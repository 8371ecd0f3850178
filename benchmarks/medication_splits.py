"""One split of the medication benchmark: all scorers and editors on the same patients, in sums by patient."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from apothecary.corpora.visit_import import ImportOptions, import_visits
from apothecary.corpora.visits import split
from apothecary.formats import visit_rows
from apothecary.metrics.clusters import clustered
from apothecary.metrics.lists import interacting_pairs, overlap, pairs, share
from apothecary.tasks.recommending import Case, Knowledge, Policy, Proposed, load_lists
from apothecary.training.advantages import Estimator
from apothecary.training.recommender import Fitted, cases_of, fit, measure
from apothecary.training.recommender_settings import Kind, RecommenderSettings
from apothecary.training.scorer_fitting import DrugFacts
from apothecary.training.stepwise import train_editor
from apothecary.training.stepwise_recommender import list_rows
from apothecary.training.stepwise_settings import AdvantageSettings, StepwiseSettings
from apothecary.visits import Visit
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.interactions import InteractionTable
from benchmarks.pocket_figures import DATA, Results

__all__ = [
    "ALPHAS",
    "COLUMNS",
    "DEMOS",
    "EDITORS",
    "ESTIMATORS",
    "GOLD",
    "SCORERS",
    "SOURCES",
    "Records",
    "measure_split",
    "read_records",
    "tables",
]

SUPPORT, TEST = 5, 0.25
ALPHAS = (0.0, 0.5, 1.0, 2.0, 4.0)
SCORERS: tuple[Kind, ...] = ("popularity", "knn", "logistic", "safedrug", "gamenet")
EDITORS = ("greedy", "two-pass", "beam", "exact")
"""Without a model, over the scores of the logistic regression; greedy over those of all scorers."""
ESTIMATORS: tuple[Estimator, ...] = ("return_to_go", "outcome", "flame", "per_step")
JUDGED = 2
"""Inner parts on which the number of steps of the neural editor is chosen: one less than usual, for time."""
SOURCES = {"PDDI": "pddi-merged-2017", "CRESCENDDI": "crescenddi"}
"""The first is what lists are edited by, and networks learn from; rates are told by both."""
GOLD = "gold"
COLUMNS = (
    "visits",
    "jaccard",
    "f1",
    "drugs",
    "edits",
    "pairs",
    *(f"{a} {b}" for b in SOURCES for a in ("linked", "rate")),
    "changes",
    "right",
)
"""The last two: drugs that differ from the first list, and how many of these lead towards the given one."""
DEMOS = {"mimic3": ("mimic3", "mimic-iii-demo-1.4"), "mimic4": ("meds", "mimic4-demo-meds")}
_DIGITS = 6

Sums = dict[str, list[float]]
"""By patient the sums of `COLUMNS` over the visits of a test part."""


@dataclass(frozen=True)
class Records:
    """The visits of a demo, with the tables of interactions."""

    name: str
    visits: tuple[Visit, ...]
    tables: Mapping[str, InteractionTable]

    @cached_property
    def places(self) -> dict[str, int]:
        """A number for every drug of any list."""
        names = sorted({name for visit in self.visits for name in visit.names})
        return {name: place for place, name in enumerate(names)}

    @cached_property
    def matrices(self) -> list[NDArray[np.float64]]:
        """Which drugs interact, by each source."""
        return [table.matrix(list(self.places)) for table in self.tables.values()]

    @property
    def editing(self) -> InteractionTable:
        """What lists are edited by."""
        return next(iter(self.tables.values()))

    def sums(
        self, cases: Sequence[Case], proposed: Sequence[Proposed], first: Sequence[Proposed] | None = None
    ) -> Sums:
        """Lists against those that were given; `first` are what they were edited from (None: the same)."""
        lists = [[self.places[name] for name in each.drugs] for each in proposed]
        found = overlap(lists, [[self.places[name] for name in case.visit.names] for case in cases])
        every = pairs(found.predicted)
        edits = np.array([each.edits for each in proposed])
        columns = [np.ones(len(cases)), found.jaccard, found.f1, found.predicted, edits, every]
        for matrix in self.matrices:
            linked = interacting_pairs(lists, matrix)
            columns += [linked, share(linked, every)]
        columns += changes(cases, proposed, first or proposed)
        owners = [case.visit.patient for case in cases]
        table = clustered(np.column_stack(columns), owners).round(_DIGITS)
        return dict(zip(dict.fromkeys(owners), table.tolist(), strict=True))


def changes(
    cases: Sequence[Case], proposed: Sequence[Proposed], first: Sequence[Proposed]
) -> list[NDArray[np.int64]]:
    """How many drugs of each list differ from the first one, and how many of these lead towards gold."""
    found = []
    for case, own, begun in zip(cases, proposed, first, strict=True):
        changed = set(own.drugs) ^ set(begun.drugs)
        nearer = sum((name in own.drugs) == (name in case.visit.names) for name in changed)
        found.append((len(changed), nearer))
    return list(np.array(found, dtype=np.int64).reshape(-1, 2).T)


def tables() -> dict[str, InteractionTable]:
    """Both sources; reading them takes some seconds."""
    return {name: read_interactions([DATA / "interactions" / folder]) for name, folder in SOURCES.items()}


def read_records(name: str, work: Path, known: Mapping[str, InteractionTable]) -> Records:
    """Import a demo; its visits are written to `work`, with the audit."""
    kind, folder = DEMOS[name]
    path = work / f"{name}.jsonl"
    import_visits(DATA / "ehr" / folder, kind, path, ImportOptions(min_support=SUPPORT))
    return Records(name, tuple(visit_rows.read_whole(path)), known)


def measure_split(records: Records, seed: int, estimators: Sequence[Estimator]) -> Results:
    """Everything on one split. `estimators` are those that the neural editor is trained by."""
    parts = split(records.visits, {"train": 1 - TEST, "test": TEST}, seed=seed)
    train, test = cases_of(parts["train"]), cases_of(parts["test"])
    given = [Proposed(case.visit.names, 0, 1.0) for case in test]
    systems: dict[str, dict[str, Sums]] = {GOLD: {"": records.sums(test, given)}}
    scorers: dict[str, Mapping[str, float]] = {}
    seconds: dict[str, float] = {}
    for kind in SCORERS:
        begun = time.process_time()
        settings = RecommenderSettings("", kind=kind, min_support=SUPPORT, seed=seed)
        fitted = fit(train, settings, load_lists("medication"), DrugFacts(records.editing))
        seconds[kind] = time.process_time() - begun
        scorers[kind] = measure(fitted, test)
        policy = Policy(kind, fitted.scorer)
        systems[kind] = along(records, policy, test, {"editor": "none"}, ALPHAS[:1])
        editors = EDITORS if kind == "logistic" else EDITORS[:1]
        for editor in editors:
            begun = time.process_time()
            systems[f"{kind} {editor}"] = along(records, policy, test, editing(editor), ALPHAS)
            seconds[f"{kind} {editor}"] = time.process_time() - begun
        if kind == "logistic":
            for estimator in estimators:
                begun = time.process_time()
                name = f"{kind} neural {estimator}"
                found, steps = neural(records, fitted, train, settings, estimator)
                seconds[name], scorers[name] = time.process_time() - begun, {"steps": steps}
                systems[name] = along(records, found, test, {}, ALPHAS)
    return {"test": len(test), "systems": systems, "scorers": scorers, "seconds": seconds}


def editing(editor: str) -> dict[str, object]:
    """The settings of an editor by its name on the page."""
    return {"composition": "two-pass"} if editor == "two-pass" else {"editor": editor}


def along(
    records: Records,
    policy: Policy,
    cases: Sequence[Case],
    settings: Mapping[str, object],
    alphas: Sequence[float],
) -> dict[str, Sums]:
    """The lists of a policy at each alpha, made as ``recommend`` makes them."""
    task, known = load_lists("medication"), Knowledge(records.editing)
    lister, _ = task.prepare(policy, known, settings)
    plain, _ = task.prepare(Policy(policy.kind, policy.scorer), known, {"editor": "none"})
    (first,) = plain.along(cases, [0.0])
    lists = lister.along(cases, alphas)
    return {f"{alpha:g}": records.sums(cases, each, first) for alpha, each in zip(alphas, lists, strict=True)}


def neural(
    records: Records,
    fitted: Fitted,
    cases: Sequence[Case],
    scorer: RecommenderSettings,
    estimator: Estimator,
) -> tuple[Policy, int]:
    """The editor of ``train stepwise`` over a scorer that is fitted, and the number of its steps."""
    settings = StepwiseSettings(
        scorer=scorer,
        interactions=("",),
        threshold=fitted.scorer.threshold,
        advantage=replace(AdvantageSettings(), estimator=estimator),
        safeties=ALPHAS,
        judged_parts=JUDGED,
    )
    rows = list_rows(fitted, cases, records.editing, settings)
    with TemporaryDirectory() as folder:
        learnt = train_editor(rows, settings, Path(folder) / "editor", "")
    return Policy("stepwise", fitted.scorer, learnt.editor), learnt.steps
