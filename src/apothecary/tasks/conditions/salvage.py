"""Items of an answer that is no list as a whole: cut off, wrongly quoted, or with other text around it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

__all__ = ["Salvaged", "salvage"]

_DECODER = json.JSONDecoder(strict=False)
_OPENING = "\"'\u201c\u2018"
_QUOTES = _OPENING + "\u201d\u2019"
_STARTS_LIST = re.compile(rf"\[\s*[{_OPENING}{{\]]")
_ENDS_LIST = re.compile(r"\][ \t]*(?:\n|\Z)")
_BETWEEN = re.compile(r"[\s,]*")
_TYPE = r"(?:Dosage|Age|Gene|Gender|Comorbidity|Body[ \t_-]*Type)"
# A span opens anew, though an earlier one is open, where a line, a quotation or a list item begins. Every
# repetition is bounded or runs over blanks that no other match reads: the scan is linear.
_MARKS = re.compile(
    r"(?P<line>\n)"
    rf"|(?P<opens>(?:^|[{_QUOTES},;\[])[-*\u2022.)\d \t{_OPENING}]{{0,8}}Span[ \t]*:)"
    r"|(?P<span>\bSpan[ \t]*:)"
    rf"|(?P<label>\|[ \t]*Label[ \t]*:[ \t]*{_TYPE}(?=[ \t]*(?:[{_QUOTES}\],;|<.)}}\\]|Span\b|$)))"
    r"|(?P<other>\|[ \t]*Label[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_ESCAPED_OR_QUOTE = re.compile(r'\\.|"', re.DOTALL)


@dataclass(frozen=True)
class Salvaged:
    """Items as they would stand in a list, and the number of those that began and did not end."""

    items: tuple[object, ...]
    broken: int = 0


def salvage(text: str) -> Salvaged | None:
    """The first list in a text, else its complete ``Span: ... | Label: TYPE``; None without any.

    What follows the first list is not read: models write further examples behind their answer. An item ends
    at its first label of a known type, and never goes beyond its line.
    """
    start = _STARTS_LIST.search(text)
    if start is None:
        return _marked(text)
    values, closed = _elements(text, start.start() + 1)
    if closed:
        return Salvaged(values)
    end = _ENDS_LIST.search(text, start.start())
    found = _marked(text[start.start() : end.end() if end else len(text)])
    if found is None and values:
        return Salvaged(values, broken=1)
    return found


def _elements(text: str, position: int) -> tuple[tuple[object, ...], bool]:
    """The JSON texts and objects from a position on, and whether a bracket closes them."""
    values: list[object] = []
    while True:
        blanks = _BETWEEN.match(text, position)
        position = blanks.end() if blanks else position
        if not text.startswith(('"', "{"), position):
            return tuple(values), text.startswith("]", position)
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return tuple(values), False
        values.append(value)


def _marked(text: str) -> Salvaged | None:
    items: list[str] = []
    begun = 0
    start: int | None = None
    for mark in _MARKS.finditer(text):
        if mark.lastgroup in ("line", "other"):
            start = None
        elif mark.lastgroup == "label":
            if start is not None:
                items.append(f"Span: {_plain(text[start : mark.start()].strip())} {mark.group()}")
            start = None
        elif start is None or mark.lastgroup == "opens":
            start = mark.end()
            begun += 1
    return Salvaged(tuple(items), begun - len(items)) if items else None


def _plain(text: str) -> str:
    """Escapes of JSON and of Python quotes resolved, where that can be done."""
    if "\\" not in text:
        return text
    quoted = _ESCAPED_OR_QUOTE.sub(_for_json, text)
    try:
        value: object = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _for_json(match: re.Match[str]) -> str:
    return {'"': '\\"', "\\'": "'"}.get(match.group(), match.group())
