"""Where a quoted name stands in a text: exactly, under folding, or within a bounded distance."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from apothecary.align.folding import Folded, fold, is_boundary
from apothecary.documents import Alignment, Span

__all__ = ["Located", "locate"]

_FUZZY_CHARACTERS = (6, 200)
_SHORT_TOKEN = 4
_TOKEN = re.compile(r"[^\W_]+")
_OPPOSITES = ("hyper", "hypo")
# ALL is a leukaemia and all is not; with five capitals or more there is no such twin.
_ACRONYM = re.compile(r"[A-Z]{1,4}")


@dataclass(frozen=True)
class Located:
    """One occurrence and the rule it was found by."""

    span: Span
    alignment: Alignment


def locate(name: str, text: str, *, max_distance_ratio: float = 0.1) -> tuple[Located, ...]:
    """Every occurrence of `name` in `text`, in order, none overlapping another; () when there is none.

    Rules, the next one only if those before found nothing, except that normalised occurrences
    join the exact ones (the same name in another case is the same name):

    1. exact: the same characters, on word boundaries.
    2. normalised: equal after `folding.fold`, give or take a final s. One to four capitals do not
       match a word in lower case. No s is taken off a last word of four letters or fewer, nor off
       capitals (AIDS is not aid).
    3. fuzzy: as many whole words, give or take one, with an edit distance of at most
       `max_distance_ratio` of the longer of the two (at 0.1, a name of 10 characters may differ in
       one). The best matches win where they overlap. Only for names of 6 to 200 characters, and not
       in scripts without blanks. Words of four letters or fewer and words with digits must occur
       unchanged (hepatitis B is not hepatitis C), and hyper- is not hypo-.

    Outer blanks of the name do not count; a name without a letter or digit is nowhere.
    """
    wanted = name.strip()
    if not any(character.isalnum() for character in wanted):
        return ()
    exact = [Located(span, "exact") for span in _exact(wanted, text)]
    taken = _Taken(found.span for found in exact)
    folded = [Located(span, "normalised") for span in _normalised(wanted, text) if taken.add(span)]
    found = sorted(exact + folded, key=lambda located: located.span)
    if not found and max_distance_ratio > 0:
        found = [Located(span, "fuzzy") for span in _fuzzy(fold(wanted), fold(text), max_distance_ratio)]
    return tuple(found)


class _Taken:
    """The spans that are given away, none overlapping another."""

    def __init__(self, spans: Iterator[Span] | Sequence[Span] = ()) -> None:
        self.spans = sorted(spans)

    def add(self, span: Span) -> bool:
        """Take the span unless it overlaps one that is taken."""
        index = bisect_left(self.spans, span)
        if index > 0 and self.spans[index - 1].end > span.start:
            return False
        if index < len(self.spans) and self.spans[index].start < span.end:
            return False
        insort(self.spans, span)
        return True


def _exact(name: str, text: str) -> Iterator[Span]:
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        fits = is_boundary(text, start) and is_boundary(text, end)
        if fits:
            yield Span(start, end)
        start = text.find(name, end if fits else start + 1)


def _normalised(name: str, text: str) -> Iterator[Span]:
    folded, stem = fold(text), fold(name).text.strip()
    letters = len(_last_word(stem))
    if name.endswith("s") and letters > _SHORT_TOKEN and not stem.endswith("ss"):
        stem = stem[:-1]
    plural = letters > 2
    acronym = _ACRONYM.fullmatch(name) is not None
    start = folded.text.find(stem) if stem else -1
    while start >= 0:
        span = _with_plural(folded, text, (start, start + len(stem)), plural)
        if span and acronym and text[span.start : span.end].islower():
            span = None
        if span:
            yield span
        start = folded.text.find(stem, start + (len(stem) if span else 1))


def _last_word(text: str) -> str:
    words = _TOKEN.findall(text)
    return words[-1] if words and text.endswith(words[-1]) else ""


def _with_plural(folded: Folded, text: str, place: tuple[int, int], plural: bool) -> Span | None:
    start, end = place
    ends = [end, end + 1] if plural and folded.text.startswith("s", end) else [end]
    for last in reversed(ends):
        span = _original(folded, start, last)
        if span and is_boundary(text, span.start) and is_boundary(text, span.end):
            return span
    return None


def _original(folded: Folded, start: int, end: int) -> Span | None:
    return Span(folded.starts[start], folded.ends[end - 1]) if folded.whole(start, end) else None


def _fuzzy(name: Folded, text: Folded, ratio: float) -> list[Span]:
    words = [match.span() for match in _TOKEN.finditer(name.text)]
    wanted = name.text[words[0][0] : words[-1][1]] if words else ""
    if not _FUZZY_CHARACTERS[0] <= len(wanted) <= _FUZZY_CHARACTERS[1]:
        return []
    candidates = []
    for start, end in _windows(text.text, len(words), len(wanted), ratio):
        piece = text.text[start:end]
        bound = int(ratio * max(len(wanted), len(piece)))
        distance = Levenshtein.distance(wanted, piece, score_cutoff=bound)
        span = _original(text, start, end)
        if distance <= bound and span and _same_kernel(wanted, piece):
            candidates.append((distance, span))
    taken = _Taken()
    return sorted(span for _, span in sorted(candidates) if taken.add(span))


def _windows(text: str, words: int, length: int, ratio: float) -> Iterator[tuple[int, int]]:
    """Stretches of whole words whose length alone does not rule them out."""
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    shortest, longest = length * (1 - ratio), length / (1 - min(ratio, 0.5))
    for count in range(max(1, words - 1), words + 2):
        for first, last in zip(tokens, tokens[count - 1 :], strict=False):
            if shortest <= last[1] - first[0] <= longest:
                yield first[0], last[1]


def _same_kernel(one: str, other: str) -> bool:
    return _kernel(one) == _kernel(other) and all(one.count(p) == other.count(p) for p in _OPPOSITES)


def _kernel(text: str) -> list[str]:
    """What a fuzzy match may not change: numbers and short words carry the difference between names."""
    words = _TOKEN.findall(text)
    return [w for w in words if len(w) <= _SHORT_TOKEN or any(character.isdigit() for character in w)]
