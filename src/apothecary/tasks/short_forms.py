"""Short forms that a text defines: what their long form is, they are, at every place.

A tagger that judges each place by itself misses "LT" in one sentence and takes it for something else in
the next. Measured on CDR's development part: docs/results/pocket.md.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import replace

from apothecary.align.abbreviations import abbreviations
from apothecary.documents import Document, Mention, Span

__all__ = ["with_short_forms"]


def with_short_forms(document: Document, mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions, those of short forms made to agree with their long forms, in the order of the text.

    Where a long form is a mention, its short form is one of the same type wherever it stands as a word
    in that spelling, clear of other mentions. Where no place of the long form touches a mention, those
    of the short form that a tagger found (they have a confidence) are dropped: it read the very words
    that say what the short form means, and passed over them.
    """
    kept = list(mentions)
    for found in abbreviations(document.text):
        short, long = (document.text[span.start : span.end] for span in (found.short, found.long))
        of_long = next((m for m in kept if m.text.casefold() == long.casefold()), None)
        if of_long is not None:
            kept = [replace(m, type=of_long.type) if m.text == short else m for m in kept]
            taken = sorted((span.start, span.end) for m in kept for span in m.spans)
            for span in _clear(taken, _places(document.text, short)):
                kept.append(Mention((span,), short, of_long.type, confidence=of_long.confidence))
        elif not _touches(kept, list(_places(document.text, long))):
            kept = [m for m in kept if m.text != short or m.confidence is None]
    return tuple(sorted(kept, key=lambda m: (m.start, m.end)))


def _places(text: str, name: str) -> Iterator[Span]:
    """Every place of a name as a word of its own."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            yield Span(start, end)
        start = text.find(name, end)


def _clear(taken: list[tuple[int, int]], spans: Iterator[Span]) -> Iterator[Span]:
    """The spans that overlap none of the taken ones, nor each other."""
    for span in spans:
        after = bisect_left(taken, (span.start,))
        free_before = after == 0 or taken[after - 1][1] <= span.start
        if free_before and (after == len(taken) or taken[after][0] >= span.end):
            insort(taken, (span.start, span.end))
            yield span


def _touches(mentions: Sequence[Mention], places: Sequence[Span]) -> bool:
    return any(m.start < place.end and place.start < m.end for m in mentions for place in places)
