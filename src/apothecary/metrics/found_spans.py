"""Spans of names that a reply gives without offsets: greedy, from left to right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from apothecary.metrics.spans import TypedSpan

__all__ = ["greedy_spans"]

_CHUNK = 200
"""Names of one pattern: a reply may hold many, and an alternation is tried name by name."""


def greedy_spans(text: str, names: Iterable[tuple[str, str]], *, nested: bool = False) -> list[TypedSpan]:
    """Where the (type, name) pairs of a reply stand in a text, as (start, end, type), sorted.

    From the left, the longest name that begins at a place takes its stretch, and the search goes on behind
    it: "lung cancer" leaves no "cancer" inside. So each name takes every occurrence that is not covered. With
    `nested` every occurrence of every name is taken, whatever it lies in. A name with two types takes both.
    Letters count as they are; a name that begins or ends with an ASCII letter or digit does so at a word
    boundary. A name that is not in the text has no span.

    >>> greedy_spans("lung cancer, cancer", [("D", "cancer"), ("D", "lung cancer")])
    [(0, 11, 'D'), (13, 19, 'D')]
    """
    types: dict[str, list[str]] = {}
    for type_, name in names:
        if name.strip() and type_ not in types.setdefault(name, []):
            types[name].append(type_)
    wanted = sorted(types, key=lambda name: (-len(name), name))
    if nested:
        found = [(s, e, name) for name in wanted for s, e in _occurrences(text, [name], overlapping=True)]
    else:
        found = [(s, e, text[s:e]) for s, e in _occurrences(text, wanted)]
    return sorted({(start, end, type_) for start, end, name in found for type_ in types[name]})


def _occurrences(text: str, names: Sequence[str], *, overlapping: bool = False) -> list[tuple[int, int]]:
    # Every chunk is searched alone; then, at equal starts the longest first, what overlaps is left out.
    spans = []
    for start in range(0, len(names), _CHUNK):
        pattern = re.compile("|".join(map(_bounded, names[start : start + _CHUNK])))
        place = 0
        while match := pattern.search(text, place):
            spans.append(match.span())
            # A longer name of another chunk may begin within this one's stretch.
            place = match.end() if len(names) <= _CHUNK and not overlapping else match.start() + 1
    if overlapping:
        return spans
    kept: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _bounded(name: str) -> str:
    before = "(?<![A-Za-z0-9])" if name[0].isascii() and name[0].isalnum() else ""
    after = "(?![A-Za-z0-9])" if name[-1].isascii() and name[-1].isalnum() else ""
    return f"{before}{re.escape(name)}{after}"
