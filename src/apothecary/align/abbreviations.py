"""Abbreviations that a text defines itself: "tardive dyskinesia (TD)" or "TD (tardive dyskinesia)".

Source: Schwartz and Hearst 2003, "A simple algorithm for identifying abbreviation definitions in
biomedical text", Pacific Symposium on Biocomputing. Departures:

1. Both brackets of a pair are required; square and full-width ones count, and a definition does
   not cross the end of a sentence as `sentences` sees it.
2. The long form begins at the very character that matches the first one of the short form. The
   original goes back to the blank before it, which gives "anti-tuberculosis" for TB.
3. A short form needs two characters that are letters or digits, one of them a letter, and is not
   lower-case throughout, which rules out asides such as "(mean)" and "(see below)".
4. The long form must be longer than the short one, must not contain it as a word, and must close
   every bracket that it opens and no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from apothecary.align.sentences import sentences
from apothecary.documents import Span

__all__ = ["Abbreviation", "abbreviations"]

_MAX_SHORT_CHARACTERS = 10
_MAX_SHORT_WORDS = 2
_BRACKETED = re.compile(r"[(\[\uff08]([^()\[\]\uff08\uff09]{1,300})[)\]\uff09]")
_ASIDE = re.compile(r"[;,:]\s")
_WORD = re.compile(r"\S+")
_LAST_WORD = re.compile(r"(?<!\S)\S{1,12}\s*\Z")


@dataclass(frozen=True)
class Abbreviation:
    """A short form and what the text says it stands for."""

    short: Span
    long: Span


def abbreviations(text: str) -> tuple[Abbreviation, ...]:
    """The definitions in a text, in its order; a short form that is defined twice occurs twice."""
    found = []
    for sentence in sentences(text):
        for match in _BRACKETED.finditer(text, sentence.start, sentence.end):
            pair = _short_inside(text, sentence, match) or _long_inside(text, sentence, match)
            if pair:
                found.append(pair)
    return tuple(found)


def _short_inside(text: str, sentence: Span, match: re.Match[str]) -> Abbreviation | None:
    """long form (SF), and long form (SF, an aside)."""
    aside = _ASIDE.search(match[1])
    short = _trimmed(text, match.start(1), match.start(1) + aside.start() if aside else match.end(1))
    if not short or not _is_short_form(text[short.start : short.end]):
        return None
    begin = max(sentence.start, match.start() - 60 * _max_long_words(text, short))
    words = [w.start() for w in _WORD.finditer(text, begin, match.start())][-_max_long_words(text, short) :]
    return _pair(text, short, words[0], match.start()) if words else None


def _long_inside(text: str, sentence: Span, match: re.Match[str]) -> Abbreviation | None:
    """SF (long form), and SF (long form; an aside)."""
    before = _LAST_WORD.search(text, max(sentence.start, match.start() - 20), match.start())
    short = _trimmed(text, before.start(), match.start()) if before else None
    if not short or not _is_short_form(text[short.start : short.end]):
        return None
    aside = re.search(r";\s", match[1])
    end = match.start(1) + aside.start() if aside else match.end(1)
    pair = _pair(text, short, match.start(1), end)
    # The whole bracket is the long form: were only its tail one, the rest would be unexplained.
    starts_there = pair and not text[match.start(1) : pair.long.start].strip()
    return pair if starts_there else None


def _pair(text: str, short: Span, begin: int, end: int) -> Abbreviation | None:
    name = text[short.start : short.end]
    start = _best_start(name, text, begin, end)
    long = _trimmed(text, start, end) if start is not None else None
    if long is None or long.end - long.start <= len(name):
        return None
    words = _WORD.findall(text, long.start, long.end)
    brackets = text.count("(", long.start, long.end) - text.count(")", long.start, long.end)
    if len(words) > _max_long_words(text, short) or name in words or brackets:
        return None
    return Abbreviation(short, long)


def _best_start(short: str, text: str, begin: int, end: int) -> int | None:
    """Match the characters of the short form from right to left; the first one must begin a word."""
    place = end
    wanted = [character.lower() for character in short if character.isalnum()]
    for index, character in reversed(list(enumerate(wanted))):
        place -= 1
        while place >= begin and not (
            text[place].lower() == character and (index > 0 or _begins_word(text, place, begin))
        ):
            place -= 1
        if place < begin:
            return None
    return place


def _begins_word(text: str, place: int, begin: int) -> bool:
    return place == begin or not text[place - 1].isalnum()


def _is_short_form(name: str) -> bool:
    letters = [character for character in name if character.isalnum()]
    return (
        len(letters) >= 2
        and len(name) <= _MAX_SHORT_CHARACTERS
        and len(name.split()) <= _MAX_SHORT_WORDS
        and name[0].isalnum()
        and any(character.isalpha() for character in name)
        and not name.islower()
    )


def _max_long_words(text: str, short: Span) -> int:
    size = sum(character.isalnum() for character in text[short.start : short.end])
    return min(size + 5, size * 2)


def _trimmed(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    last = start + len(piece.rstrip())
    return Span(start + lead, last) if start + lead < last else None
