"""What each line of a completion earned: the difference it made to the potential of the list.

Source: the rewards of FLAME (arXiv 2505.20218). Departures:
1. A refused line earns what it adds to the share of refused lines, so that the lines add up to the total; the
   release gives the share itself (`reward_reference` does).
2. In the mode ``edit`` a line is an edit of either kind (`edit_lines`), and one that the list does not allow
   is refused. In the published modes a name that changes nothing is a line that earns nothing.
3. The answer that there is nothing to name (`edit_lines.NOTHING`) is no line; there, it is an empty
   completion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from apothecary.errors import UsageError
from apothecary.tasks.medication.edit_lines import read_edits, read_names
from apothecary.tasks.medication.lines import follow, places_of
from apothecary.tasks.medication.list_state import ListState
from apothecary.tasks.medication.potential import Lists, Potential, Vector, step_rewards
from apothecary.vocab.interactions import drug_key

__all__ = ["LineSteps", "Mode", "PotentialOf", "line_steps"]

Mode = Literal["add", "remove", "edit"]
"""What the lines of a completion are: names to add, names to remove, or edits of both kinds."""

PotentialOf = Callable[[Vector], Potential]
"""How good lists are, given the gold list: 1.0 for each drug of it. Shapes: argument drugs."""


@dataclass(frozen=True)
class LineSteps:
    """`spans` are the characters of each line with the line break that ends it; blank lines are none.

    `steps` is what each line earned, `total` their sum, `refused` how many lines made no edit.
    """

    spans: tuple[tuple[int, int], ...]
    steps: tuple[float, ...]
    total: float
    refused: int


@dataclass(frozen=True)
class _Read:
    spans: tuple[tuple[int, int], ...]
    refused: tuple[bool, ...]
    lists: tuple[Iterable[int], ...]
    """Before the first line and after each."""


def line_steps(
    completion: str,
    start: Iterable[str],
    gold: Iterable[str],
    vocabulary: Sequence[str],
    mode: Mode,
    potential: PotentialOf,
) -> LineSteps:
    """What the lines of a completion earned that edits the list `start`.

    An empty completion has no line and earns 0. Drugs of `gold` that the vocabulary lacks cannot be listed
    and are left out. Raises UsageError for a drug of `start` that is not in it.
    """
    places, size = places_of(vocabulary), len(vocabulary)
    listed = _listed(start, places)
    wanted = {places[key] for key in map(drug_key, gold) if key in places}
    read = (
        _edits(completion, listed, places, size)
        if mode == "edit"
        else _names(completion, listed, places, mode)
    )
    refused = np.cumsum(read.refused) / np.arange(1, len(read.refused) + 1)
    lists = Lists.of([tuple(each) for each in read.lists], size, [0.0, *refused])
    phi = potential(Lists.of([wanted], size).members[0]).phi(lists)
    return LineSteps(
        read.spans, tuple(step_rewards(phi).tolist()), float(phi[-1] - phi[0]), sum(read.refused)
    )


def _edits(completion: str, listed: frozenset[int], places: dict[str, int], size: int) -> _Read:
    state = ListState.of(listed, size)
    lines = read_edits(completion, state, places)
    return _Read(
        tuple((line.start, line.end) for line in lines),
        tuple(line.action is None for line in lines),
        (state.drugs, *(line.after.drugs for line in lines)),
    )


def _names(
    completion: str, listed: frozenset[int], places: dict[str, int], mode: Literal["add", "remove"]
) -> _Read:
    lines = read_names(completion, places)
    return _Read(
        tuple((line.start, line.end) for line in lines),
        tuple(line.drug is None for line in lines),
        follow(listed, lines, mode),
    )


def _listed(names: Iterable[str], places: dict[str, int]) -> frozenset[int]:
    found = []
    for name in names:
        if drug_key(name) not in places:
            raise UsageError("the list to edit holds a drug that is not in the vocabulary")
        found.append(places[drug_key(name)])
    return frozenset(found)
