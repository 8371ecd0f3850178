"""Vocabularies from the user's files: MeSH as the National Library of Medicine ships it, or a plain table.

MeSH is told apart from the table by its beginning, gzip by its own; the names of files do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.vocab.dictionary import Dictionary, Entry, check_name, make_dictionary, vocabulary_id
from apothecary.vocab.files import content_start, numbered_lines, printable
from apothecary.vocab.mesh_ascii import START, ascii_records
from apothecary.vocab.mesh_record import MeshRecord, entries
from apothecary.vocab.mesh_xml import xml_records

__all__ = ["read_mesh", "read_vocabulary"]

_SNIFFED_BYTES = 1024
_HEADING = ["id", "name"]
# Byte order marks of UTF-8 and UTF-16, in which XML may also be written.
_MARKS = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"


def read_mesh(path: Path) -> Dictionary:
    """The chemicals and diseases among MeSH descriptors or supplementary records, XML or ASCII.

    Every term is a name, permuted ones too. Raises FormatError, naming the line, for anything else.
    """
    records = _mesh_records(path)
    if records is None:
        raise FormatError(
            "not a MeSH file", where=printable(path), hint=f"it begins with an XML tag or {START}"
        )
    return _dictionary_of(records, path)


def read_vocabulary(path: Path, *, type: str | None = None) -> Dictionary:
    """The dictionary of a MeSH file, or of a table ``id<TAB>name<TAB>type`` with or without these as heading.

    `type` is the type of the rows of a table that give none; MeSH files know theirs. Raises FormatError,
    naming the line, for a row with other columns, without id or name, or without a type.
    """
    records = _mesh_records(path)
    if records is not None:
        return _dictionary_of(records, path)
    dictionary = make_dictionary(_rows(path, type))
    if not dictionary.entries:
        raise FormatError("no name in it", where=printable(path), hint="name a vocabulary")
    return dictionary


def _mesh_records(path: Path) -> Iterator[MeshRecord] | None:
    start = content_start(path, _SNIFFED_BYTES).lstrip(_MARKS)
    if start.startswith(b"<"):
        return xml_records(path)
    return ascii_records(path) if start.startswith(START.encode()) else None


def _dictionary_of(records: Iterator[MeshRecord], path: Path) -> Dictionary:
    found = False
    collected: list[Entry] = []
    for record in records:
        found = True
        collected.extend(entries(record))
    if not found:
        raise FormatError(
            "no MeSH descriptor or supplementary record in it",
            where=printable(path),
            hint="give desc2026.xml, supp2026.xml, d2026.bin or c2026.bin",
        )
    return make_dictionary(collected)


def _rows(path: Path, type_: str | None) -> Iterator[Entry]:
    for number, line in numbered_lines(path):
        where = f"{printable(path)}:{number}"
        cells = [cell.strip() for cell in line.removeprefix("\ufeff").split("\t")]
        is_heading = number == 1 and [cell.lower() for cell in cells[:2]] == _HEADING
        if is_heading or not any(cells):
            continue
        if len(cells) not in (2, 3):
            raise FormatError(
                "expected the columns id, name and, if you like, type",
                where=where,
                hint="separate them by tabs; MeSH files may be given as they are",
            )
        row_type = cells[2] if len(cells) > 2 and cells[2] else type_
        if not row_type:
            raise FormatError("no type", where=where, hint="add it as third column, or give one for all rows")
        if not vocabulary_id(cells[0]):
            raise FormatError("no id", where=where, hint="remove the line or give the concept an id")
        # The name of the file, not its path: the same vocabulary gives the same dictionary anywhere.
        yield Entry(row_type, check_name(cells[1], where), (cells[0],), printable(Path(path.name)))
