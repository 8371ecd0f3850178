"""Texts of condition instances: the line of the pair, title and abstract, where a quotation stands.

The instances of Drug-ACE's authors come as one text with a line ``[Drug-Disease]: DRUG - DISEASE``; the rest
of their layout is not published.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

__all__ = ["How", "Place", "join_text", "pair_of", "place_of", "split_text", "text_key"]

How = Literal["exact", "spaces", "case"]
"""Equal; equal but for blanks, which may be missing; equal but for case and blanks."""

_PAIR = re.compile(r"\[drug-disease\]:([^\n]*)", re.IGNORECASE)
_DASH = re.compile(r"\s-\s")
_SECTION = re.compile(r"^[ \t]*(?:\[(title|abstract)\]|(title|abstract))[ \t]*:[ \t]*", re.I | re.M)
_NOT_ALNUM = re.compile(r"[\W_]+")
_TRIES = 1000
"""Occurrences inside words that are passed over in search of a whole word."""


class Place(NamedTuple):
    """Where a quotation stands: code points, end-exclusive, and how it was found."""

    start: int
    end: int
    how: How


def join_text(title: str, abstract: str) -> str:
    """The text of a document: title, a blank, abstract, as every format here joins the two."""
    return f"{title} {abstract}" if title and abstract else title or abstract


def text_key(text: str) -> str:
    """What tells one text from another: a digest of its letters and digits (see `corpora.abstracts`)."""
    letters = _NOT_ALNUM.sub("", text).casefold()
    return f"text-{hashlib.sha256(letters.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def pair_of(text: str) -> tuple[str, str] | None:
    """Drug and disease of the first pair line; None without one, or where it does not name both.

    The first hyphen between blanks parts them: a name may hold further ones.
    """
    line = _PAIR.search(text)
    names = _DASH.split(line[1], maxsplit=1) if line else []
    drug, disease = (name.strip() for name in names) if len(names) == 2 else ("", "")
    return (drug, disease) if drug and disease else None


def split_text(text: str) -> tuple[str, str]:
    """Title and abstract of a text in one piece, the pair line taken out.

    They are what follows ``[Title]:`` and ``[Abstract]:`` (brackets may be missing) where lines begin so;
    else the first line and the others. A text of one line is an abstract without a title.
    """
    line = _PAIR.search(text)
    rest = (text[: line.start()] + text[line.end() :] if line else text).strip()
    marks = {(mark[1] or mark[2]).lower(): mark for mark in reversed(list(_SECTION.finditer(rest)))}
    if len(marks) == 2:
        title, abstract = marks["title"], marks["abstract"]
        first = rest[title.end() : abstract.start() if abstract.start() > title.start() else len(rest)]
        second = rest[abstract.end() : title.start() if title.start() > abstract.start() else len(rest)]
        return first.strip(), second.strip()
    title_line, _, others = rest.partition("\n")
    return (title_line.strip(), others.strip()) if others.strip() else ("", rest)


def place_of(quote: str, text: str) -> Place | None:
    """Where a quotation stands first: exactly, else under other blanks, else in another case; or nowhere.

    Of the places of one kind a whole word comes before a part of one: "men" is not looked for in "women"
    while it stands by itself.
    """
    if not quote.strip():
        return None
    start = _first(quote, text)
    if start is not None:
        return Place(start, start + len(quote), "exact")
    for how, fold in _FOLDS:
        squeezed, places = _squeezed(text, fold)
        wanted, _ = _squeezed(quote, fold)
        found = _first_of_folded(wanted, squeezed, places, text)
        if found is not None:
            return Place(*found, how)
    return None


_FOLDS: tuple[tuple[How, bool], ...] = (("spaces", False), ("case", True))


def _first(quote: str, text: str) -> int | None:
    found = list(islice(_occurrences(quote, text), 1))
    whole = (
        start
        for start in islice(_occurrences(quote, text), _TRIES)
        if _whole(text, start, start + len(quote))
    )
    return next(whole, found[0] if found else None)


def _first_of_folded(
    wanted: str, squeezed: str, places: tuple[int, ...], text: str
) -> tuple[int, int] | None:
    first: tuple[int, int] | None = None
    for start in islice(_occurrences(wanted, squeezed), _TRIES):
        place = places[start], places[start + len(wanted) - 1] + 1
        if _whole(text, *place):
            return place
        first = first or place
    return first


def _occurrences(quote: str, text: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)


def _whole(text: str, start: int, end: int) -> bool:
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (before or after)


@lru_cache(maxsize=8)
def _squeezed(text: str, fold: bool) -> tuple[str, tuple[int, ...]]:
    """The text without blanks, in lower case if asked, and the place of each of its characters."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if not character.isspace():
            piece = character.casefold() if fold else character
            letters.extend(piece)
            places.extend([place] * len(piece))
    return "".join(letters), tuple(places)
