"""The exact editor: of all lists that differ from the first in a limited number of drugs the best.

What it finds is the optimum over a set of lists that does not depend on alpha. So with growing alpha, all
else the same, neither the measure of interactions nor the expected Jaccard index of the result grows. No drug
that was added lowers the expected Jaccard index of the list as it is in the end (departure 1 of `editors`),
nor of those on the way to it: the most probable of the drugs that are left to add never does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.tasks.medication.editors import NEARLY, Editor, Problem
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.objective import Sums, least_added
from apothecary.tasks.medication.potential import Lists

__all__ = ["MOST_OPEN", "exact"]

Matrix = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_OPEN = 18
"""Drugs that may be open: every one more doubles the time."""
_PART = 1 << 14


def exact(open_drugs: int, threshold: float) -> Editor:
    """An editor over all lists that differ from the first one in drugs that are open, within its budget.

    Open are all that are in the list or may be added, where these are no more than `open_drugs`; else those
    whose probability is nearest to the threshold. Of lists that are equally good it takes one with the
    fewest edits. Raises UsageError for more than `MOST_OPEN`.
    """
    if not 1 <= open_drugs <= MOST_OPEN:
        raise UsageError(
            f"the exact editor cannot try all lists over {open_drugs} drugs",
            hint=f"1 to {MOST_OPEN}, or beam",
        )

    def edit(problem: Problem) -> list[tuple[Action, ...]]:
        return [
            _ordered(problem.take(place), _best(problem.take(place), open_drugs, threshold))
            for place in range(len(problem.states))
        ]

    return edit


def _best(problem: Problem, count: int, threshold: float) -> list[int]:
    """The drugs to edit."""
    state, probable = problem.states[0], problem.probabilities[0]
    # What is barred may be removed, and not be added again.
    may = ListState(state.size, state.present, state.barred).legal()
    chosen = np.flatnonzero(may[: state.size] | may[state.size : -1])
    order = np.argsort(np.abs(probable[chosen] - threshold), kind="stable")
    free = np.sort(chosen[order[:count]])
    budget = 0 if state.stopped else len(free) if state.budget is None else min(state.budget, len(free))
    toggles = _toggles(len(free), budget)
    best, best_value = 0, -np.inf
    for start in range(0, len(toggles), _PART):
        values = _values(problem, free, toggles[start : start + _PART])
        place = int(values.argmax())
        if values[place] > best_value + NEARLY:
            best, best_value = start + place, values[place]
    return [int(drug) for drug in free[toggles[best]]]


def _values(problem: Problem, free: Places, toggles: NDArray[np.bool_]) -> Matrix:
    """How good each list is; -inf where rivals meet that were not in one list before, and for padding."""
    members = problem.states[0].members.astype(np.float64)
    objective, probable = problem.objective, problem.probabilities[0]
    now = members[free]
    moved = np.where(toggles, 1.0 - now, now)
    fixed = members.copy()
    fixed[free] = 0.0
    sums = Sums(
        fixed.sum() + moved.sum(axis=1),
        float(fixed @ probable) + moved @ probable[free],
        _met(fixed, moved, free, objective.weights),
        np.asarray(probable.sum()),
    )
    values = objective.value(sums)
    added = np.where(toggles & (now == 0), probable[free], np.inf)
    values[added.min(axis=1, initial=np.inf) < least_added(sums)] = -np.inf
    if problem.rivals is not None:
        values[
            _met(fixed, moved, free, problem.rivals) > _met(fixed, now[None], free, problem.rivals)
        ] = -np.inf
    return values


def _met(fixed: Matrix, moved: Matrix, free: Places, weights: Matrix) -> Matrix:
    """The pairs of each list by weight: among fixed drugs, among open ones, and between the two."""
    load = fixed @ weights
    within = np.einsum("ij,ij->i", moved @ weights[np.ix_(free, free)], moved) / 2
    pairs: Matrix = float(load @ fixed) / 2 + moved @ load[free] + within
    return pairs


@lru_cache(maxsize=8)
def _toggles(count: int, budget: int) -> NDArray[np.bool_]:
    """All sets of at most `budget` of `count` drugs, the smallest first. Shapes: result sets x drugs."""
    numbers = np.arange(1 << count, dtype=np.int64)
    sets = (numbers[:, None] >> np.arange(count)) & 1 > 0
    sizes = sets.sum(axis=1)
    order = np.argsort(sizes, kind="stable")
    found: NDArray[np.bool_] = sets[order[sizes[order] <= budget]]
    return found


def _ordered(problem: Problem, drugs: list[int]) -> tuple[Action, ...]:
    """The edits in an order in which each is allowed: of those left always the one that gains most."""
    state, left = problem.states[0], list(drugs)
    potential = problem.objective.potential(problem.probabilities[0])
    made: list[Action] = []
    while left:
        actions = [Action("remove" if drug in state else "add", drug) for drug in left]
        after = [state.after(action) for action in actions]
        values = potential.phi(Lists.of([each.drugs for each in after], state.size))
        values[[_lowers(problem.probabilities[0], state, action) for action in actions]] = -np.inf
        values[[problem.meets_rival(state, action) for action in actions]] = -np.inf
        place = int(values.argmax())
        state = after[place]
        made.append(actions[place])
        del left[place]
    return tuple(made)


def _lowers(probable: Matrix, state: ListState, action: Action) -> bool:
    members = state.members
    shared, size, none = probable[members].sum(), np.asarray(float(members.sum())), np.zeros(())
    least = least_added(Sums(size, shared, none, probable.sum()))
    return action.kind == "add" and bool(probable[action.drug] < least)
