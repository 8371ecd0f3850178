"""Editors that were trained, as editors of a `Problem`: whatever they say, only legal edits are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from apothecary.networks.list_editor import ListEditor
from apothecary.networks.list_features import Harm, ListInputs
from apothecary.tasks.medication.editors import Editor, Problem, barred_drugs
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.weighing import WeighedDraft, weigh_by
from apothecary.tasks.recommending import Case, CaseEditor, Draft

__all__ = ["by_names", "by_network"]


def by_network(network: ListEditor) -> Editor:
    """The editor of a network. It reads probabilities and interactions, and nothing else of a visit."""

    def edit(problem: Problem) -> list[tuple[Action, ...]]:
        states, objective = problem.states, problem.objective
        inputs = ListInputs.of(
            problem.probabilities,
            objective.weights,
            objective.alpha,
            Harm(objective.measure, objective.target),
            barred=np.array([barred_drugs(state) for state in states]),
            rivals=problem.rivals,
        )
        start = np.array([state.members for state in states])
        budget = max((_budget(state) for state in states), default=0)
        made = network.edit(inputs, start=start, budget=budget)
        return [
            _legal(problem, state, (_toggle(state, int(drug)) for drug in drugs if drug >= 0))
            for state, drugs in zip(states, made, strict=True)
        ]

    return edit


def by_names(
    editor: CaseEditor, cases: Sequence[Case], vocabulary: Sequence[str], *, weighed: bool = False
) -> Editor:
    """The editor of these very cases, whose drugs go by name; names of no drug are left out.

    With `weighed` it is told what its edits do to the objective, and makes none that lowers it.
    """
    places = {name: place for place, name in enumerate(vocabulary)}

    def edit(problem: Problem) -> list[tuple[Action, ...]]:
        drafts = [
            _draft(problem, place, case, vocabulary, weighed=weighed) for place, case in enumerate(cases)
        ]
        return [
            _legal(problem, state, (Action(kind, places[name]) for kind, name in edits if name in places))
            for state, edits in zip(problem.states, editor.edit(drafts), strict=True)
        ]

    return edit


def _draft(problem: Problem, place: int, case: Case, vocabulary: Sequence[str], *, weighed: bool) -> Draft:
    state = problem.states[place]
    barred = frozenset(vocabulary[int(drug)] for drug in np.flatnonzero(barred_drugs(state)))
    told = (case, state.names(vocabulary), barred, _budget(state), problem.objective.alpha)
    return WeighedDraft(*told, weigh_by(problem, place)) if weighed else Draft(*told)


def _legal(problem: Problem, state: ListState, actions: Iterable[Action]) -> tuple[Action, ...]:
    """The actions that are allowed, one after another; no drug joins a rival."""
    made = []
    for action in actions:
        if state.allows(action) and not problem.meets_rival(state, action):
            state = state.after(action)
            made.append(action)
    return tuple(made)


def _toggle(state: ListState, drug: int) -> Action:
    return Action("remove" if drug in state else "add", drug)


def _budget(state: ListState) -> int:
    return state.size if state.budget is None else state.budget
