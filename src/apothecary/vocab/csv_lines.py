"""One line of a comma- or tab-separated table, read strictly."""

from __future__ import annotations

import csv

from apothecary.errors import FormatError

__all__ = ["csv_cells"]


def csv_cells(line: str, delimiter: str, where: str) -> list[str]:
    """The values of one line without the blanks around them. Raises FormatError with `where`."""
    try:
        row = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise FormatError(f"not a row: {error}", where=where, hint='write a " within quotes twice') from error
    return [cell.strip() for cell in row]
