"""A JSON file that is one array or one object: its members, each with the line it begins at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from apothecary.errors import FormatError
from apothecary.formats import jsonl
from apothecary.formats.lines import MAX_LINE_BYTES, check_encoding, open_bytes, printable

__all__ = ["Member", "read_members", "read_objects"]

Member = tuple[int, str, dict[str, object]]
"""The line, the key (of an array the 1-based place) and the object."""

LARGEST = 16 * MAX_LINE_BYTES
"""Bytes of a file; a larger one does not fit the memory twice."""
_BLANK = re.compile(r"[ \t\r\n]*")
_HINT = "nothing after it can be read"


def read_members(path: Path, *, encoding: str = "utf-8") -> Iterator[Member | FormatError]:
    """Yield the objects of an array, or the values of an object, in their order.

    A member that is no object comes as a FormatError value. What is not JSON ends the file, since where the
    next member begins is anybody's guess: one FormatError value with its line. NaN, Infinity and unpaired
    surrogates are refused as in JSON Lines. Raises FormatError when the file cannot be read, is not text in
    `encoding`, or holds something else than an array or object; UsageError for an unknown encoding.
    """
    text, where = _text(path, encoding), printable(path)
    place = _after_blank(text, 0)
    if text[place : place + 1] not in ("[", "{"):
        raise FormatError("neither a JSON array nor an object", where=where, hint="JSON Lines end in .jsonl")
    yield from _members(text, place, where)


def read_objects(path: Path, *, encoding: str = "utf-8") -> Iterator[Member | FormatError]:
    """As `read_members`; a file that does not begin an array is JSON Lines, whose keys are line numbers."""
    with open_bytes(path) as stream:
        start = stream.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        yield from read_members(path, encoding=encoding)
        return
    for item in jsonl.read_rows(path, encoding=encoding):
        yield item if isinstance(item, FormatError) else (item[0], str(item[0]), item[1])


def _text(path: Path, encoding: str) -> str:
    check_encoding(encoding)
    with open_bytes(path) as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise FormatError("too large for one JSON value", where=printable(path), hint="use JSON Lines")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        byte = error.start + 1 if isinstance(error, UnicodeDecodeError) else 1
        raise FormatError(
            f"byte {byte} is not {encoding}", where=printable(path), hint="name its encoding with --encoding"
        ) from error


def _members(text: str, begin: int, name: str) -> Iterator[Member | FormatError]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    keyed, end = (True, "}") if text[begin] == "{" else (False, "]")
    place, line, counted, number = _after_blank(text, begin + 1), 1, 0, 0
    if text[place : place + 1] == end:
        return
    while True:
        number += 1
        line, counted = line + text.count("\n", counted, place), place
        try:
            key, place = _key(text, place, decoder) if keyed else (str(number), place)
            value, after = decoder.raw_decode(text, place)
            piece = text[place:after]
            after = _after_blank(text, after)
            if (mark := text[after : after + 1]) not in (",", end):
                raise json.JSONDecodeError("expected , or the end", text, after)
        except (ValueError, RecursionError) as error:
            reason = (
                error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply or no number"
            )
            at = (
                line + text.count("\n", counted, error.pos)
                if isinstance(error, json.JSONDecodeError)
                else line
            )
            yield FormatError(f"not JSON: {reason}", where=f"{name}:{at}", hint=_HINT)
            return
        yield _checked(value, piece, key, f"{name}:{line}", line)
        if mark == end:
            return
        place = _after_blank(text, after + 1)


def _checked(value: object, piece: str, key: str, where: str, line: int) -> Member | FormatError:
    if not isinstance(value, dict):
        return FormatError(f"member {key} is no object but {type(value).__name__}", where=where)
    if "\\u" in piece:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return FormatError("half of a surrogate pair in a string", where=where)
    return line, key, value


def _key(text: str, place: int, decoder: json.JSONDecoder) -> tuple[str, int]:
    key, after = decoder.raw_decode(text, place)
    after = _after_blank(text, after)
    if not isinstance(key, str) or text[after : after + 1] != ":":
        raise json.JSONDecodeError("expected a key and a colon", text, place)
    return key, _after_blank(text, after + 1)


def _after_blank(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place


def _refuse(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON number", name, 0)
