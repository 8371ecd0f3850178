"""JSON Lines: one object per line. A bad line costs itself only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from apothecary.errors import FormatError
from apothecary.formats.lines import printable, read_lines

__all__ = ["placed_rows", "read_rows"]


def read_rows(
    path: Path, *, encoding: str = "utf-8"
) -> Iterator[tuple[int, dict[str, object]] | FormatError]:
    """Yield each object with its 1-based line number; a line that is none comes as a FormatError value.

    Blank lines are skipped. NaN, Infinity and unpaired surrogates are refused, since neither JSON
    nor UTF-8 can write them again; of a repeated key the last value counts. Raises FormatError
    when the file cannot be read.
    """
    for number, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            yield line
        elif line.strip():
            row = _parse(line, where=f"{printable(path)}:{number}")
            yield row if isinstance(row, FormatError) else (number, row)


def placed_rows(path: Path, *, encoding: str = "utf-8") -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield each object with its file and line. Raises FormatError for the first line that is none."""
    for row in read_rows(path, encoding=encoding):
        if isinstance(row, FormatError):
            raise row
        yield f"{printable(path)}:{row[0]}", row[1]


def _parse(line: str, *, where: str) -> dict[str, object] | FormatError:
    hint = "each line is one JSON object"
    try:
        value: object = json.loads(line, parse_constant=_refuse)
        if "\\u" in line:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return FormatError(
            "half of a surrogate pair in a string", where=where, hint="write the whole character"
        )
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply or not a number"
        column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return FormatError(f"not JSON: {reason}{column}", where=where, hint=hint)
    if not isinstance(value, dict):
        return FormatError(f"not an object but {type(value).__name__}", where=where, hint=hint)
    return value


def _refuse(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON number", name, 0)
