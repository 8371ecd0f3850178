"""Classes of drugs, from a user's table ``drug,class``: a drug may have several, one on a row."""

from __future__ import annotations

from pathlib import Path

from apothecary.errors import FormatError
from apothecary.vocab.csv_lines import csv_cells
from apothecary.vocab.files import numbered_lines, printable

__all__ = ["read_drug_classes"]

_HINT = "the columns are drug,class"


def read_drug_classes(path: Path) -> tuple[tuple[str, str], ...]:
    """Pairs of drug and class in the order of the file (CSV, or TSV by its ending; plain or gzip).

    A first row that holds ``drug`` and ``class`` is a heading, and its other columns are ignored; without one
    the columns are these two. Repeats collapse. Raises FormatError with file and line.
    """
    delimiter = "\t" if ".tsv" in path.name.lower() else ","
    places = (0, 1)
    found: dict[tuple[str, str], None] = {}
    begun = False
    for number, line in numbered_lines(path):
        where = f"{printable(path)}:{number}"
        cells = csv_cells(line.removeprefix("\ufeff"), delimiter, where)
        if not any(cells):
            continue
        headings = [cell.casefold() for cell in cells]
        if not begun and "drug" in headings and "class" in headings:
            places = (headings.index("drug"), headings.index("class"))
            begun = True
            continue
        begun = True
        drug, kind = (cells[place] if place < len(cells) else "" for place in places)
        if not drug or not kind:
            raise FormatError("does not name a drug and a class", where=where, hint=_HINT)
        found[drug, kind] = None
    if not found:
        raise FormatError("no class in it", where=printable(path), hint=_HINT)
    return tuple(found)
