"""How this task makes lists for visits, as it is found by the name of its folder.

Probabilities of a scorer give a first list; hard masks bar what must not be in it; an editor changes it
within its budget; every drug gets its reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from apothecary.errors import UsageError, first_few
from apothecary.networks.list_editor import ListEditor
from apothecary.networks.visit_scorers import DrugScorer
from apothecary.tasks.medication.editors import Editor, Problem, beam, first_lists, greedy, two_pass
from apothecary.tasks.medication.exact_editor import exact
from apothecary.tasks.medication.feature_scorer import FeatureScorer
from apothecary.tasks.medication.features import learn_space
from apothecary.tasks.medication.learnt_editors import by_names, by_network
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.masks import Barred, HardMasks, VisitMask
from apothecary.tasks.medication.objective import Measure, Objective
from apothecary.tasks.medication.reasons import Path, Teller, paths, said_of_pairs
from apothecary.tasks.recommending import (
    Case,
    CaseEditor,
    CaseScorer,
    Knowledge,
    Lister,
    ListTask,
    Policy,
    Proposed,
    Reason,
    Recommended,
    Scores,
)
from apothecary.tasks.settings import as_record, bind

__all__ = ["LISTS", "ListSettings", "MedicationLister"]

Matrix = NDArray[np.float64]

DEFAULT_SAFETY = 0.5
_DIGITS = 6
_NO_DRUG = 2.0
"""A threshold that no probability reaches."""
_BARE = "nothing of the visit is known to the policy: shares of the training visits"


@dataclass(frozen=True)
class ListSettings:
    """What a user may set.

    `safety` is the weight of interactions, 0 for none; where a language model edits it is off (None) unless
    it is given, and on it keeps the model from edits that lower the objective (`weighing`). `editor` changes
    the first list by at most `edits` drugs (``none``: leaves it). `composition` ``two-pass`` chooses
    additions and removals apart, as published. `measure` says how interactions count
    (`objective.MEASURES`), `severity` whether by `interactions.GRADES`, `target` how many cost nothing.
    `width` is that of the beam, `open_drugs` those that the exact editor tries. `threshold` stands for the
    policy's own (above 1: lists begin empty). `evidence` is how many features a reason names.

    A policy with an editor of its own (``own``) gives other defaults: that editor, with the measure,
    severity, target, edits and threshold that it was trained for.
    """

    safety: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = DEFAULT_SAFETY
    editor: Literal["greedy", "beam", "exact", "none", "own"] = "greedy"
    edits: Annotated[int, Field(ge=0)] = 10
    composition: Literal["loop", "two-pass"] = "loop"
    measure: Measure = "rate"
    severity: bool = False
    target: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    width: Annotated[int, Field(ge=1, le=256)] = 8
    open_drugs: int = 14
    threshold: Annotated[float, Field(ge=0, le=2)] | None = None
    evidence: Annotated[int, Field(ge=0)] = 3


@dataclass(frozen=True)
class _Begun:
    """Visits with their scores and first lists; `rivals` were left out, each for a drug."""

    cases: Sequence[Case]
    scores: Scores
    masks: Sequence[VisitMask]
    states: Sequence[ListState]
    rivals: Sequence[Mapping[int, int]]


@dataclass(frozen=True)
class MedicationLister:
    """A policy that is ready for visits."""

    policy: Policy
    knowledge: Knowledge
    settings: ListSettings

    @property
    def warnings(self) -> tuple[str, ...]:
        """Drugs that no table of interactions knows, and what the user excludes that nobody knows."""
        table, names = self.knowledge.interactions, self.scorer.vocabulary
        unknown = [name for name in names if not table.knows(name)]
        found = []
        if unknown:
            found.append(
                f"{len(unknown)} of {len(names)} drugs of the policy are in no table of interactions, "
                f"which does not make them safe: {first_few(unknown)}"
            )
        if self.masks.unknown_exclusions:
            found.append(f"excluded, but not known: {first_few(self.masks.unknown_exclusions)}")
        return tuple(found)

    def recommend(self, cases: Sequence[Case]) -> list[Recommended]:
        """A list for each case, every drug of it with its reasons."""
        begun = self._begin(cases)
        ways = self._ways(begun, self.settings.safety)
        return [self._recommended(begun, way, place) for place, way in enumerate(ways)]

    def along(self, cases: Sequence[Case], safeties: Sequence[float]) -> list[list[Proposed]]:
        """For each weight of interactions the lists of all cases."""
        begun = self._begin(cases)
        return [
            [
                Proposed(self._names(way.final), len(way.actions), float(way.expected[-1]))
                for way in self._ways(begun, safety)
            ]
            for safety in safeties
        ]

    @cached_property
    def masks(self) -> HardMasks:
        """The hard masks over the policy's vocabulary."""
        return HardMasks(self.scorer.vocabulary, self.knowledge)

    @cached_property
    def scorer(self) -> CaseScorer:
        """What scores visits."""
        kept = self.policy.scorer
        return FeatureScorer(kept) if isinstance(kept, DrugScorer) else kept

    @cached_property
    def _threshold(self) -> float:
        own = self.settings.threshold
        return self.scorer.threshold if own is None else own

    @cached_property
    def _weights(self) -> Matrix:
        table, severity = self.knowledge.interactions, self.settings.severity
        return table.graded(self.scorer.vocabulary, by_severity=severity)

    @cached_property
    def _teller(self) -> Teller:
        names = self.scorer.vocabulary
        said = said_of_pairs(self.knowledge.interactions, names)
        shares = np.round(self.scorer.shares, _DIGITS).tolist()
        beneficial = said_of_pairs(self.knowledge.interactions.beneficial, names)
        return Teller(names, said, shares, round(self._threshold, _DIGITS), beneficial)

    def _ways(self, begun: _Begun, safety: float | None) -> list[Path]:
        settings, alpha = self.settings, DEFAULT_SAFETY if safety is None else safety
        objective = Objective(alpha, self._weights, settings.measure, settings.target)
        problem = Problem(begun.states, begun.scores.probabilities, objective, self.masks.rivals)
        return paths(problem, self._editor(begun.cases, weighed=safety is not None)(problem), objective)

    def _editor(self, cases: Sequence[Case], *, weighed: bool) -> Editor:
        settings, own = self.settings, self.policy.editor
        if settings.editor == "own" and own is not None:
            if isinstance(own, ListEditor):
                return by_network(own)
            return by_names(own, cases, self.scorer.vocabulary, weighed=weighed)
        if settings.editor == "exact":
            return exact(settings.open_drugs, self._threshold)
        if settings.editor == "beam":
            return beam(settings.width)
        if settings.editor == "none":
            return _untouched
        return two_pass if settings.composition == "two-pass" else greedy

    def _begin(self, cases: Sequence[Case]) -> _Begun:
        scores = self.scorer.score(cases)
        masks = [self.masks.of_visit(case.visit) for case in cases]
        barred = [mask.barred for mask in masks]
        lists, rivals = first_lists(scores.probabilities, self._threshold, barred, self.masks.rivals)
        size, budget = len(self.scorer.vocabulary), self.settings.edits
        states = [
            ListState.of(drugs, size, barred=out, budget=budget)
            for drugs, out in zip(lists, barred, strict=True)
        ]
        return _Begun(cases, scores, masks, states, rivals)

    def _recommended(self, begun: _Begun, way: Path, place: int) -> Recommended:
        case, mask, scores = begun.cases[place], begun.masks[place], begun.scores
        own = scores.probabilities[place]
        probable = np.round(own, _DIGITS).tolist()
        final, bare = way.final, bool(scores.bare[place])
        evidence = self._evidence(scores, place, final)
        taken = {drug: why for drug, why in mask.barred.items() if own[drug] >= self._threshold}
        rivals = {
            drug: (winner, self.masks.shared_class(drug, winner))
            for drug, winner in begun.rivals[place].items()
        }
        record: dict[str, object] = {
            "id": case.visit.id,
            "visit_id": case.visit.id,
            "drugs": list(self._names(final)),
            "scores": dict(zip(self.scorer.vocabulary, probable, strict=True)),
            "edits": [
                {"action": action.kind, "drug": self.scorer.vocabulary[action.drug]} for action in way.actions
            ],
            "expected_jaccard": round(float(way.expected[-1]), _DIGITS),
            "interactions": round(float(way.interactions[-1]), _DIGITS),
            "barred": len(mask.barred),
            "reasons": self._teller.listed(way, probable, evidence, bare=bare),
            "removed": self._teller.removed(way, probable, taken, rivals),
        }
        remarks = _remarks(mask, taken, rivals, bare=bare)
        if bare:
            record["note"] = _BARE
        return Recommended(record, remarks)

    def _evidence(self, scores: Scores, place: int, drugs: Sequence[int]) -> Callable[[int], list[Reason]]:
        """For a drug what speaks most for it and against it."""
        if scores.evidence is None or not self.settings.evidence:
            return _nothing
        found = dict(zip(drugs, scores.evidence(place, drugs, self.settings.evidence), strict=True))
        return lambda drug: [{"reason": "evidence", "of": found[drug]}] if found[drug] else []

    def _names(self, drugs: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.scorer.vocabulary[drug] for drug in drugs)


