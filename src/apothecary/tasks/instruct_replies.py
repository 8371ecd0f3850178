# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies of instruction tasks, up to what each task makes of their lines.

A reply may think first, stand in a code fence, say something before the answer, use markdown, bullets,
full-width punctuation, or be JSON. What is taken off or dropped is a repair, one for each time, so that
repairs can be counted; a reply in which nothing can be recognised raises AnswerError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from apothecary.errors import AnswerError
from apothecary.examples import Language
from apothecary.tasks.answers import json_answer, split_thinking
from apothecary.tasks.instruct_items import is_nothing, nothing

__all__ = [
    "DUPLICATE",
    "UNKNOWN",
    "UNREAD",
    "TypedLine",
    "TypedLines",
    "body_of",
    "bullet_free",
    "json_of",
    "lines_by_type",
    "type_form",
    "type_of",
    "typed_lines",
]

UNKNOWN = "unknown type dropped"
DUPLICATE = "repeat merged"
UNREAD = "unreadable part dropped"
_FENCE_LINE = re.compile(r"\s*```")
_BULLET = re.compile(r"(?:[-*•·‣▪–]\s+|[（(]?\d{1,3}[.)、）．]\s*)(?=\S)")
_HEADING = re.compile(r"(?:#+\s*)?[*_]{0,3}")
_COLON = re.compile(r"[*_]{0,3}\s*[:：]\s*[*_]{0,3}\s*")
_FOREIGN = re.compile(r"[^:：\"“]{1,60}[:：]\s*\S")
_PLAIN_TYPE = re.compile(r"[^\s\x00-\x1f\"“*#_`<{\[][^\x00-\x1f\x85\u2028\u2029]*(?<!\s)")


@dataclass(frozen=True)
class TypedLine:
    """What stands behind a type; lines below a type that stands alone are joined to it, each one `items`."""

    type: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class TypedLines:
    """The lines of a reply by type, lines without one (bullets taken off), and the repairs."""

    lines: tuple[TypedLine, ...]
    others: tuple[str, ...]
    repairs: tuple[str, ...]


def body_of(reply: str) -> tuple[str, list[str]]:
    """The reply without thinking and lines of code fences, and the repairs. Raises AnswerError when empty."""
    thinking, rest = split_thinking(reply)
    repairs = ["thinking removed"] if thinking else []
    lines = [line for line in rest.split("\n") if not _FENCE_LINE.match(line)]
    if len(lines) < rest.count("\n") + 1:
        repairs.append("code fence removed")
    body = "\n".join(lines).strip()
    if not body:
        raise AnswerError("the reply is empty" if not thinking else "the reply ends before its answer")
    return body, repairs


def json_of(body: str) -> object | None:
    """The JSON value of a reply that begins like one; None where it is none. A cut-off object is mended."""
    if body[:1] not in ("{", "["):
        return None
    try:
        value: object = json.JSONDecoder().raw_decode(body)[0]
    except (ValueError, RecursionError):
        if body[0] != "{":
            return None
        try:
            value = json_answer(body).value
        except AnswerError:
            return None
    return value


def type_form(type_: str) -> str:
    """A type as it is written before a colon: bare, or as a JSON string where it would not be read again."""
    return type_ if _PLAIN_TYPE.fullmatch(type_) else json.dumps(type_, ensure_ascii=False)


def type_of(text: str, types: Sequence[str]) -> str | None:
    """The type that a text names: word for word, else whatever its case and the blanks around it."""
    if text in types:
        return text
    folded = text.strip().strip("*_`\"'“” ").casefold()
    return next((type_ for type_ in types if type_.strip().casefold() == folded), None)


def bullet_free(line: str) -> str:
    """A line without the bullet or number before it."""
    stripped = line.strip()
    match = _BULLET.match(stripped)
    return stripped[match.end() :] if match else stripped


def lines_by_type(items: Iterable[tuple[str, str]], language: Language) -> str:
    """A line ``TYPE: item; item`` for each type of (type, item), types by first place; else "none"."""
    by_type: dict[str, list[str]] = {}
    for type_, item in items:
        by_type.setdefault(type_, []).append(item)
    colon = "：" if language == "zh" else ": "
    lines = [f"{type_form(type_)}{colon}{'; '.join(each)}" for type_, each in by_type.items()]
    return "\n".join(lines) or nothing(language)


def typed_lines(body: str, types: Sequence[str]) -> TypedLines:
    """The lines ``TYPE: ...`` of a reply, and what is said under a type that stands alone on its line.

    A line that names another type is dropped and counted; prose between the lines is left out.
    """
    found: list[TypedLine] = []
    others: list[str] = []
    repairs: list[str] = []
    # Under "Chemical:" come its names, with bullets or without; behind "Chemical: a; b" only bullets.
    heads_list = False
    for line in filter(None, map(str.strip, body.split("\n"))):
        bare = bullet_free(line)
        if match := _typed(line, types):
            type_, rest = match
            found.append(TypedLine(type_, (rest,) if rest else ()))
            heads_list = not rest
        elif _FOREIGN.match(bare):
            repairs.append(UNKNOWN)
            others.append(bare)
            heads_list = False
        elif found and (heads_list or bare != line):
            found[-1] = TypedLine(found[-1].type, (*found[-1].items, bare))
        elif not is_nothing(line):
            others.append(bare)
    return TypedLines(tuple(found), tuple(others), tuple(repairs))


def _typed(line: str, types: Sequence[str]) -> tuple[str, str] | None:
    pattern = _pattern(tuple(types))
    for candidate in dict.fromkeys((line, bullet_free(line))):
        match = pattern.match(candidate) or pattern.match(candidate, _end(_HEADING, candidate))
        if match:
            type_ = type_of(_bare(match.group(1)), types)
            if type_ is not None:
                return type_, candidate[match.end() :].strip()
    return None


def _end(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _bare(form: str) -> str:
    try:
        return str(json.loads(form)) if form.startswith('"') else form
    except ValueError:
        # Another case of the letters, as of the n of a line break.
        return form


@lru_cache(maxsize=64)
def _pattern(types: tuple[str, ...]) -> re.Pattern[str]:
    # The longest first: of "A" and "A: B" the line "A: B: x" means the second. Items never hold a bare colon.
    forms = {json.dumps(type_, ensure_ascii=False) for type_ in types} | {type_form(type_) for type_ in types}
    forms |= {type_ for type_ in types if "\n" not in type_ and not type_.startswith('"')}
    longest = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(f"({'|'.join(re.escape(form) for form in longest)}){_COLON.pattern}", re.IGNORECASE)
