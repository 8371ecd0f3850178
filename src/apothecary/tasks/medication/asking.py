"""How this task asks a language model for lists, as it is found by the name of its folder.

The model scores every drug, or edits the list, or both; vocabulary, shares and what the model is not asked
for come from a policy that lists begin with. Masks, budget and reasons are those of any policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError
from apothecary.metrics.calibration import platt
from apothecary.networks.visit_scorers import DrugScorer, log_odds, logistic
from apothecary.tasks.flow import Problem
from apothecary.tasks.list_asking import Asked, Asking, Drive
from apothecary.tasks.medication import list_prompts, questions
from apothecary.tasks.medication.ask_settings import AskSettings
from apothecary.tasks.medication.feature_scorer import FeatureScorer
from apothecary.tasks.medication.lessons import list_lessons, question_lessons
from apothecary.tasks.medication.line_rewards import Mode
from apothecary.tasks.medication.lines import places_of
from apothecary.tasks.medication.list_editing import Edited, ListForm, edit_loop, two_passes
from apothecary.tasks.medication.list_state import ListState
from apothecary.tasks.medication.scored import Drugs, read_gold, read_predictions
from apothecary.tasks.medication.soft_tables import soft_tables
from apothecary.tasks.medication.visit_text import visit_text
from apothecary.tasks.medication.weighing import SAFETY, Declined, WeighedDraft
from apothecary.tasks.prompting import prompt_digest
from apothecary.tasks.recommending import (
    Case,
    CaseScorer,
    Draft,
    Edit,
    Lister,
    Policy,
    Proposed,
    Reason,
    Recommended,
    Scores,
)
from apothecary.tasks.rows import Rows
from apothecary.tasks.settings import as_record, bind

__all__ = ["ASKING"]

_PASSES: Mapping[str, tuple[Mode, ...]] = {"loop": ("edit",), "two": ("add", "remove")}
_THRESHOLDS = np.round(np.arange(0.02, 0.98, 0.01), 2)
REFUSED, UNANSWERED = "line that made no edit", "question without an answer"
_WORSE = "it would make the list worse"


@dataclass(frozen=True)
class _Tally:
    """What went wrong since it was last told, by visit: refused lines, questions without an answer, and
    edits that were declined."""

    refused: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    declined: dict[str, tuple[Declined, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Questions:
    """Scores by asking about every drug; without an answer the share of the training visits stands."""

    start: CaseScorer
    settings: AskSettings
    drive: Drive
    tally: _Tally

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """That of the policy that lists begin with."""
        return self.start.vocabulary

    @property
    def threshold(self) -> float:
        """As fitted for the engine."""
        return self.settings.fitted_threshold

    @property
    def shares(self) -> NDArray[np.float64]:
        """Those of the policy that lists begin with."""
        return self.start.shares

    def score(self, cases: Sequence[Case]) -> Scores:
        """A question for each case and drug; nothing is known of a case without any answer."""
        own = self.settings
        flows = [questions.ask_about(case, self.vocabulary, note=own.note, soft=own.kinds) for case in cases]
        odds = np.array(self.drive(flows)).reshape(len(cases), len(self.vocabulary))
        silent = np.isnan(odds)
        for case, row in zip(cases, silent, strict=True):
            self.tally.unanswered[case.visit.id] += int(row.sum())
        found = logistic(own.slope * np.where(silent, 0.0, odds) + own.intercept)
        return Scores(np.where(silent, self.shares, found), silent.all(axis=1))


@dataclass(frozen=True)
class _Edits:
    """Edits by asking about the list."""

    form: ListForm
    settings: AskSettings
    drive: Drive
    tally: _Tally

    def edit(self, drafts: Sequence[Draft]) -> list[tuple[Edit, ...]]:
        """The edits that the model makes in each list."""
        own = self.settings
        flow = edit_loop if own.passes == "loop" else two_passes
        flows = [
            flow(
                visit_text(draft.case, note=own.note, soft=own.kinds),
                self._state(draft),
                self.form,
                draft.weigh if isinstance(draft, WeighedDraft) else None,
            )
            for draft in drafts
        ]
        return [self._told(draft, each) for draft, each in zip(drafts, self.drive(flows), strict=True)]

    def _state(self, draft: Draft) -> ListState:
        places = {name: place for place, name in enumerate(self.form.vocabulary)}
        return ListState.of(
            (places[name] for name in draft.drugs),
            len(self.form.vocabulary),
            barred=(places[name] for name in draft.barred),
            budget=draft.budget,
        )

    def _told(self, draft: Draft, edited: Edited) -> tuple[Edit, ...]:
        visit = draft.case.visit.id
        self.tally.refused[visit] += edited.refused
        self.tally.unanswered[visit] += edited.unanswered
        self.tally.declined[visit] = edited.declined
        return tuple(
            (action.kind, self.form.vocabulary[action.drug])
            for action in edited.actions
            if action.kind != "stop"
        )


@dataclass(frozen=True)
class _Told:
    """A lister whose rows say what the model said in vain."""

    inner: Lister
    tally: _Tally
    vocabulary: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the lister."""
        return self.inner.warnings

    def recommend(self, cases: Sequence[Case]) -> list[Recommended]:
        """Its rows, with what was refused."""
        return [
            self._told(case.visit.id, each)
            for case, each in zip(cases, self.inner.recommend(cases), strict=True)
        ]

    def along(self, cases: Sequence[Case], safeties: Sequence[float]) -> list[list[Proposed]]:
        """As the lister."""
        return self.inner.along(cases, safeties)

    def _told(self, visit: str, found: Recommended) -> Recommended:
        refused, unanswered = self.tally.refused.pop(visit, 0), self.tally.unanswered.pop(visit, 0)
        declined = [self._row(each) for each in self.tally.declined.pop(visit, ())]
        reasons = [_WORSE if each["reason"] == SAFETY else each["reason"] for each in declined]
        remarks = (
            *found.remarks,
            *[REFUSED] * refused,
            *(f"edit not made: {reason}" for reason in reasons),
            *[UNANSWERED] * unanswered,
        )
        record = {**found.record, "refused": refused}
        if declined:
            record["declined"] = declined
        told = f"{unanswered:,} questions have no answer: the list stands without them"
        problems = (Problem("medication", visit, "Unanswered", told),) if unanswered else ()
        return replace(found, record=record, remarks=remarks, problems=problems)

    def _row(self, each: Declined) -> Reason:
        drug = self.vocabulary[each.action.drug]
        return {"action": each.action.kind, "drug": drug, "reason": each.reason, **each.terms}


