"""Text -> the JSON list of objects in it: whole, cut off, fenced, or with other text around it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from apothecary.metrics.literals import python_literal

__all__ = ["Found", "find_list"]

PASSES = 50
"""How often a text may be read in all before the search for its list gives up: hostile brackets cost one pass
each."""

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")
_STARTS_LIST = re.compile(r'\[[ \t\r\n]*[\[\]{"\-0-9tfn]')
_STARTS_OBJECTS = re.compile(r"\[[ \t\r\n]*\{")


@dataclass(frozen=True)
class Found:
    """A JSON value and where it stands.

    `value` is a list where `is_list`; objects without a list around them come as a list that is none. `lists`
    counts the lists of objects in the text, of which this is the first.
    """

    value: list[object]
    is_list: bool
    lists: int
    repairs: tuple[str, ...]


@dataclass(frozen=True)
class _Stretch:
    value: list[object]
    start: int
    end: int
    repairs: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """Lists of objects before empty ones before the rest: "[1]" in prose is no answer."""
        return 0 if any(isinstance(each, dict) for each in self.value) else 1 if not self.value else 2


def find_list(text: str) -> Found | None:
    """The first list of objects of a text, else its first empty list, else its first list.

    None when it holds no JSON list or object. Repairs: text around it removed, trailing comma removed, a
    cut-off list ends after its last complete object, a list written as a Python literal. Never raises.
    """
    lone = _lone_objects(text)
    if lone is not None:
        return lone
    stretches, broken = _stretches(text)
    best = min(stretches, key=lambda each: each.rank, default=None)
    if best is None or (broken and best.rank):
        # What looks like a list inside one that cannot be read is a part of it and no answer.
        literal = python_literal(text[text.find("[") : text.rfind("]") + 1])
        return Found(literal, True, 1, ("Python literal read",)) if isinstance(literal, list) else None
    repairs = best.repairs
    if text[: best.start].strip() or text[best.end :].strip():
        repairs = ("text around the list removed", *repairs)
    return Found(best.value, True, sum(each.rank == 0 for each in stretches), repairs)


def _stretches(text: str) -> tuple[list[_Stretch], bool]:
    """Every outermost list, and whether a list of objects begins that could not be read."""
    stretches: list[_Stretch] = []
    broken = False
    left = PASSES * len(text)
    following = _STARTS_LIST.search(text)
    while following and left >= 0:
        position = following.start()
        stretch, cost = _decoded(text, position)
        left -= cost
        if stretch:
            stretches.append(stretch)
        else:
            broken = broken or _STARTS_OBJECTS.match(text, position) is not None
        following = _STARTS_LIST.search(text, stretch.end if stretch else position + 1)
    return stretches, broken


def _decoded(text: str, start: int) -> tuple[_Stretch | None, int]:
    """The list that begins there, and how many characters were read without use."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        # The error counts its lines from the beginning of the text.
        cost = error.pos
    except (ValueError, RecursionError):
        # A number of more than 4300 digits, or too many brackets in brackets.
        cost = len(text)
    else:
        return _Stretch(value, start, end), 0
    stretch = _objects(text, start + 1, start) if _STARTS_OBJECTS.match(text, start) else None
    return stretch, 2 * cost


def _objects(text: str, position: int, start: int) -> _Stretch | None:
    """The complete objects from a position on, with or without commas; None when there is none."""
    objects: list[object] = []
    while (position := _after_blanks(text, position)) < len(text) and text[position] == "{":
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        objects.append(value)
        position = _after_blanks(text, position)
        if text.startswith(",", position):
            position += 1
    if not objects:
        return None
    if text.startswith("]", position):
        return _Stretch(objects, start, position + 1, ("comma between items mended",))
    return _Stretch(objects, start, len(text), ("cut-off list closed",))


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _lone_objects(text: str) -> Found | None:
    """Objects with a type that no list holds: one, or several in a row."""
    start = text.find("{")
    if start < 0 or 0 <= text.find("[") < start:
        return None
    stretch = _objects(text, start, start)
    if stretch is None or not isinstance(stretch.value[0], dict) or "type" not in stretch.value[0]:
        return None
    around = text[:start].strip()
    return Found(stretch.value, False, 1, ("text around the list removed",) if around else ())
