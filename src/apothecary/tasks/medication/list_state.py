"""A list of medication that is being edited: what is in it, and what may be done to it.

Source: the decision process of FLAME (arXiv 2505.20218). Departures:
1. One loop over the list as it is, with adding, removing and stopping; there, additions and removals are two
   passes that do not see each other.
2. An edit that changes nothing is not legal, and edits have a budget.
3. Drugs that are barred (an allergy, an exclusion) can never be added, whatever a reward says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError

__all__ = ["STOP", "Action", "ListState", "action_of", "number_of"]

Kind = Literal["add", "remove", "stop"]


@dataclass(frozen=True)
class Action:
    """One edit: `drug` is a place in the vocabulary, -1 with ``stop``."""

    kind: Kind
    drug: int = -1


STOP = Action("stop")
"""The list is good as it is."""


@dataclass(frozen=True)
class ListState:
    """A list over a vocabulary of `size` drugs, in which a drug is its place.

    `present` and `barred` are sets of drugs as bits (bit d for drug d). `budget` is how many edits may
    follow; None for any number. Raises UsageError for a drug beyond the vocabulary and a budget below 0.
    """

    size: int
    present: int = 0
    barred: int = 0
    budget: int | None = None
    stopped: bool = False

    def __post_init__(self) -> None:
        if self.size < 0 or self.present >> self.size or self.barred >> self.size:
            raise UsageError(f"a list holds a drug beyond the {self.size} of the vocabulary")
        if self.budget is not None and self.budget < 0:
            raise UsageError(f"a budget of {self.budget} edits", hint="0 or more, or none")

    @classmethod
    def of(
        cls, drugs: Iterable[int], size: int, *, barred: Iterable[int] = (), budget: int | None = None
    ) -> ListState:
        """The state with these drugs; repeats collapse. Raises as the class does, also for drugs below 0."""
        return cls(size, _bits(drugs), _bits(barred), budget)

    @property
    def drugs(self) -> tuple[int, ...]:
        """What is in the list, in the order of the vocabulary."""
        return tuple(int(place) for place in np.flatnonzero(self.members))

    @property
    def members(self) -> NDArray[np.bool_]:
        """For each drug of the vocabulary whether it is in the list."""
        return _flags(self.present, self.size)

    def __contains__(self, drug: object) -> bool:
        return isinstance(drug, int) and 0 <= drug < self.size and bool(self.present >> drug & 1)

    def __len__(self) -> int:
        return self.present.bit_count()

    def names(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        """The drugs by name, in the order of the vocabulary."""
        return tuple(vocabulary[drug] for drug in self.drugs)

    def allows(self, action: Action) -> bool:
        """Whether `after` takes the action."""
        if self.stopped:
            return False
        if action.kind == "stop":
            return True
        if self.budget == 0 or not 0 <= action.drug < self.size:
            return False
        if action.kind == "remove":
            return action.drug in self
        return action.drug not in self and not self.barred >> action.drug & 1

    def legal(self) -> NDArray[np.bool_]:
        """Which actions are allowed, by `number_of`: additions, removals, stop.

        Shapes: result 2 * size + 1.
        """
        mask = np.zeros(2 * self.size + 1, dtype=np.bool_)
        if not self.stopped:
            mask[-1] = True
            if self.budget != 0:
                members = self.members
                mask[: self.size] = ~members & ~_flags(self.barred, self.size)
                mask[self.size : -1] = members
        return mask

    def after(self, action: Action) -> ListState:
        """The list with one edit made. Raises UsageError for one that is not allowed."""
        if not self.allows(action):
            raise UsageError(f"the list does not allow to {action.kind} drug {action.drug}")
        if action.kind == "stop":
            return replace(self, stopped=True)
        left = None if self.budget is None else self.budget - 1
        return replace(self, present=self.present ^ 1 << action.drug, budget=left)


def number_of(action: Action, size: int) -> int:
    """The place of an action among ``2 * size + 1``: add 0, add 1, ..., remove 0, ..., stop."""
    if action.kind == "stop":
        return 2 * size
    return action.drug + (size if action.kind == "remove" else 0)


def action_of(number: int, size: int) -> Action:
    """The inverse of `number_of`. Raises UsageError for a number that is no action."""
    if not 0 <= number <= 2 * size:
        raise UsageError(f"there is no action {number} over {size} drugs")
    if number == 2 * size:
        return STOP
    return Action("add", number) if number < size else Action("remove", number - size)


def _bits(drugs: Iterable[int]) -> int:
    bits = 0
    for drug in drugs:
        if drug < 0:
            raise UsageError(f"there is no drug {drug}")
        bits |= 1 << drug
    return bits


def _flags(bits: int, size: int) -> NDArray[np.bool_]:
    data = np.frombuffer(bits.to_bytes((size + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(data, count=size, bitorder="little").astype(np.bool_)
