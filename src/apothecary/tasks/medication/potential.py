"""How good a list is: a weighted sum of terms, of which a step of editing earns the difference.

Source: the potential of FLAME (arXiv 2505.20218, section 4), phi = Jaccard - alpha * DDI - beta * refusals.
Since a step earns ``phi(after) - phi(before)``, the steps of an episode add up to what it gained.
Departures: 1. The terms are chosen by the user; those of `published` are the source's. 2. The rate of
interacting pairs rewards padding: a list gets "safer" by harmless drugs that nobody needs. `ddi_count`,
`ddi_per_gold` and, below its target, `hinge` do not. 3. Weights of pairs can grade them by severity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError

__all__ = [
    "Lists",
    "Potential",
    "Term",
    "Weighted",
    "ddi_count",
    "ddi_per_gold",
    "ddi_rate",
    "hinge",
    "jaccard",
    "published",
    "refusals",
    "step_rewards",
]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Lists:
    """Lists over one vocabulary, one in a row: 1.0 where a drug is in it.

    `refused` is the share of the lines said so far that named no drug of the vocabulary.
    Shapes: members lists x drugs, refused lists.
    """

    members: NDArray[np.float64]
    refused: Vector

    @classmethod
    def of(cls, lists: Sequence[Collection[int]], size: int, refused: Sequence[float] | None = None) -> Lists:
        """Lists of places in a vocabulary of `size` drugs. Raises UsageError for a place beyond it."""
        members = np.zeros((len(lists), size))
        for row, drugs in enumerate(lists):
            places = list(drugs)
            if places and not 0 <= min(places) <= max(places) < size:
                raise UsageError(f"a list holds a drug beyond the {size} of the vocabulary")
            members[row, places] = 1.0
        return cls(members, np.zeros(len(lists)) if refused is None else np.asarray(refused, dtype=float))


Term = Callable[[Lists], Vector]
"""One figure for each list."""


@dataclass(frozen=True)
class Weighted:
    """A term with its name and weight; what is to be avoided has a negative one."""

    name: str
    weight: float
    term: Term


@dataclass(frozen=True)
class Potential:
    """The sum of weighted terms."""

    terms: tuple[Weighted, ...]

    def phi(self, lists: Lists) -> Vector:
        """How good each list is."""
        total = np.zeros(len(lists.members))
        for each in self.terms:
            # A weight of 0 turns a term off, even one that is not finite.
            if each.weight:
                total = total + each.weight * each.term(lists)
        return total

    def parts(self, lists: Lists) -> dict[str, Vector]:
        """Every term by name, without its weight."""
        return {each.name: each.term(lists) for each in self.terms}


def step_rewards(phi: Vector) -> Vector:
    """What each step earned, from the potentials of the lists before, between and after them."""
    return np.diff(phi)


def jaccard(gold: Vector) -> Term:
    """Drugs that list and gold share, over those in either; 0.0 where one is empty.

    `gold` has 1.0 for a drug that was given. Probabilities instead of 1.0 make it the Jaccard index of what
    is expected.
    """
    wanted = float(gold.sum())

    def term(lists: Lists) -> Vector:
        shared = lists.members @ gold
        either = lists.members.sum(axis=1) + wanted - shared
        # Nothing is shared where one is empty, so only 0 / 0 is to be kept from.
        found: Vector = np.divide(shared, np.maximum(either, _TINY))
        return found

    return term


def ddi_count(weights: NDArray[np.float64]) -> Term:
    """Interacting pairs of a list; with weights of severity their sum.

    `weights` is symmetric with a zero diagonal, as `InteractionTable.matrix` and `.weights` give it.
    """

    def term(lists: Lists) -> Vector:
        return _load(lists, weights)

    return term


def ddi_rate(weights: NDArray[np.float64]) -> Term:
    """As `ddi_count`, over all pairs of the list; 0.0 for less than two drugs."""

    def term(lists: Lists) -> Vector:
        size = lists.members.sum(axis=1)
        rate: Vector = np.divide(_load(lists, weights), np.maximum(size * (size - 1) / 2, 1.0))
        return rate

    return term


def ddi_per_gold(weights: NDArray[np.float64], gold_length: float) -> Term:
    """As `ddi_count`, over the drugs of the gold list (at least 1)."""

    def term(lists: Lists) -> Vector:
        return _load(lists, weights) / max(1.0, gold_length)

    return term


def hinge(term: Term, target: float) -> Term:
    """By how much another term exceeds a target; 0.0 below it."""

    def exceeding(lists: Lists) -> Vector:
        return np.maximum(term(lists) - target, 0.0)

    return exceeding


def refusals(lists: Lists) -> Vector:
    """The share of refused lines."""
    return lists.refused


def published(gold: Vector, weights: NDArray[np.float64], alpha: float, beta: float) -> Potential:
    """The potential of the source; its defaults are alpha 0 (no regard for interactions) and beta 0.5."""
    return Potential(
        (
            Weighted("jaccard", 1.0, jaccard(gold)),
            Weighted("ddi_rate", -alpha, ddi_rate(weights)),
            Weighted("refusals", -beta, refusals),
        )
    )


_TINY = 1e-12


def _load(lists: Lists, weights: NDArray[np.float64]) -> Vector:
    # Every pair is met from both of its ends.
    load: Vector = np.einsum("ij,ij->i", lists.members @ weights, lists.members) / 2
    return load
