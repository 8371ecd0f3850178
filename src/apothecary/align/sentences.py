"""Sentences of biomedical English and of Chinese, by rules."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from apothecary.documents import Span

__all__ = ["sentences"]

_MAX_PARENTHESIS = 1000
_CLOSING = r"\"'\u201d\u2019\u00bb)\]\u300d\u300f\u3011\uff09"
_CHINESE_STOPS = "\u3002\uff01\uff1f"
_OPENING_QUOTES = "\"'\u201c\u2018\u00ab"
_OPENING_BRACKETS = "([\uff08"
# A run of full stops ends a sentence only before a blank; Chinese stops need none. The possessive
# quantifiers keep a long run of dots from being tried from each of its dots.
_STOP = re.compile(rf"(?<![.!?])[.!?]++[{_CLOSING}]*+(?=\s|\Z)|[{_CHINESE_STOPS}]++[{_CLOSING}]*+|\n\s*\n")
_BRACKET = re.compile(r"[()\[\]\uff08\uff09]")
_LOWER_ABBREVIATIONS = {
    *("e.g", "i.e", "vs", "cf", "ca", "approx", "resp", "viz", "incl", "al", "sp", "spp", "subsp", "var"),
    *("fig", "figs", "tab", "ref", "refs", "eq", "eqs"),
}
# Capitalised only where no unit or measurement looks the same (MR, ST and Ca end sentences).
_NEVER = _LOWER_ABBREVIATIONS | {
    *("E.g", "I.e", "Approx", "Fig", "Figs", "FIG", "Tab", "Ref", "Refs", "Eq", "Eqs"),
    *("Dr", "Mr", "Mrs", "Ms", "Prof", "St"),
}
# These end a sentence as often as not: they do unless a number follows.
_BEFORE_NUMBERS = {"no", "nos", "vol", "pp", "p", "ed", "eds"}
_INITIAL = re.compile(r"[A-Z]|[A-Z]\.[A-Z]")
_LAST_WORD = re.compile(r"[^\s(\[]+$")
_WORD_BEFORE = re.compile(r"([A-Za-z]+)\s+$")
_NAMES_TAKE_INITIALS = {"with", "from", "like", "than", "against", "into"}
_LOWER_NAME = re.compile(r"[a-z]{1,3}-?[A-Z0-9]")


def sentences(text: str, start: int = 0) -> tuple[Span, ...]:
    """Spans of the sentences, shifted by `start`, without outer blanks; together they hold all the text.

    No sentence ends inside a parenthesis, in a number, at an abbreviation or initial (e.g., Fig. 2, E. coli),
    or before a lower-case word, except for names like mRNA and p53. An empty line always ends one.
    """
    inside = _Parentheses(text)
    spans = []
    begin = 0
    for stop in [*_stops(text, inside), len(text)]:
        piece = text[begin:stop]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            spans.append(Span(start + begin + lead, start + begin + len(piece.rstrip())))
        begin = stop
    return tuple(spans)


def _stops(text: str, inside: _Parentheses) -> Iterator[int]:
    for match in _STOP.finditer(text):
        mark = match.group()
        if mark.isspace():
            yield match.end()
        elif inside.holds(match.start(), match.end()):
            continue
        elif mark[0] in _CHINESE_STOPS or _ends_sentence(text, match.start(), match.end()):
            yield match.end()


def _ends_sentence(text: str, stop: int, end: int) -> bool:
    following = text[end : end + 40].lstrip()
    first = following.lstrip(_OPENING_QUOTES + _OPENING_BRACKETS)[:1]
    if first.islower() and not _LOWER_NAME.match(following):
        return False
    if text[stop] != "." or text[stop : stop + 2] == "..":
        return True
    before = text[max(0, stop - 40) : stop]
    match = _LAST_WORD.search(before)
    word = match.group() if match else ""
    if word.lstrip(_OPENING_QUOTES) in _NEVER:
        return False
    if word.lower() in _BEFORE_NUMBERS:
        return not first.isdigit()
    return not (_INITIAL.fullmatch(word) and _is_initial(before[: -len(word)], following))


def _is_initial(before: str, following: str) -> bool:
    """A lone capital is an initial unless it follows a common noun (hepatitis B. Patients)."""
    match = _WORD_BEFORE.search(before)
    noun = match.group(1) if match else ""
    return bool(following) and not (len(noun) > 3 and noun.islower() and noun not in _NAMES_TAKE_INITIALS)


class _Parentheses:
    """The outermost closed parentheses of a text; one that is too long is taken for a slip."""

    def __init__(self, text: str) -> None:
        self.ranges: list[tuple[int, int]] = []
        opened: list[int] = []
        for match in _BRACKET.finditer(text):
            if match.group() in _OPENING_BRACKETS:
                opened.append(match.start())
            elif opened and match.end() - opened[-1] <= _MAX_PARENTHESIS:
                self._close(opened.pop(), match.end())
            else:
                opened.clear()

    def holds(self, start: int, end: int) -> bool:
        """Does a closed parenthesis begin before `start` and end after `end`?"""
        index = bisect_right(self.ranges, (start, 0)) - 1
        return index >= 0 and self.ranges[index][1] > end

    def _close(self, start: int, end: int) -> None:
        while self.ranges and self.ranges[-1][0] > start:
            self.ranges.pop()
        self.ranges.append((start, end))
