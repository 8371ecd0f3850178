"""Tables of hospital records: CSV with headings, plain or gzip, streamed; a broken row is counted and left
out.

Headings are told apart without regard to case. A row never stands in an error: only its file does.

A quoted cell may hold line breaks, so a quote that is never closed would swallow every row after it, up to
the end of the file or to the next quote. Where a row over several lines cannot be read, or half or more of
its further lines are rows by themselves, its first line alone is given up, and the others are read anew. What
cannot be told apart: an unclosed quote right before a row whose own quote, at the end of a line or before a
comma, closes it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.formats.lines import open_bytes, printable
from apothecary.formats.visit_tally import Tally

__all__ = ["find_table", "need_table", "read_table"]

_ENDINGS = (".csv", ".csv.gz")
_BELOW = ("csv", "hosp")
"""Folders within a release: Synthea has its tables in the one, MIMIC-IV in the other."""
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_LINE = 1024 * 1024
_LONGEST_ROW = 1024 * 1024
"""Characters of a row over several lines; what goes on for longer is an unclosed quote."""


def find_table(folder: Path, name: str) -> Path | None:
    """The file of a table in a folder (or its hosp, or csv), whatever its case; plain before gzip. None for
    none.

    Raises FormatError for a folder that cannot be read.
    """
    try:
        below = sorted(path for path in folder.iterdir() if path.name.lower() in _BELOW and path.is_dir())
        for place in (folder, *below):
            files = {path.name.lower(): path for path in sorted(place.iterdir()) if path.is_file()}
            for ending in _ENDINGS:
                if (found := files.get(f"{name.lower()}{ending}")) is not None:
                    return found
    except OSError as error:
        hint = "give the folder that holds the tables"
        raise FormatError(f"cannot be read: {error.strerror}", where=printable(folder), hint=hint) from error
    return None


def need_table(folder: Path, name: str) -> Path:
    """As `find_table`; raises FormatError where there is none."""
    found = find_table(folder, name)
    if found is None:
        hint = "give the folder that holds the tables"
        raise FormatError(f"no table {name}.csv (or .csv.gz) in it", where=printable(folder), hint=hint)
    return found


def read_table(
    path: Path, needed: Sequence[str], optional: Sequence[str] = (), *, tally: Tally
) -> Iterator[tuple[str, ...]]:
    """Yield of each row the values of the needed columns, then of the optional ones ("" where there is none).

    Rows are counted in `tally` by the table's name, in lower case; so are those that are no rows, which are
    left out. Raises FormatError for a file that cannot be read or lacks a needed column.
    """
    table = path.name.lower().split(".")[0]
    places: list[int] | None = None
    width = 0
    for cells in _records(_lines(path, table, tally)):
        if cells == []:
            continue
        if cells and places is None:
            places, width = _places(cells, needed, optional, path), len(cells)
            continue
        tally.read[table] += 1
        if cells is None or places is None or len(cells) != width:
            tally.lose(table, "not a row")
            continue
        yield tuple([cells[place].strip() if place >= 0 else "" for place in places])
    if places is None:
        raise FormatError("an empty table", where=printable(path), hint="its first row names the columns")


def _places(headings: list[str], needed: Sequence[str], optional: Sequence[str], path: Path) -> list[int]:
    names = [heading.strip().lower() for heading in headings]
    missing = [name for name in needed if name not in names]
    if missing:
        hint = "the first row names the columns"
        raise FormatError(f"no column {', '.join(missing)}", where=f"{printable(path)}:1", hint=hint)
    return [names.index(name) if name in names else -1 for name in (*needed, *optional)]


class _Taken:
    """Lines as a csv reader takes them: it shows which made the last row, and takes one of them back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines: list[str] = []
        """Those that were taken since `begin`."""
        self._source = lines
        self._size = 0
        self._back: str | None = None

    def __iter__(self) -> _Taken:
        return self

    def __next__(self) -> str:
        if self._size > _LONGEST_ROW:
            raise csv.Error("a row that does not end")
        line = next(self._source) if self._back is None else self._back
        self._back = None
        self.lines.append(line)
        self._size += len(line)
        return line

    def begin(self, back: str | None = None) -> None:
        """A new row begins, with a line that is read again before the others."""
        self.lines, self._size, self._back = [], 0, back


def _records(lines: Iterator[str]) -> Iterator[list[str] | None]:
    """The cells of each row, the first of which has as many as all should; None for what is no row.

    A line is read three times at most: in a row that swallowed it, by itself, and as the first of the next
    row. Two unclosed rows that go on together end together, so that no line within one needs more.
    """
    taken = _Taken(lines)
    reader = csv.reader(taken, strict=True)
    width = 0
    while True:
        try:
            cells: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        alone = [_alone(line) for line in taken.lines[1:]] if len(taken.lines) > 1 else []
        if cells is not None and not _swallowed(alone, width):
            taken.begin()
            width = width or len(cells)
            yield cells
            continue
        yield None
        yield from alone[:-1]
        taken.begin(taken.lines[-1] if alone else None)


def _swallowed(alone: list[list[str] | None], width: int) -> bool:
    """Whether a row can be read, but half or more of its further lines are rows by themselves."""
    rows = sum(len(each) == width for each in alone if each)
    return rows > 0 and 2 * rows >= len(alone)


def _alone(line: str) -> list[str] | None:
    """The cells of a line that is a row by itself. One with an odd quote is the end of another row."""
    if line.count('"') % 2:
        return None
    try:
        return next(csv.reader((line,), strict=True))
    except csv.Error:
        return None


def _lines(path: Path, table: str, tally: Tally) -> Iterator[str]:
    where = printable(path)
    try:
        with open_bytes(path) as file:
            packed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=file)) if packed else file
            number = 0
            while data := stream.readline(_LONGEST_LINE):
                number += 1
                if len(data) == _LONGEST_LINE and not data.endswith(b"\n"):
                    hint = "one row on a line"
                    raise FormatError("line longer than 1 MiB", where=f"{where}:{number}", hint=hint)
                try:
                    line = data.decode()
                except UnicodeDecodeError:
                    tally.read[table] += 1
                    tally.lose(table, "not UTF-8")
                    continue
                yield line.removeprefix("\ufeff") if number == 1 else line
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "damaged gzip file"
        raise FormatError(f"cannot be read: {reason}", where=where, hint="fetch the file again") from error
