"""Episodes of editing lists, many at once: what was seen, what was done, what each edit earned.

All lists of a step go through matrix products together; no loop runs over visits, drugs or pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from apothecary.networks.list_editor import ListEditor, look
from apothecary.networks.list_features import ListInputs, ListStates
from apothecary.networks.list_policy import SeenTensors
from apothecary.training.stepwise_lists import Wanted, potential

__all__ = ["Rollouts", "roll_out"]

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Rollouts:
    """Episodes, and all states in which a choice was made, step by step.

    `first` and `last` are potentials before and after; the `rewards` of the edits that were `taken` add up to
    their difference. A state is of the episode `owners` at its step `steps`; `actions` are drugs, or the
    number of drugs for stopping (the states of `stops`).

    Shapes: first and last episodes; rewards and taken episodes x budget; owners, steps, actions and stops
    states; members (the last lists) episodes x drugs.
    """

    seen: SeenTensors
    owners: Tensor
    steps: Tensor
    actions: Tensor
    rewards: Tensor
    taken: Tensor
    first: Floats
    last: Floats
    members: Floats

    @property
    def stops(self) -> Tensor:
        """The states in which stopping was chosen."""
        return torch.eq(self.actions, self.members.shape[1])


def roll_out(
    editor: ListEditor,
    inputs: ListInputs,
    wanted: Wanted,
    start: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    budget: int,
) -> Rollouts:
    """One episode for each visit, its actions drawn as the editor's chances are."""
    states = ListStates.at_start(start, budget)
    count = len(inputs)
    members = states.members.copy()
    first = potential(inputs, members, wanted)
    phi = first.copy()
    rewards, taken = np.zeros((count, budget)), np.zeros((count, budget), np.bool_)
    going = np.arange(count)
    parts, owners, actions = [], [], []
    for step in range(budget):
        seen = look(inputs, states)
        drawn = _draw(*editor.scores(seen), rng)
        parts.append(SeenTensors.of(seen))
        owners.append(going)
        actions.append(drawn)
        on = drawn < inputs.drugs
        going, inputs, states = going[on], inputs.take(on), states.take(on).after(drawn[on])
        if not len(going):
            break
        now = potential(inputs, states.members, wanted.take(going))
        rewards[going, step], taken[going, step] = now.astype(np.float64) - phi[going], True
        phi[going], members[going] = now, states.members
    steps = np.repeat(np.arange(len(owners)), [len(each) for each in owners])
    return Rollouts(
        SeenTensors.joined(parts),
        torch.from_numpy(np.concatenate(owners)),
        torch.from_numpy(steps),
        torch.from_numpy(np.concatenate(actions)),
        torch.from_numpy(rewards),
        torch.from_numpy(taken),
        first,
        phi,
        members,
    )


def _draw(edits: Floats, stop: Floats, rng: np.random.Generator) -> Places:
    """To stop (the number of drugs), or an edit, each by its chance: what is largest after noise (Gumbel)."""
    noise = rng.gumbel(size=edits.shape).astype(np.float32)
    drawn: Places = (edits + noise).argmax(axis=1)
    return np.where(rng.logistic(size=len(stop)) < stop, edits.shape[1], drawn)
