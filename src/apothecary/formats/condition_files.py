"""Files of condition instances as bare rows: JSON Lines, a JSON array, a table (see `condition_rows`)."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from apothecary.errors import FormatError
from apothecary.formats import jsonl
from apothecary.formats.delimited import read_cells
from apothecary.formats.lines import check_encoding, open_bytes, printable, read_lines

__all__ = ["Values", "is_row", "looks_like_rows", "names_pair", "read_values"]

_MAX_BYTES = 256 * 1024 * 1024
_SNIFFED_BYTES = 64 * 1024
_BLANKS = re.compile(r"\s*")
_KEY = re.compile(r'"([A-Za-z]{2,20})"\s*:')
_DELIMITERS = (",", "\t", ";")
_TEXTS = frozenset({"title", "abstract", "text"})
_SIDES = ("drug", "disease")
_KNOWN = _TEXTS | {"id", "pmid", *_SIDES, "target", "conditions"}
_OF_OTHERS = frozenset({"passages", "sentence", "context"})
_HEADINGS = "headings: title, abstract, drug, disease, and conditions or target, if known; or text and target"
_LEAST = 3
"""Known headings of a table that lacks one: fewer may be the first words of a text."""


class Values(NamedTuple):
    """The fields of one row: its file and line, its 0-based number, its `name` in error messages."""

    values: Mapping[str, object]
    where: str
    number: int
    name: str = ""


def is_row(names: Collection[str]) -> bool:
    """Do these names of fields, in any case, belong to a condition instance?"""
    return names_pair(names) or {"text", "target"} <= _folded(names)


def names_pair(names: Collection[str]) -> bool:
    """Do these names of fields, in any case, hold those of a text, a drug and a disease?"""
    folded = _folded(names)
    return folded.issuperset(_SIDES) and bool(folded & _TEXTS)


def _is_nearly(names: Collection[str]) -> bool:
    """Do they lack no more than a field? Read as what they are meant to be, the error names that field."""
    folded = _folded(names)
    meant = folded & {*_SIDES, "target", "conditions"} if folded & _TEXTS else folded.issuperset(_SIDES)
    return bool(meant) and not folded & {"text", *_OF_OTHERS}


def looks_like_rows(start: str) -> bool:
    """Does a file that begins so hold instances? Its first row or its heading decides."""
    start = start.lstrip("\ufeff \t\r\n")
    if not start.startswith(("{", "[")):
        return _delimiter(start.partition("\n")[0]) is not None
    first = start[1:].lstrip() if start.startswith("[") else start.partition("\n")[0]
    if not first.startswith("{"):
        return False
    try:
        row, _ = json.JSONDecoder().raw_decode(first)
    except (ValueError, RecursionError):
        # Cut off by who looks at the start only, or damaged: the other rows may be whole.
        return is_row(_KEY.findall(first))
    return is_row(row) or _is_nearly(row)


def read_values(path: Path, *, encoding: str = "utf-8") -> Iterator[Values | FormatError]:
    """Yield the rows of a file; what is wrong with one comes as a FormatError value.

    An array is read whole, up to 256 MiB; broken JSON ends it, as a broken line ends a table. Raises
    FormatError when the file cannot be read, UsageError for an unknown encoding.
    """
    check_encoding(encoding)
    with open_bytes(path) as stream:
        head = stream.read(_SNIFFED_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and "\n".encode(encoding) == b"\n":
        hint = "convert it to UTF-8 first"
        yield FormatError(f"is in UTF-16, not in {encoding}", where=printable(path), hint=hint)
        return
    start = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if start.startswith("["):
        yield from _array(path, encoding)
    elif start.startswith("{"):
        for item in jsonl.read_rows(path, encoding=encoding):
            if isinstance(item, FormatError):
                yield item
            else:
                line, values = item
                yield Values(values, f"{printable(path)}:{line}", line - 1)
    else:
        yield from _table(path, encoding)


# --- a JSON array ---------------------------------------------------------------------------------


def _array(path: Path, encoding: str) -> Iterator[Values | FormatError]:
    where = printable(path)
    text = _whole(path, encoding)
    if isinstance(text, FormatError):
        yield text
        return
    decoder = json.JSONDecoder(parse_constant=_refuse)
    place = _after_blanks(text, text.index("[") + 1)
    line, counted, number = 1, 0, 0
    while not text.startswith("]", place):
        line, counted = line + text.count("\n", counted, place), place
        here = f"{where}:{line}"
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            reason = (
                error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply or no number"
            )
            yield FormatError(f"item [{number}] is not JSON: {reason}", where=here, hint="mend the file")
            return
        yield _checked(value, text[place:end], here, number)
        place = _after_blanks(text, end)
        if text.startswith(",", place):
            place = _after_blanks(text, place + 1)
        elif not text.startswith("]", place):
            yield FormatError(f"no comma after item [{number}]", where=here, hint="mend the file")
            return
        number += 1
    if text[place + 1 :].strip():
        yield FormatError("text after the array", where=where, hint="one array, or one object on a line")


def _checked(value: object, written: str, where: str, number: int) -> Values | FormatError:
    if not isinstance(value, dict):
        return FormatError(f"item [{number}] is not an object but {type(value).__name__}", where=where)
    if "\\u" in written:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            hint = "write the whole character"
            return FormatError(f"item [{number}] holds half of a surrogate pair", where=where, hint=hint)
        except RecursionError:
            return FormatError(f"item [{number}] is nested too deeply", where=where, hint="mend the file")
    return Values(value, where, number, f"[{number}]")


def _whole(path: Path, encoding: str) -> str | FormatError:
    where = printable(path)
    with open_bytes(path) as stream:
        if os.fstat(stream.fileno()).st_size > _MAX_BYTES:
            return FormatError(f"an array of more than {_MAX_BYTES} bytes", where=where, hint="split it")
        data = stream.read(_MAX_BYTES)
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        byte = error.start if isinstance(error, UnicodeDecodeError) else 0
        hint = "name its encoding with --encoding"
        return FormatError(f"byte {byte} is not {encoding}", where=where, hint=hint)


def _after_blanks(text: str, place: int) -> int:
    blanks = _BLANKS.match(text, place)
    return blanks.end() if blanks else place


def _refuse(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON number", name, 0)


# --- a table --------------------------------------------------------------------------------------


def _table(path: Path, encoding: str) -> Iterator[Values | FormatError]:
    heading = next((line for _, line in read_lines(path, encoding=encoding) if _is_text(line)), "")
    delimiter = _delimiter(str(heading))
    if delimiter is None:
        yield FormatError("neither JSON nor a table of instances", where=printable(path), hint=_HEADINGS)
        return
    names: list[str] = []
    number = 0
    for row in read_cells(path, encoding, delimiter):
        if isinstance(row, FormatError):
            yield row
            continue
        line, cells = row
        where = f"{printable(path)}:{line}"
        if not names:
            names = [cell.strip() for cell in cells]
            if fault := _fault(names):
                yield FormatError(fault, where=where, hint=_HEADINGS)
                return
            continue
        if len(cells) != len(names):
            hint = "quote a value that holds the separator"
            yield FormatError(f"{len(cells)} columns, not {len(names)}", where=where, hint=hint)
        else:
            values = {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
            yield Values(values, where, number)
        number += 1


def _is_text(line: str | FormatError) -> bool:
    return isinstance(line, FormatError) or bool(line.strip())


def _delimiter(heading: str) -> str | None:
    headings = {each: _headings(heading.split(each)) for each in _DELIMITERS}
    whole = [each for each, names in headings.items() if is_row(names)]
    nearly = [
        each
        for each, names in headings.items()
        if _is_nearly(names) and len(_folded(names) & _KNOWN) >= _LEAST
    ]
    return next(iter(whole + nearly), None)


def _fault(names: Sequence[str]) -> str:
    """What is wrong with the headings of a table; empty when nothing is."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        return f"the heading {twice[0]!r} occurs twice"
    folded = _folded(names)
    lacking = [name for name in _SIDES if name not in folded] + ([] if folded & _TEXTS else ["abstract"])
    return "" if is_row(names) else f"there is no column {' and none '.join(lacking)}"


def _folded(names: Collection[str]) -> set[str]:
    return {name.strip().lower() for name in names}


def _headings(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"') for cell in cells]
