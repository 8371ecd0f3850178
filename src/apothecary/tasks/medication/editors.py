"""Editors without a model: they change a list drug by drug, such that an `Objective` grows.

* `greedy`: the best single edit, again and again, for all visits at once.
* `beam`: several lists at once, also over edits that do not pay by themselves.
* `exact_editor.exact`: the best of all lists that differ in a limited number of drugs.
* `two_pass`: additions and removals chosen apart, both from the first list, as published (FLAME, arXiv
  2505.20218); a removal cannot react to an addition.

What is barred in a state is never added, two rivals (drugs of one class) never stand in one list, and no list
is further from the first one than its budget. Editors say which edits they made; they do not touch the first
list otherwise (`first_lists` takes what is barred out of it).

Departures: 1. No editor adds a drug that lowers the expected Jaccard index of the list that it is added to,
whatever else it gains. The rate of interacting pairs falls with every harmless drug, so that else lists would
be filled with drugs that nobody needs. Measures that no addition lowers make no such edit pay anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.objective import Objective, Sums, least_added

__all__ = ["NEARLY", "Editor", "Problem", "barred_drugs", "beam", "first_lists", "greedy", "two_pass"]

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]
Kinds = tuple[Literal["add", "remove"], ...]

NEARLY = 1e-12
"""A gain that is no larger is rounding."""
BOTH: Kinds = ("add", "remove")
ADDING: Kinds = ("add",)
REMOVING: Kinds = ("remove",)


@dataclass(frozen=True)
class Problem:
    """Lists to edit, the probabilities of the drugs for each, and what makes a list good.

    `rivals` is 1.0 for two drugs that must not stand in one list; None for no such drugs.
    Shapes: probabilities lists x drugs, rivals drugs x drugs.
    """

    states: Sequence[ListState]
    probabilities: Matrix
    objective: Objective
    rivals: Matrix | None = None

    def take(self, place: int) -> Problem:
        """The problem of one list."""
        rows = slice(place, place + 1)
        return replace(self, states=self.states[rows], probabilities=self.probabilities[rows])

    def meets_rival(self, state: ListState, action: Action) -> bool:
        """Whether an action would add a drug to a list that has a rival of it."""
        adds = action.kind == "add"
        return adds and self.rivals is not None and bool(self.rivals[action.drug] @ state.members > 0)


Editor = Callable[[Problem], list[tuple[Action, ...]]]
"""The edits of every list in their order. Each is allowed by the state that it is made in."""


def first_lists(
    probabilities: Matrix, threshold: float, barred: Sequence[Collection[int]], rivals: Matrix | None
) -> tuple[list[tuple[int, ...]], list[dict[int, int]]]:
    """The drugs from a threshold on, without those barred; of rivals the most probable.

    The second result says for each list which rivals were left out, and for which drug.
    """
    lists: list[tuple[int, ...]] = []
    left_out: list[dict[int, int]] = []
    for probable, out in zip(probabilities, barred, strict=True):
        chosen = np.flatnonzero(probable >= threshold)
        kept = [int(drug) for drug in chosen if drug not in out]
        beaten: dict[int, int] = {}
        if rivals is not None:
            accepted: list[int] = []
            # Of drugs that are as probable the first of the vocabulary.
            for drug in sorted(kept, key=lambda drug: (-probable[drug], drug)):
                winner = next((each for each in accepted if rivals[drug, each]), None)
                if winner is None:
                    accepted.append(drug)
                else:
                    beaten[drug] = winner
            kept = sorted(accepted)
        lists.append(tuple(kept))
        left_out.append(beaten)
    return lists, left_out


def barred_drugs(state: ListState) -> Flags:
    """For each drug of the vocabulary whether it must not be added. Shapes: result drugs."""
    # Of an empty list whatever is not barred may be added.
    return ~ListState(state.size, 0, state.barred).legal()[: state.size]


class _Lists:
    """Many lists as arrays, with what each drug would change in each of them."""

    def __init__(self, problem: Problem, kinds: Kinds = BOTH) -> None:
        states, self.objective = problem.states, problem.objective
        self.rivals, self.kinds = problem.rivals, kinds
        self.probabilities = problem.probabilities
        self.members = np.array([state.members for state in states], dtype=np.float64)
        # Of the actions of a state only what is barred cannot be told from the members.
        self.barred = np.array([barred_drugs(state) for state in states], dtype=np.bool_)
        self.budget = np.array([_budget(state) for state in states], dtype=np.int64)
        self.wanted = self.probabilities.sum(axis=1)
        self.size = self.members.sum(axis=1)
        self.shared = (self.members * self.probabilities).sum(axis=1)
        self.load = self.members @ self.objective.weights
        self.pairs = (self.members * self.load).sum(axis=1) / 2
        self.rivalry = None if self.rivals is None else self.members @ self.rivals

    def keep(self, rows: Flags) -> None:
        """Drop the lists that are finished."""
        for name in ("probabilities", "members", "barred", "budget", "wanted", "size", "shared", "load"):
            setattr(self, name, getattr(self, name)[rows])
        self.pairs = self.pairs[rows]
        self.rivalry = None if self.rivalry is None else self.rivalry[rows]

    def values(self) -> Matrix:
        """How good each list is."""
        return self.objective.value(self._sums)

    @property
    def _sums(self) -> Sums:
        return Sums(self.size, self.shared, self.pairs, self.wanted)

    def values_after(self) -> Matrix:
        """How good each list would be with each drug added, or removed if it is in it; -inf if not legal.

        Shapes: result lists x drugs.
        """
        sign = 1.0 - 2.0 * self.members
        found = self.objective.value(
            Sums(
                self.size[:, None] + sign,
                self.shared[:, None] + sign * self.probabilities,
                self.pairs[:, None] + sign * self.load,
                self.wanted[:, None],
            )
        )
        found[~self.legal()] = -np.inf
        return found

    def legal(self) -> Flags:
        """Which drugs may be added or removed. Shapes: result lists x drugs."""
        present = self.members > 0
        added = ~present & ~self.barred & (self.probabilities >= least_added(self._sums)[:, None])
        if self.rivalry is not None:
            added &= self.rivalry <= 0
        found = np.zeros_like(present)
        if "add" in self.kinds:
            found |= added
        if "remove" in self.kinds:
            found |= present
        found &= (self.budget > 0)[:, None]
        return found

    def toggle(self, drugs: NDArray[np.int64]) -> None:
        """Add or remove one drug in each list."""
        rows = np.arange(len(drugs))
        sign = 1.0 - 2.0 * self.members[rows, drugs]
        self.size += sign
        self.shared += sign * self.probabilities[rows, drugs]
        self.pairs += sign * self.load[rows, drugs]
        self.load += sign[:, None] * self.objective.weights[drugs]
        if self.rivalry is not None and self.rivals is not None:
            self.rivalry += sign[:, None] * self.rivals[drugs]
        self.members[rows, drugs] += sign
        self.budget -= 1


def greedy(problem: Problem, kinds: Kinds = BOTH) -> list[tuple[Action, ...]]:
    """The edit that gains most, until none gains or the budget is spent; of equals the first drug."""
    lists = _Lists(problem, kinds)
    made: list[list[Action]] = [[] for _ in problem.states]
    active = np.arange(len(problem.states))
    while len(active) and problem.probabilities.shape[1]:
        after = lists.values_after()
        best = after.argmax(axis=1)
        pays = after[np.arange(len(best)), best] > lists.values() + NEARLY
        active, best = active[pays], best[pays]
        lists.keep(pays)
        for row, drug, present in zip(
            active, best, lists.members[np.arange(len(best)), best] > 0, strict=True
        ):
            made[row].append(Action("remove" if present else "add", int(drug)))
        lists.toggle(best)
    return [tuple(actions) for actions in made]


def two_pass(problem: Problem) -> list[tuple[Action, ...]]:
    """Additions to the first list and removals from it, chosen apart; in turn until the budget is spent.

    Additions are made first, as they were chosen: of the list without any removal.
    """
    passes = (greedy(problem, ADDING), greedy(problem, REMOVING))
    made = []
    for state, *both in zip(problem.states, *passes, strict=True):
        # A shorter pass is the beginning of a longer one, so that each gets what fits the budget.
        turns = [each for pair in zip_longest(*both) for each in pair if each is not None]
        chosen = turns[: _budget(state)]
        made.append(tuple(sorted(chosen, key=lambda action: action.kind == "remove")))
    return made


def beam(width: int) -> Editor:
    """An editor that goes on with the `width` best lists of each number of edits and keeps the best of all.

    A drug is edited once at most. Of equal lists the one with fewer edits, of equal lists of as many
    the first that was found.
    """

    def edit(problem: Problem) -> list[tuple[Action, ...]]:
        return [_beam(problem.take(place), width) for place in range(len(problem.states))]

    return edit


def _beam(problem: Problem, width: int) -> tuple[Action, ...]:
    start = problem.states[0]
    size = start.size
    best: tuple[Action, ...] = ()
    best_value = float(_Lists(problem).values()[0])
    front: list[tuple[Action, ...]] = [()]
    for _ in range(min(_budget(start), size)):
        states = [_after(start, actions) for actions in front]
        spread = replace(
            problem, states=states, probabilities=np.tile(problem.probabilities, (len(states), 1))
        )
        after = _Lists(spread).values_after()
        for row, actions in enumerate(front):
            after[row, [action.drug for action in actions]] = -np.inf
        front, values = _best(after, front, states, width)
        if not front:
            break
        if values[0] > best_value + NEARLY:
            best, best_value = front[0], values[0]
    return best


def _best(
    after: Matrix, front: Sequence[tuple[Action, ...]], states: Sequence[ListState], width: int
) -> tuple[list[tuple[Action, ...]], list[float]]:
    """The best different lists that are one edit further, with their values."""
    order = np.argsort(-after, axis=None, kind="stable")
    chosen: list[tuple[Action, ...]] = []
    values: list[float] = []
    seen: set[int] = set()
    for number in order:
        row, drug = divmod(int(number), after.shape[1])
        if len(chosen) == width or after[row, drug] == -np.inf:
            break
        reached = states[row].present ^ (1 << drug)
        if reached not in seen:
            seen.add(reached)
            action = Action("remove" if drug in states[row] else "add", drug)
            chosen.append((*front[row], action))
            values.append(float(after[row, drug]))
    return chosen, values


def _after(state: ListState, actions: Sequence[Action]) -> ListState:
    for action in actions:
        state = state.after(action)
    return state


def _budget(state: ListState) -> int:
    """Edits that may follow; no list needs more than one for each drug."""
    if state.stopped:
        return 0
    return state.size if state.budget is None else state.budget
