"""Tables of hospital records: CSV with headings, plain or gzip, streamed; a broken row is counted and left
out.

Headings are told apart without regard to case. A row never stands in an error: only its file does.
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
    reader = csv.reader(_lines(path, table, tally), strict=True)
    places: list[int] | None = None
    width = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            tally.read[table] += 1
            tally.lose(table, "not a row")
            continue
        if not cells:
            continue
        if places is None:
            places, width = _places(cells, needed, optional, path), len(cells)
            continue
        tally.read[table] += 1
        if len(cells) != width:
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
