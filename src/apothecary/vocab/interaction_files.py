"""Interaction tables from files: CSV of any user, CRESCENDDI, and the merged public set of 2017.

What a file is, its header says:

| header | what it is |
|---|---|
| `drug_a,drug_b[,severity][,source]` | a table of any user; see below |
| `DRUG_1_CONCEPT_NAME`, ..., `MICROMEDEX_SEV_LEVEL` | CRESCENDDI, Data Record 1 (Kontsioti et al. 2022) |
| `DRUG_INITIAL_NAME`, `DRUG_CONCEPT_NAME` | CRESCENDDI, Data Record 4: other names of the drugs |
| `drug1`, `object`, `drug2`, `precipitant` | the merged set of potential interactions (Ayvaz et al. 2015) |

A user's table may have more columns: `document` and `evidence` (a sentence of it), `belief` (0 to 1), other
names of the drugs in `names_a` and `names_b`, joined by ``|``. Where `kind` is ``beneficial``, the drugs help
together: they are in `InteractionTable.beneficial`, and no interaction. A cell may have a `'` before what a
spreadsheet would take for a formula (`spreadsheet_cells`).
Tables may be comma- or tab-separated, gzip or bzip2, or the first sheet of an xlsx file.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path

from apothecary.errors import DataError, FormatError, UsageError
from apothecary.vocab.drug_names import DrugNames
from apothecary.vocab.files import content_start, numbered_lines, printable
from apothecary.vocab.interactions import Interaction, InteractionTable, drug_key
from apothecary.vocab.merged_interactions import MergedRow, merged_interactions
from apothecary.vocab.sheets import is_sheet, sheet_rows
from apothecary.vocab.spreadsheet_cells import unguarded

__all__ = ["read_interactions"]

Rows = Iterator[tuple[int, list[str]]]
Cited = tuple[str, str, float | None]
"""The document, the sentence and the belief that an interaction rests on."""

_USER = ("drug_a", "drug_b")
_POSITIVE = ("drug_1_concept_name", "drug_2_concept_name", "event_source")
_SCALES = (("BNF", "bnf_sev_level"), ("ANSM", "ansm_sev_level"), ("Micromedex", "micromedex_sev_level"))
_NAMES = ("drug_initial_name", "drug_concept_name")
_MERGED = ("drug1", "object", "drug2", "precipitant", "source")
_UNMAPPED = "unmapped"
_BENEFICIAL = "beneficial"
_HINT = "a table begins with drug_a,drug_b[,severity][,source]"


@dataclass
class Found:
    """What the files said so far."""

    rows: list[Interaction] = field(default_factory=list)
    beneficial: list[Interaction] = field(default_factory=list)
    aliases: list[tuple[str, str]] = field(default_factory=list)

    def add(
        self, names: Sequence[str], severity: str, source: str, version: str, cited: Cited | None = None
    ) -> None:
        """A row; one that names the same drug twice says nothing, and is left out."""
        one, other = (" ".join(name.split()) for name in names)
        if drug_key(one) != drug_key(other):
            row = Interaction.between(one, other, severity.strip(), source.strip(), version)
            self.rows.append(row.cited(*cited) if cited else row)


@dataclass(frozen=True)
class Table:
    """A file with the places of its columns."""

    where: str
    columns: dict[str, int]
    rows: Rows
    version: str
    source: str

    def cells(self, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The values of some columns, row by row. Raises FormatError for a row that lacks a drug."""
        return (values for _, values in self.numbered(names))

    def numbered(self, names: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """As `cells`, with the line each row begins at."""
        places = [self.columns.get(name, -1) for name in names]
        for number, row in self.rows:
            values = tuple(row[place].strip() if 0 <= place < len(row) else "" for place in places)
            if not (values[0] and values[1]):
                raise FormatError("does not name two drugs", where=f"{self.where}:{number}", hint=_HINT)
            yield number, values


def read_interactions(paths: Iterable[str | Path], names: DrugNames | None = None) -> InteractionTable:
    """The interactions of all files as one table; a folder stands for the tables in it that are known.

    Each interaction carries the digest of its file as its version, and the file's name as its source where
    no column names one. Rows repeated, reversed or of a drug with itself change nothing; names that nobody
    else knows are no error (`InteractionTable.outside` tells which they are). What is said of one of a drug's
    `names` counts for all. Raises FormatError with the line for what is no such file, UsageError without a
    file.
    """
    given = tuple(Path(path) for path in paths)
    if not given:
        raise UsageError("no table of interactions was given", hint=_HINT)
    table = _joined(given, tuple(map(_contents, given)))
    return table.also_named(names.groups) if names else table


@lru_cache(maxsize=2)
def _joined(given: Sequence[Path], contents: Sequence[object]) -> InteractionTable:
    """The table of files with these `contents`: a run that scores itself, or a server, asks for it again, and
    the largest public table takes ten seconds to read."""
    found = Found()
    for path in given:
        if path.is_dir():
            _read_folder(path, found)
        else:
            table = _open(path)
            reader = _reader(table)
            if reader is None:
                columns = ", ".join(list(table.columns)[:8])
                raise FormatError(
                    f"is no known table of interactions: its columns are {columns or 'none'}",
                    where=f"{table.where}:1",
                    hint=_HINT,
                )
            reader(table, found)
    if not found.rows:
        where = ", ".join(printable(path) for path in given)
        hint = "drugs that help together are told beside interactions: give a table of these, too"
        raise FormatError("no interaction is in it", where=where, hint=hint if found.beneficial else _HINT)
    return InteractionTable.of(found.rows, found.aliases, found.beneficial)


def _contents(path: Path) -> object:
    """What changes when a file does, or one of a folder. Nothing for what cannot be read: reading tells."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple((each.name, _digest(each)) for each in files if each.is_file())
    except OSError:
        return ()


def _read_folder(folder: Path, found: Found) -> None:
    before = len(found.rows)
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        try:
            table = _open(path)
        except DataError:
            # Licences, notes and pictures lie in such folders, too.
            continue
        reader = _reader(table)
        if reader is not None:
            reader(table, found)
    if len(found.rows) == before:
        raise FormatError("holds no table of interactions", where=printable(folder), hint=_HINT)


def _reader(table: Table) -> Callable[[Table, Found], None] | None:
    for columns, reader in (
        (_USER, _read_user),
        (_POSITIVE, _read_positive),
        (_NAMES, _read_names),
        (_MERGED, _read_merged),
    ):
        if set(columns) <= set(table.columns):
            return reader
    return None


def _read_user(table: Table, found: Found) -> None:
    columns = (
        *(*_USER, "severity", "source", "document", "evidence", "belief", "kind"),
        *("names_a", "names_b"),
    )
    for number, cells in table.numbered(columns):
        one, other, severity, source, document, evidence, belief, kind, *names = map(unguarded, cells)
        cited = (document, evidence, _belief(belief, f"{table.where}:{number}"))
        told = Found() if kind == _BENEFICIAL else found
        told.add((one, other), severity, source or table.source, table.version, cited)
        if told is not found:
            found.beneficial += told.rows
        for name, others in zip((one, other), names, strict=True):
            found.aliases += ((alias, name) for alias in others.split("|") if alias.strip())


def _belief(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        belief = float(text)
    except ValueError:
        belief = -1.0
    if not 0.0 <= belief <= 1.0:
        raise FormatError(
            "the belief is no number from 0 to 1", where=where, hint="leave it empty if unknown"
        )
    return belief


def _read_positive(table: Table, found: Found) -> None:
    """One interaction for every scale that grades the pair."""
    for one, other, *severities in table.cells((*_POSITIVE[:2], *(column for _, column in _SCALES))):
        for (scale, _), severity in zip(_SCALES, severities, strict=True):
            if severity:
                found.add((one, other), severity, f"CRESCENDDI {scale}", table.version)


def _read_names(table: Table, found: Found) -> None:
    named = table.cells(_NAMES)
    found.aliases += ((alias, name) for alias, name in named if name.casefold() != _UNMAPPED)


def _read_merged(table: Table, found: Found) -> None:
    columns = (*_MERGED, "severity", "contraindication", "precaution")
    rows = (MergedRow(*cells) for cells in _lax(table, columns))
    interactions, aliases = merged_interactions(rows)
    for names, severity, source in interactions:
        found.add(names, severity, f"PDDI {source}", table.version)
    found.aliases += aliases


def _lax(table: Table, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """As `Table.cells`, without its check: the merged set has rows without ids."""
    places = [table.columns.get(name, -1) for name in names]
    for _, row in table.rows:
        yield tuple(row[place].strip() if 0 <= place < len(row) else "" for place in places)


def _open(path: Path) -> Table:
    """Raises FormatError for a file without a header."""
    start = content_start(path, 4)
    rows = sheet_rows(path) if is_sheet(start) else _lines(path)
    where = printable(path)
    for _, header in rows:
        columns: dict[str, int] = {}
        for place, name in enumerate(header):
            columns.setdefault(name.strip().strip("\ufeff").casefold(), place)
        return Table(where, columns, rows, _digest(path), _stem(path))
    raise FormatError("is empty", where=where, hint=_HINT)


def _lines(path: Path) -> Rows:
    lines = numbered_lines(path)
    header = next(lines, None)
    if header is None:
        return
    if header[1].count("\t") > header[1].count(","):
        # No quotes around values: the merged set has them, and lone carriage returns, inside.
        for number, line in chain([header], lines):
            if line.strip():
                yield number, line.split("\t")
        return
    reader = csv.reader((line + "\n" for _, line in chain([header], lines)), strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            where = f"{printable(path)}:{begin}"
            raise FormatError(f"not a row: {error}", where=where, hint="check its quotes") from error
        if any(cell.strip() for cell in cells):
            yield begin, cells


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()[:16]}"


def _stem(path: Path) -> str:
    return printable(Path(path.name.split(".")[0] or path.name))
