"""A closed vocabulary of drugs: the names that lists are made of, and the other names they go by.

Names are matched as `interactions.drug_key` folds them, so case, blanks and hyphens do not matter. The file
of a user is a table with the columns ``name,alias`` and, if wanted, ``excluded``: one row for an alias, an
empty alias for a name without one. An alias may be anything that a source says for the drug: a brand, the
value of an NDC map, ``rxnorm:197361``. A row with a mark under ``excluded`` (yes, true, x, 1) says that the
name is known and never in a list (water for injection, a contrast agent).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from apothecary.errors import DataError, FormatError
from apothecary.vocab.csv_lines import csv_cells
from apothecary.vocab.files import numbered_lines, printable
from apothecary.vocab.interactions import drug_key

__all__ = ["DrugNames", "read_drug_names"]

_COLUMNS = ("name", "alias", "excluded")
_MARKS = frozenset({"1", "x", "yes", "y", "true"})
_NO_MARKS = frozenset({"", "0", "no", "n", "false"})


@dataclass(frozen=True)
class DrugNames:
    """`names` in the order of the vocabulary; what `drug_key` makes of each name and alias, to its name.

    `exclusions` are names that are known and in no list: they are not among `names`. Built by `of`.
    """

    names: tuple[str, ...]
    keys: Mapping[str, str]
    exclusions: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        aliases: Iterable[tuple[str, str]] = (),
        exclusions: Iterable[str] = (),
    ) -> DrugNames:
        """The vocabulary of names and of (alias, name) pairs; a name given twice counts once.

        Raises DataError for an empty name, an alias of a name that is not there, and for two names that one
        key stands for.
        """
        excluded = frozenset(exclusions)
        keys: dict[str, str] = {}
        for name in dict.fromkeys((*names, *sorted(excluded))):
            _add(keys, name, name)
        for alias, name in aliases:
            if keys.get(drug_key(name)) != name:
                raise DataError(f"{alias!r} is an alias of {name!r}, which is no name")
            _add(keys, alias, name)
        known = tuple(dict.fromkeys(name for name in keys.values() if name not in excluded))
        return cls(known, keys, excluded)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def groups(self) -> tuple[frozenset[str], ...]:
        """The keys of each name and its aliases, of those that are in no list too."""
        found: dict[str, set[str]] = {}
        for key, name in self.keys.items():
            found.setdefault(name, set()).add(key)
        return tuple(map(frozenset, found.values()))

    def canonical(self, text: str) -> str | None:
        """The name that a text is or stands for; None for what is unknown or excluded."""
        name = self.keys.get(drug_key(text))
        return None if name in self.exclusions else name

    def excludes(self, text: str) -> bool:
        """Whether a text is known and stands for what is in no list."""
        return self.keys.get(drug_key(text)) in self.exclusions


class _Row(NamedTuple):
    name: str
    alias: str
    excluded: bool
    where: str


def read_drug_names(path: Path) -> DrugNames:
    """The vocabulary of a file (CSV, or TSV by its ending; plain or gzip), its names in their order.

    A first row that holds ``name`` is a heading, and other columns than ours are then ignored; without one
    the columns are name, alias, excluded. Raises FormatError with file and line.
    """
    names: dict[str, bool] = {}
    rows = list(_rows(path))
    for row in rows:
        names[row.name] = names.get(row.name, False) or row.excluded
    if not names:
        raise FormatError("no name in it", where=printable(path), hint="one row for a name: name,alias")
    keys: dict[str, str] = {}
    for row in rows:
        for text in (row.name, row.alias):
            try:
                _add(keys, text or row.name, row.name)
            except DataError as error:
                raise FormatError(error.message, where=row.where, hint="leave one of the two out") from error
    aliases = ((row.alias, row.name) for row in rows if row.alias)
    return DrugNames.of(names, aliases, (name for name, excluded in names.items() if excluded))


def _add(keys: dict[str, str], text: str, name: str) -> None:
    key = drug_key(text)
    if not key:
        raise DataError("an empty name of a drug")
    if keys.setdefault(key, name) != name:
        raise DataError(f"{text!r} stands for both {keys[key]!r} and {name!r}")


def _rows(path: Path) -> Iterator[_Row]:
    delimiter = "\t" if ".tsv" in path.name.lower() else ","
    columns: tuple[str, ...] = ()
    for number, line in numbered_lines(path):
        where = f"{printable(path)}:{number}"
        cells = csv_cells(line.removeprefix("\ufeff"), delimiter, where)
        if not any(cells):
            continue
        if not columns:
            headings = tuple(cell.lower() for cell in cells)
            if "name" not in headings and len(headings) > len(_COLUMNS):
                hint = "the columns are name,alias[,excluded]"
                raise FormatError("no column name", where=where, hint=hint)
            columns = headings if "name" in headings else _COLUMNS
            if columns is headings:
                continue
        values = dict(zip(columns, cells, strict=False))
        name, mark = values.get("name", ""), values.get("excluded", "").lower()
        if not name:
            raise FormatError("no name", where=where, hint="the columns are name,alias[,excluded]")
        if mark not in _MARKS | _NO_MARKS:
            raise FormatError("the column excluded is neither yes nor no", where=where)
        yield _Row(name, values.get("alias", ""), mark in _MARKS, where)
