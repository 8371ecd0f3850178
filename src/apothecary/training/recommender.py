"""From visits whose lists are known to the folder of a policy that `recommend` reads.

Nothing of a visit is used that is not in the training part: vocabulary, features, titles and weights come
from it alone. Threshold and calibration come from inner parts without a common patient: each visit is scored
by a scorer that saw no visit of its patient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apothecary.corpora.visit_times import earlier_visits, late_inputs, late_warning, patients_of
from apothecary.corpora.visits import folds
from apothecary.errors import DataError
from apothecary.metrics.calibration import expected_calibration_error, platt
from apothecary.metrics.ranking import average_precisions
from apothecary.networks.description import file_digest
from apothecary.networks.visit_scorers import DrugScorer, Rows, Scorer, log_odds, logistic
from apothecary.tasks.recommending import Case, ListTask, Space, load_lists
from apothecary.training.list_policies import read_parts, write_policy
from apothecary.training.recommender_settings import RecommenderSettings, read_recommender_settings
from apothecary.training.scorer_fitting import (
    NETWORKS,
    DrugFacts,
    Lessons,
    fit_scorer,
    given_matrix,
    need_fitting,
)
from apothecary.visits import Visit
from apothecary.vocab.drug_groups import read_drug_groups
from apothecary.vocab.interaction_files import read_interactions

__all__ = ["Fitted", "TrainedScorer", "cases_of", "fit", "measure", "read_facts", "train_recommender"]

Matrix = NDArray[np.float64]
Given = NDArray[np.bool_]

SAMPLE = 50_000
"""Pairs of visit and drug are enough to fit two numbers, and to tell a calibration error."""
THRESHOLDS = np.round(np.arange(0.02, 0.9, 0.01), 2)
BATCH = 4096


@dataclass(frozen=True)
class Fitted:
    """A scorer with the features it was fitted on.

    `scores` are those of its own visits by scorers that saw nothing of their patients, calibrated as its
    own, and `inner` tells of them; None where there were no inner parts. Shapes: scores visits x drugs.
    """

    scorer: DrugScorer
    space: Space
    scores: Matrix | None
    inner: Mapping[str, float] | None


@dataclass(frozen=True)
class TrainedScorer:
    """The folder of a policy with its figures: `inner` as in `Fitted`, `held_out` on what was kept out."""

    folder: Path
    visits: int
    patients: int
    drugs: int
    threshold: float
    inner: Mapping[str, float] | None
    held_out: Mapping[str, float] | None


@dataclass(frozen=True)
class _Labels:
    """Which drugs of the vocabulary each visit had, and how many drugs it had in all."""

    given: Given
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, cases: Sequence[Case], vocabulary: Sequence[str]) -> _Labels:
        """The labels of cases whose lists are known."""
        names = [case.visit.names for case in cases]
        return cls(given_matrix(names, vocabulary), np.array([len(each) for each in names], dtype=np.int64))


def train_recommender(
    config: str | Path,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> TrainedScorer:
    """Train what `recommend` scores drugs by, and write its folder. `config` is a TOML file.

    `data` is what the path of the visits is relative to (None: the folder of the file), `out` the folder
    (None: ``models/<name of the file>``); `say` is told how it goes. Raises DataError for the first visit
    that cannot be read, UsageError, FormatError.
    """
    config = Path(config)
    settings = read_recommender_settings(config)
    need_fitting(settings.kind)
    task = load_lists(settings.task)
    path = Path(data or config.parent) / settings.visits
    folder = Path(out or Path("models") / config.stem)
    parts = read_parts(path, settings)
    cases, test = cases_of(parts.train), cases_of(parts.test)
    patients = len({case.visit.patient for case in cases})
    say(f"{len(cases)} visits of {patients} patients to learn from, {len(parts.test)} kept out")
    fitted = fit(cases, settings, task, read_facts(Path(data or config.parent), settings), say)
    found = measure(fitted, test) if test else None
    about = {**fitted.scorer.about, "held_out": found, "visits_sha256": file_digest(path)}
    write_policy(folder, replace(fitted.scorer, about=about), parts)
    drugs, threshold = len(fitted.scorer.vocabulary), fitted.scorer.threshold
    return TrainedScorer(folder, len(cases), patients, drugs, threshold, fitted.inner, found)


def cases_of(visits: Sequence[Visit]) -> list[Case]:
    """The visits whose lists are known and not empty, each with its history. Raises DataError."""
    return [
        Case(visit, earlier_visits(visit, patient.visits))
        for patient in patients_of(visits)
        for visit in patient.visits
        if visit.drugs
    ]


def fit(
    cases: Sequence[Case],
    settings: RecommenderSettings,
    task: ListTask,
    facts: DrugFacts | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Fitted:
    """Fit a scorer on cases whose lists are known; `facts` are for kinds that learn from them, too.

    Raises DataError when the cases are too few, UsageError.
    """
    support = Counter(name for case in cases for name in case.visit.names)
    vocabulary = tuple(sorted(name for name, count in support.items() if count >= settings.min_support))
    if not vocabulary:
        hint = f"no drug was given in {settings.min_support} visits; lower min_support"
        raise DataError(f"{len(cases)} visits are too few to learn from", hint=hint)
    say(f"{len(vocabulary)} of {len(support)} drugs were given in {settings.min_support} visits or more")
    late = sum(bool(late_inputs(each.visit, each.history)) for each in cases)
    for warning in late_warning((late, len(cases), "visits to learn from")):
        say(f"warning: {warning}")
    labels = _Labels.of(cases, vocabulary)
    facts = facts or DrugFacts()
    parts = facts.having(vocabulary)
    if facts.parts:
        say(f"{0 if parts is None else int(parts.any(axis=0).sum())} of them have known parts of molecules")
    fitting = _Fitting(settings, task, vocabulary, facts.interacting(vocabulary), parts)
    scores = _inner_scores(cases, labels, fitting)
    space, rows, fitted = fitting.of(cases, labels.given)
    about: dict[str, object] = {
        "visits": len(cases),
        "patients": len({case.visit.patient for case in cases}),
        "bare_visits": int(space.bare(rows).sum()),
        "visits_with_inputs_known_late": late,
        "settings": asdict(settings),
    }
    scorer = DrugScorer(
        kind=settings.kind,
        vocabulary=vocabulary,
        features=space.names,
        scorer=fitted,
        shares=labels.given.mean(axis=0),
        titles=space.titles,
    )
    if scores is None:
        say("too few patients for inner parts: no calibration, and a threshold of 0.5")
        return Fitted(replace(scorer, about={**about, "inner": None}), space, None, None)
    slope, intercept = _calibrated(scores, labels.given, settings.seed)
    said = logistic(slope * log_odds(scores) + intercept)
    threshold = _threshold(said, labels)
    inner = {
        **_figures(said, labels, threshold, settings.seed),
        "ece_uncalibrated": _calibration_error(scores, labels.given, settings.seed),
    }
    scorer = replace(
        scorer, slope=slope, intercept=intercept, threshold=threshold, about={**about, "inner": inner}
    )
    return Fitted(scorer, space, said, inner)


def measure(fitted: Fitted, cases: Sequence[Case], *, seed: int = 0) -> dict[str, float]:
    """Figures of the first list (all drugs from the threshold on) over cases whose lists are known."""
    scorer = fitted.scorer
    parts = (cases[start : start + BATCH] for start in range(0, len(cases), BATCH))
    drugs = scorer.vocabulary if scorer.scorer.reads_earlier else None
    found = np.concatenate([scorer.probabilities(fitted.space.rows(part, drugs)) for part in parts])
    return _figures(found, _Labels.of(cases, scorer.vocabulary), scorer.threshold, seed)


@dataclass(frozen=True)
class _Fitting:
    """Fits scorers of one vocabulary; the rest is what is known of its drugs, as in `Lessons`."""

    settings: RecommenderSettings
    task: ListTask
    vocabulary: tuple[str, ...]
    interacting: Given
    parts: Given | None

    @property
    def earlier(self) -> tuple[str, ...] | None:
        """The drugs of earlier visits that are to be read; None where these are not."""
        return self.vocabulary if self.settings.kind in NETWORKS else None

    def of(self, cases: Sequence[Case], given: Given) -> tuple[Space, Rows, Scorer]:
        """The features of cases, their rows, and what was fitted on them."""
        space = self.task.learn(cases, self.settings.min_features)
        rows = space.rows(cases, self.earlier)
        lessons = Lessons(rows, space.names, given, self.interacting, self.parts)
        return space, rows, fit_scorer(lessons, self.settings)


def _inner_scores(cases: Sequence[Case], labels: _Labels, fitting: _Fitting) -> Matrix | None:
    """The scores of each visit by a scorer that saw nothing of its patient; None for less than two parts."""
    patients = {case.visit.patient for case in cases}
    count = min(fitting.settings.folds, len(patients))
    if count < 2:
        return None
    found = np.zeros(labels.given.shape)
    for part in folds([case.visit for case in cases], count, seed=fitting.settings.seed):
        out = {visit.patient for visit in part.test}
        tested = np.array([case.visit.patient in out for case in cases])
        train = [case for case, test in zip(cases, tested, strict=True) if not test]
        test = [case for case, test in zip(cases, tested, strict=True) if test]
        space, _, scorer = fitting.of(train, labels.given[~tested])
        found[tested] = scorer.probabilities(space.rows(test, fitting.earlier))
    return found


def _calibrated(scores: Matrix, given: Given, seed: int) -> tuple[float, float]:
    chosen = _sample(scores.size, seed)
    slope, intercept = platt(log_odds(scores).ravel()[chosen].tolist(), given.ravel()[chosen].tolist())
    # A scorer that ranks worse than by chance is not to be turned round.
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


def _threshold(said: Matrix, labels: _Labels) -> float:
    """The one with the highest mean Jaccard index, of equals the highest."""
    found = [_overlap(said >= threshold, labels)[0].mean() for threshold in THRESHOLDS]
    best = len(found) - 1 - int(np.argmax(found[::-1]))
    return float(THRESHOLDS[best])


def _overlap(listed: Given, labels: _Labels) -> tuple[Matrix, Matrix]:
    """Jaccard index and F1 of each visit."""
    shared, sizes = (listed & labels.given).sum(axis=1), listed.sum(axis=1) + labels.sizes
    return shared / np.maximum(sizes - shared, 1), 2 * shared / np.maximum(sizes, 1)


def _figures(said: Matrix, labels: _Labels, threshold: float, seed: int) -> dict[str, float]:
    listed = said >= threshold
    jaccard, f1 = _overlap(listed, labels)
    lengths = np.full(len(said), said.shape[1], dtype=np.int64)
    precision = average_precisions(labels.given.ravel(), said.ravel(), lengths, labels.sizes)
    return {
        "jaccard": float(jaccard.mean()),
        "f1": float(f1.mean()),
        "prauc": float(precision.mean()),
        "mean_drugs": float(listed.sum(axis=1).mean()),
        "ece": _calibration_error(said, labels.given, seed),
    }


def _calibration_error(said: Matrix, given: Given, seed: int) -> float:
    chosen = _sample(said.size, seed)
    return expected_calibration_error(said.ravel()[chosen].tolist(), given.ravel()[chosen].tolist())


def _sample(size: int, seed: int) -> NDArray[np.int64]:
    if size <= SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).choice(size, SAMPLE, replace=False))


def read_facts(folder: Path, settings: RecommenderSettings) -> DrugFacts:
    """What the settings name of drugs, relative to `folder`. Raises DataError, UsageError."""
    tables = [folder / name for name in settings.interactions]
    parts = read_drug_groups(folder / settings.parts, "part") if settings.parts else ()
    return DrugFacts(read_interactions(tables), parts) if tables else DrugFacts(parts=parts)
