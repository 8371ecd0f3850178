"""What an editor of lists sees: figures of every drug and of the list, for many visits at once. numpy alone.

A list is a row of 0 and 1 over the drugs of a vocabulary; an edit toggles one of them. What an edit is
expected to gain follows from the probabilities of the drugs, as if they were the list that is wanted, and
from the interactions, which weigh as much as the safety that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from apothecary.errors import DataError

__all__ = ["CONTEXT", "OF_DRUG", "Harm", "ListInputs", "ListStates", "Seen", "jaccard", "pair_loads", "see"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

OF_DRUG = 9
"""Figures of a drug."""
CONTEXT = 9
"""Figures of a list."""

_LEAST = 1e-6
_SCALE = 50.0
"""One right edit of a list of twenty drugs gains about 0.03."""
_FAR = 4.0
"""Figures beyond it are cut: a list of two drugs that interact is much worse than any that is usual."""


@dataclass(frozen=True)
class Harm:
    """How the interactions within a list count; what is below `target` costs nothing.

    | measure | of a list |
    |---|---|
    | `rate` | interacting pairs, over all its pairs |
    | `count` | interacting pairs |
    | `per_drug` | interacting pairs, over the drugs that are wanted (at least 1) |
    """

    measure: Literal["rate", "count", "per_drug"] = "rate"
    target: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    def of(self, pairs: Floats, sizes: Floats, wanted: Floats) -> Floats:
        """Of lists with so many interacting pairs and drugs, where so many are wanted; shapes broadcast."""
        one = np.float32(1.0)
        over: Floats = np.maximum(sizes * (sizes - 1) * np.float32(0.5), one)
        if self.measure != "rate":
            over = np.maximum(wanted, one) if self.measure == "per_drug" else np.ones_like(wanted)
        found: Floats = pairs / over
        return np.maximum(found - np.float32(self.target), np.float32(0.0)) if self.target else found


@dataclass(frozen=True)
class ListInputs:
    """What is known of visits before their lists are edited; made by `of`.

    `safety` is the weight of harm, the same or another for each visit. `rivals` is above 0 for two drugs that
    must not stand in one list. What `of` adds: log-odds, the interactions with all that is likely (`reach`),
    and how many drugs are `wanted`.

    Shapes: probabilities, barred, odds and reach visits x drugs; weights and rivals drugs x drugs (symmetric,
    zero diagonal); safety and wanted visits.
    """

    probabilities: Floats
    weights: Floats
    rivals: Floats | None
    safety: Floats
    barred: Bools
    odds: Floats
    reach: Floats
    wanted: Floats
    harm: Harm

    @classmethod
    def of(
        cls,
        probabilities: ArrayLike,
        weights: ArrayLike,
        safety: ArrayLike,
        harm: Harm | None = None,
        *,
        barred: ArrayLike | None = None,
        rivals: ArrayLike | None = None,
    ) -> ListInputs:
        """Checked inputs. Raises DataError for shapes that do not fit and for what is no probability."""
        given = _floats(probabilities, "probabilities", 2)
        visits, drugs = given.shape
        between, rivalry = _between(weights, drugs), None if rivals is None else _between(rivals, drugs)
        kept = np.zeros((visits, drugs), np.bool_) if barred is None else np.asarray(barred, np.bool_)
        if kept.shape != (visits, drugs):
            raise DataError("scores and bars are not of the same visits and drugs")
        if given.size and not 0 <= given.min() <= given.max() <= 1:
            raise DataError("a score is no probability")
        asked = np.array(np.broadcast_to(_floats(safety, "safety", None), visits))
        if asked.size and asked.min() < 0:
            raise DataError("the weight of interactions is below 0")
        sure = np.clip(given, _LEAST, 1 - _LEAST)
        odds = np.clip((np.log(sure) - np.log1p(-sure)) / _FAR, -_FAR, _FAR).astype(np.float32)
        reach, wanted = given @ between, given.sum(axis=1)
        return cls(given, between, rivalry, asked, kept, odds, reach, wanted, harm or Harm())

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def drugs(self) -> int:
        """The size of the vocabulary."""
        return int(self.probabilities.shape[1])

    def take(self, rows: NDArray[np.int64] | Bools) -> ListInputs:
        """Some of the visits, in any order and number."""
        return ListInputs(
            self.probabilities[rows],
            self.weights,
            self.rivals,
            self.safety[rows],
            self.barred[rows],
            self.odds[rows],
            self.reach[rows],
            self.wanted[rows],
            self.harm,
        )

    def first_list(self, threshold: float) -> Bools:
        """The drugs from a probability on that are not barred; of rivals the most probable."""
        chosen: Bools = (self.probabilities >= np.float32(threshold)) & ~self.barred
        return chosen if self.rivals is None else _without_rivals(chosen, self.probabilities, self.rivals)


@dataclass(frozen=True)
class ListStates:
    """Lists while they are edited: `left` edits may follow, `touched` drugs were edited and stay as they are.

    Shapes: members (0.0 and 1.0) and touched visits x drugs, left visits.
    """

    members: Floats
    left: Floats
    touched: Bools

    @classmethod
    def at_start(cls, members: Bools, budget: int) -> ListStates:
        """Before the first edit."""
        left = np.full(len(members), budget, np.float32)
        return cls(members.astype(np.float32), left, np.zeros(members.shape, np.bool_))

    def take(self, rows: NDArray[np.int64] | Bools) -> ListStates:
        """Some of the lists."""
        return ListStates(self.members[rows], self.left[rows], self.touched[rows])

    def after(self, drugs: NDArray[np.int64]) -> ListStates:
        """With one drug toggled in each."""
        members, touched = self.members.copy(), self.touched.copy()
        rows = np.arange(len(drugs))
        members[rows, drugs] = 1.0 - members[rows, drugs]
        touched[rows, drugs] = True
        return ListStates(members, self.left - 1, touched)


@dataclass(frozen=True)
class Seen:
    """What an editor sees of lists, and what it may do.

    `gains` is by how much each edit is expected to raise the potential, `best` the most of those that are
    legal (-1.0: none is). `pull` are the shares of the drugs in the mean that stands for the list.

    Shapes: drugs visits x drugs x OF_DRUG, context visits x CONTEXT, gains, pull and legal visits x drugs,
    best visits.
    """

    drugs: Floats
    context: Floats
    gains: Floats
    best: Floats
    pull: Floats
    legal: Bools


def pair_loads(members: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """For each drug the interactions with the list, and for each list those within it.

    Shapes: members lists x drugs; results lists x drugs, lists.
    """
    load: Floats = members @ weights
    # Every pair is met from both of its ends.
    pairs: Floats = np.einsum("ij,ij->i", load, members) * np.float32(0.5)
    return load, pairs


def jaccard(shared: Floats, sizes: Floats, wanted: Floats) -> Floats:
    """Shared over those in either; 0.0 where there is nothing. Shapes broadcast."""
    found: Floats = shared / np.maximum(sizes + wanted - shared, np.float32(_LEAST))
    return found


def see(inputs: ListInputs, states: ListStates) -> Seen:
    """What there is to see of the lists of visits as they are."""
    members, given = states.members, inputs.probabilities
    load, pairs = pair_loads(members, inputs.weights)
    sizes, shared = members.sum(axis=1), np.einsum("ij,ij->i", members, given)
    wanted, safety = inputs.wanted, inputs.safety
    likely, harm = jaccard(shared, sizes, wanted), inputs.harm.of(pairs, sizes, wanted)
    sign = 1 - 2 * members
    edited = sizes[:, None] + sign
    closer = jaccard(shared[:, None] + sign * given, edited, wanted[:, None]) - likely[:, None]
    harms = inputs.harm.of(pairs[:, None] + sign * load, edited, wanted[:, None]) - harm[:, None]
    safer = -safety[:, None] * harms
    gains: Floats = closer + safer
    left = states.left
    added = ~inputs.barred if inputs.rivals is None else ~inputs.barred & (members @ inputs.rivals <= 0)
    allowed = ~states.touched & ((members > 0) | added) & (left > 0)[:, None]
    drugs = np.empty((*members.shape, OF_DRUG), np.float32)
    drugs[:, :, 0], drugs[:, :, 1], drugs[:, :, 2] = given, members, allowed
    drugs[:, :, 3], drugs[:, :, 4] = np.log1p(load), np.log1p(inputs.reach)
    for place, figure in enumerate((closer, safer, gains), 5):
        drugs[:, :, place] = np.clip(figure * np.float32(_SCALE), -_FAR, _FAR)
    drugs[:, :, OF_DRUG - 1] = inputs.odds
    best = np.where(allowed, gains, np.float32(-1.0)).max(axis=1, initial=-1.0)
    context = (
        np.log1p(safety),
        likely,
        np.log1p(pairs),
        np.minimum(safety * harm, _FAR),
        np.log1p(sizes) / 3,
        np.log1p(wanted) / 3,
        np.log1p(left) / 3,
        (left > 0).astype(np.float32),
        np.clip(best * _SCALE, -_FAR, _FAR),
    )
    told = np.stack(context, axis=1, dtype=np.float32)
    pull = given + members
    pull = pull / np.maximum(pull.sum(axis=1, keepdims=True), np.float32(_LEAST))
    return Seen(drugs, told, gains, best, pull, allowed)


def _floats(values: ArrayLike, name: str, dimensions: int | None) -> Floats:
    found = np.asarray(values, np.float32)
    if dimensions is not None and found.ndim != dimensions:
        raise DataError(f"the {name} have {found.ndim} dimensions, not {dimensions}")
    if not np.isfinite(found).all():
        raise DataError(f"the {name} hold what is not finite")
    return found


def _between(values: ArrayLike, drugs: int) -> Floats:
    found = _floats(values, "weights between drugs", 2)
    if found.shape != (drugs, drugs) or (found != found.T).any() or found.diagonal().any():
        raise DataError("weights between drugs do not fit the drugs, or have no symmetry")
    if found.size and found.min() < 0:
        raise DataError("a weight between drugs is below 0")
    return found


def _without_rivals(chosen: Bools, probabilities: Floats, rivals: Floats) -> Bools:
    kept = np.zeros_like(chosen)
    for row in np.flatnonzero((chosen @ (rivals > 0) & chosen).any(axis=1)):
        for drug in np.argsort(-probabilities[row], kind="stable"):
            kept[row, drug] = chosen[row, drug] and not rivals[drug, kept[row]].any()
    clean = ~(chosen @ (rivals > 0) & chosen).any(axis=1)
    kept[clean] = chosen[clean]
    return kept