def prepare(
    policy: Policy, knowledge: Knowledge, settings: Mapping[str, object]
) -> tuple[Lister, Mapping[str, object]]:
    """The lister of a policy, and all settings. Raises UsageError for settings that are wrong."""
    bound = bind(ListSettings, {**_defaults(policy.editor, settings), **settings})
    if bound.composition == "two-pass" and bound.editor != "greedy":
        raise UsageError("only the greedy editor works in two passes", hint="editor = greedy")
    if bound.editor == "own" and policy.editor is None:
        raise UsageError("the policy has no editor of its own", hint="editor = greedy")
    if bound.editor == "exact":
        exact(bound.open_drugs, 0.0)
    lister = MedicationLister(policy, knowledge, bound)
    if knowledge.classes and not lister.masks.classified:
        raise UsageError("the classes name no drug of the policy", hint="a table drug,class")
    return lister, as_record(bound)


def _defaults(editor: ListEditor | CaseEditor | None, given: Mapping[str, object]) -> dict[str, object]:
    if editor is None:
        return {}
    if not isinstance(editor, ListEditor):
        # What a language model says stands, unless the user asks for it to be weighed.
        return {"editor": "own", "safety": None} if given.get("editor", "own") == "own" else {}
    terms = editor.terms
    return {
        "editor": "own",
        "edits": terms.budget,
        "measure": terms.harm.measure,
        "target": terms.harm.target,
        "severity": terms.severity,
        "threshold": _NO_DRUG if terms.start == "empty" else terms.threshold,
    }


LISTS = ListTask(name="medication", learn=learn_space, prepare=prepare)


def _untouched(problem: Problem) -> list[tuple[Action, ...]]:
    return [() for _ in problem.states]


def _nothing(drug: int) -> list[Reason]:
    return []


def _remarks(
    mask: VisitMask, taken: Mapping[int, Barred], rivals: Mapping[int, object], *, bare: bool
) -> tuple[str, ...]:
    found = [f"drug taken out: {why.mask}" for why in taken.values()]
    found += ["drug taken out: duplicate class"] * len(rivals)
    found += ["allergy that names nothing known"] * mask.unknown_allergies
    found += ["exclusion that names nothing known"] * mask.unknown_exclusions
    return (*found, "visit of which nothing is known: shares alone") if bare else tuple(found)
