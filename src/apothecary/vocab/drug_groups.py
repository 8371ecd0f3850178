"""Groups of drugs, from a user's table ``drug,class`` or ``drug,part``; a drug may be in several rows."""

from __future__ import annotations

from pathlib import Path

from apothecary.errors import FormatError
from apothecary.vocab.csv_lines import csv_cells
from apothecary.vocab.files import numbered_lines, printable

__all__ = ["read_drug_groups"]


def read_drug_groups(path: Path, column: str = "class") -> tuple[tuple[str, str], ...]:
    """Pairs of drug and group in the order of the file (CSV, or TSV by its ending; plain or gzip).

    `column` names the groups. A first row that holds ``drug`` and that name is a heading, and its other
    columns are ignored; without one the columns are these two. Repeats collapse. Raises FormatError with file
    and line.
    """
    hint = f"the columns are drug,{column}"
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
        if not begun and "drug" in headings and column in headings:
            places = (headings.index("drug"), headings.index(column))
            begun = True
            continue
        begun = True
        drug, kind = (cells[place] if place < len(cells) else "" for place in places)
        if not drug or not kind:
            raise FormatError(f"does not name a drug and a {column}", where=where, hint=hint)
        found[drug, kind] = None
    if not found:
        raise FormatError(f"no {column} in it", where=printable(path), hint=hint)
    return tuple(found)