def _asked(settings: Mapping[str, object]) -> tuple[str, ...]:
    own, _ = _split(settings)
    edits = [list_prompts.STEPS[mode] for mode in _PASSES[own.passes]] if own.asks != "scores" else []
    return (*([questions.STEP] if own.asks != "edits" else []), *edits)


def _prepare(start: Policy, settings: Mapping[str, object], drive: Drive) -> Asked:
    (own, rest), tally = _split(settings), _Tally()
    base = FeatureScorer(start.scorer) if isinstance(start.scorer, DrugScorer) else start.scorer
    form = ListForm(base.vocabulary, places_of(base.vocabulary), own.lines, own.turns)
    policy = Policy(
        kind="engine",
        scorer=base if own.asks == "edits" else _Questions(base, own, drive, tally),
        editor=None if own.asks == "scores" else _Edits(form, own, drive, tally),
        about={"start": start.kind, "asks": own.asks},
    )
    return Asked(policy, lambda lister: _Told(lister, tally, base.vocabulary), rest, as_record(own))


def _split(settings: Mapping[str, object]) -> tuple[AskSettings, Mapping[str, object]]:
    """The settings of the asking, and all others."""
    names = {each.name for each in fields(AskSettings)}
    rest = {name: value for name, value in settings.items() if name not in names}
    return bind(AskSettings, {name: settings[name] for name in settings if name in names}), rest


def _fit(gold: Rows, predictions: Rows) -> dict[str, object]:
    """Slope, intercept and the threshold of the highest mean Jaccard index, from scores that a run recorded.

    Raises DataError without a visit that has a list and scores.
    """
    drugs = Drugs()
    visits = read_gold(gold, drugs)
    said = read_predictions(predictions, drugs, visits.ids)
    rows = [(each, said[each.id]) for each in visits.rows if each.id in said and len(said[each.id].scores)]
    if not rows:
        raise DataError("no visit has both a list and scores", hint="a run over visits whose lists are known")
    given = [np.isin(found.scored, each.drugs) for each, found in rows]
    odds = [log_odds(found.scores) for _, found in rows]
    slope, intercept = platt(np.concatenate(odds).tolist(), np.concatenate(given).tolist())
    if slope <= 0:
        # A model that ranks no better than by chance is not to be turned round.
        slope, intercept = 1.0, 0.0
    fitted = [logistic(slope * each + intercept) for each in odds]
    sizes = [len(each.drugs) for each, _ in rows]
    overlaps = np.array(
        [
            [_jaccard(found >= threshold, own, size) for threshold in _THRESHOLDS]
            for found, own, size in zip(fitted, given, sizes, strict=True)
        ]
    ).mean(axis=0)
    best = len(overlaps) - 1 - int(np.argmax(overlaps[::-1]))
    return {
        "fitted_threshold": float(_THRESHOLDS[best]),
        "slope": slope,
        "intercept": intercept,
        "jaccard": float(overlaps[best]),
        "visits": len(rows),
    }


def _jaccard(listed: NDArray[np.bool_], given: NDArray[np.bool_], gold: int) -> float:
    shared = int((listed & given).sum())
    return shared / max(1, int(listed.sum()) + gold - shared)


ASKING = Asking(
    name="medication",
    steps=(questions.STEP, *list_prompts.STEPS.values()),
    asked=_asked,
    prepare=_prepare,
    fit=_fit,
    lists=list_lessons,
    questions=question_lessons,
    tables=soft_tables,
    prompts={"question.txt": prompt_digest(questions.QUESTION), **list_prompts.PROMPTS},
)
