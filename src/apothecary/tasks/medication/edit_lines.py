"""Edits of a list as lines of text: ``add NAME``, ``remove NAME``, ``stop``; or names alone, as published.

A line is read without regard to case, blanks, hyphens and marks before it. One is refused that is no edit,
names no drug of the vocabulary, or makes an edit that the list as it then is does not allow: adding what is
there or barred, removing what is not there, anything after a stop or beyond the budget. It changes nothing,
nor does one whose edit is declined (`weighing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apothecary.tasks.medication.lines import Line, read_lines, render_lines
from apothecary.tasks.medication.list_state import STOP, Action, ListState
from apothecary.tasks.medication.weighing import Declined, Weigh
from apothecary.vocab.interactions import drug_key

__all__ = ["NOTHING", "EditLine", "read_edits", "read_names", "render_edits", "render_names"]

NOTHING = "none"
"""What is said where there is no drug to name."""

_EDIT = re.compile(r"[^\w]*(?:(add|remove)\b[\s:]*(.*)|stop\W*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class EditLine:
    """A line: the edit it makes, None where it is refused or declined, and the list after it.

    `start` and `end` are characters of the completion; a line holds the line break that ends it.
    """

    start: int
    end: int
    action: Action | None
    after: ListState
    declined: Declined | None = None


def read_names(completion: str, places: Mapping[str, int]) -> tuple[Line, ...]:
    """The lines of a completion that names drugs; `NOTHING` is none."""
    return tuple(line for line in read_lines(completion, places) if drug_key(line.text) != NOTHING)


def render_names(names: Sequence[str]) -> str:
    """Names as a completion that `read_names` reads."""
    return render_lines(names) or NOTHING


def read_edits(
    completion: str, state: ListState, places: Mapping[str, int], weigh: Weigh | None = None
) -> tuple[EditLine, ...]:
    """The lines of a completion that edits a list, blank ones left out; `places` as of `lines.places_of`.

    Without `weigh` no edit is declined.
    """
    found: list[EditLine] = []
    for line in read_lines(completion, {}):
        action = _action(line.text, places)
        action = action if action is not None and state.allows(action) else None
        declined = weigh(state, action) if weigh is not None and action is not None else None
        action = action if declined is None else None
        state = state if action is None else state.after(action)
        found.append(EditLine(line.start, line.end, action, state, declined))
    return tuple(found)


def render_edits(actions: Iterable[Action], vocabulary: Sequence[str]) -> str:
    """Edits as a completion that `read_edits` reads."""
    return "\n".join(
        "stop" if action.kind == "stop" else f"{action.kind} {vocabulary[action.drug]}" for action in actions
    )


def _action(text: str, places: Mapping[str, int]) -> Action | None:
    match = _EDIT.fullmatch(text)
    if match is None:
        return None
    if match[1] is None:
        return STOP
    drug = places.get(drug_key(match[2]))
    if drug is None:
        return None
    return Action("add" if match[1].lower() == "add" else "remove", drug)
