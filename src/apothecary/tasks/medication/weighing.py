"""Edits of a language model, weighed by what the lists of a run are to be good for.

Departure from FLAME (arXiv 2505.20218), where the weight of interactions counts in training alone: an edit
that would lower the objective of the run is not made, nor an addition that lowers the expected Jaccard index
(departure 1 of `editors`). It is told with its reason, and the model goes on from the list as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apothecary.tasks.medication.editors import NEARLY, Problem
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.potential import Lists
from apothecary.tasks.recommending import Draft

__all__ = ["SAFETY", "Declined", "Weigh", "WeighedDraft", "weigh_by"]

SAFETY = "safety"
"""The reason of an edit that would lower the objective."""
RIVAL = "duplicate class"
"""That of one that would join two drugs of a class."""
_DIGITS = 6


@dataclass(frozen=True)
class Declined:
    """An edit that was not made, and why; `terms` are what each term of the objective would change by."""

    action: Action
    reason: str
    terms: Mapping[str, float]


Weigh = Callable[[ListState, Action], Declined | None]
"""Says whether an edit, which the list allows, is not to be made."""


@dataclass(frozen=True)
class WeighedDraft(Draft):
    """A draft whose edits are weighed."""

    weigh: Weigh


def weigh_by(problem: Problem, place: int) -> Weigh:
    """Weighs the edits of one list of a problem."""
    potential = problem.objective.potential(problem.probabilities[place])

    def weigh(state: ListState, action: Action) -> Declined | None:
        if action.kind == "stop":
            return None
        if problem.meets_rival(state, action):
            return Declined(action, RIVAL, {})
        lists = Lists.of([state.drugs, state.after(action).drugs], state.size)
        before, after = potential.phi(lists)
        terms = {name: float(values[1] - values[0]) for name, values in potential.parts(lists).items()}
        pads = action.kind == "add" and terms["expected_jaccard"] < -NEARLY
        if after >= before - NEARLY and not pads:
            return None
        return Declined(action, SAFETY, {name: round(change, _DIGITS) for name, change in terms.items()})

    return weigh
