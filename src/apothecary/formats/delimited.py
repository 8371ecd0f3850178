"""Tables of comma- or tab-separated values, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.formats.lines import printable, read_lines

__all__ = ["read_cells"]


def read_cells(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]] | FormatError]:
    """The rows that hold anything, each with the line it begins at. A line that is no text ends it."""
    reader = csv.reader(_good_lines(path, encoding), delimiter=delimiter, strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except FormatError as error:
            yield error
            return
        except csv.Error as error:
            # The reader begins anew on the line after.
            hint = 'a quoted value ends with one ", and a " within it is doubled'
            if "limit" in str(error):
                hint = "write long texts as JSON Lines"
            yield FormatError(f"not a row: {error}", where=f"{printable(path)}:{begin}", hint=hint)
            continue
        if any(cell.strip() for cell in cells):
            yield begin, cells


def _good_lines(path: Path, encoding: str) -> Iterator[str]:
    for _, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            raise line
        yield line + "\n"
