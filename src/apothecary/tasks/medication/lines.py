"""What a language model says of a list: one drug in a line.

Source: the parsing of FLAME's rewards. A line is stripped and compared with the names of the vocabulary,
without regard to case, blanks and hyphens; one that is no name is refused, and changes nothing.
Departures: 1. Blank lines are no lines; the source refuses them, one after a last line break included
(``reference=True`` does as the source). 2. All white space and all kinds of hyphens are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from apothecary.vocab.interactions import drug_key

__all__ = ["Edits", "Line", "follow", "places_of", "read_lines", "refused_shares", "render_lines"]

Edits = Literal["add", "remove"]
"""What the lines of one completion do to the list; its instruction says so."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")


@dataclass(frozen=True)
class Line:
    """A line: `drug` is its place in the vocabulary, None where it is refused.

    `start` and `end` are characters of the completion; a line holds the line break that ends it.
    """

    text: str
    start: int
    end: int
    drug: int | None


def places_of(vocabulary: Sequence[str]) -> dict[str, int]:
    """The place of every name by its `drug_key`; of two that are alike the first."""
    places: dict[str, int] = {}
    for place, name in enumerate(vocabulary):
        places.setdefault(drug_key(name), place)
    return places


def read_lines(completion: str, places: Mapping[str, int], *, reference: bool = False) -> tuple[Line, ...]:
    """The lines of a completion; `places` as from `places_of`. An empty completion has none."""
    found = [(match[0], *match.span()) for match in _LINE.finditer(completion)]
    if reference and completion.endswith("\n"):
        found.append(("", len(completion), len(completion)))
    lines = (
        Line(text.strip(), start, end, places.get(drug_key(text)) if text.strip() else None)
        for text, start, end in found
    )
    return tuple(line for line in lines if reference or line.text)


def render_lines(names: Iterable[str]) -> str:
    """Drugs as a completion."""
    return "\n".join(names)


def follow(start: Iterable[int], lines: Sequence[Line], edits: Edits) -> tuple[frozenset[int], ...]:
    """The list before the first line and after each; refused lines and what changes nothing leave it."""
    states = [frozenset(start)]
    for line in lines:
        drugs = frozenset(() if line.drug is None else (line.drug,))
        states.append(states[-1] | drugs if edits == "add" else states[-1] - drugs)
    return tuple(states)


def refused_shares(lines: Sequence[Line]) -> tuple[float, ...]:
    """Before the first line and after each: the share of the lines so far that were refused."""
    shares, refused = [0.0], 0
    for count, line in enumerate(lines, 1):
        refused += line.drug is None
        shares.append(refused / count)
    return tuple(shares)
