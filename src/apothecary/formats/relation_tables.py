"""Abstracts in PubTator with their relations in tables beside them: the folder form of ChemDisGene.

    abstracts.pubtator                 title, abstract, mentions
    approved_relns_ctd_v1.tsv          10373451	chem_gene:decreases^activity	MESH:D004176	10846

A table has four columns separated by tabs: document, relation type, id of the head, id of the tail. Of two
tables that differ in their version alone (``_v0``, ``_v1``) the later holds the earlier one's relations after
review, so only the later is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apothecary.documents import Argument, Concept, Document, Relation
from apothecary.errors import FormatError
from apothecary.formats.kinds import kind_of
from apothecary.formats.lines import printable, read_lines

__all__ = ["Folder", "find_tables", "with_relations"]

_VERSION = re.compile(r"(.*)_v([0-9]{1,6})")


@dataclass(frozen=True)
class Folder:
    """The file of abstracts and, by name without ending, the tables of relations."""

    abstracts: Path
    tables: Mapping[str, Path]


def find_tables(folder: Path, *, encoding: str = "utf-8") -> Folder:
    """What a folder holds: one PubTator file, and the .tsv files with "rel" in their names.

    Subfolders, hidden files and everything else are passed over. Raises FormatError when there is no such
    table, or not exactly one PubTator file.
    """
    try:
        files = sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", where=printable(folder)) from error
    tables = _latest(file for file in files if file.suffix.lower() == ".tsv" and "rel" in file.name.lower())
    if not tables:
        packed = any(file.suffix.lower() == ".gz" for file in files)
        hint = "gunzip its files first" if packed else "name one gold file"
        raise FormatError("is a folder without tables of relations", where=printable(folder), hint=hint)
    abstracts = [file for file in files if _is_pubtator(file, encoding)]
    if len(abstracts) != 1:
        names = ", ".join(printable(Path(file.name)) for file in abstracts) or "none"
        raise FormatError(
            f"is a folder with tables of relations, but not with one PubTator file: {names}",
            where=printable(folder),
            hint="put the abstracts and their tables alone into a folder",
        )
    return Folder(abstracts[0], tables)


def with_relations(
    documents: Iterable[Document], tables: Mapping[str, Path], *, encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield the documents with the relations of the tables in place of their own.

    Relations are r1, r2, ... in the order of the tables, with the attribute ``curation``: the name of their
    table in `tables`. An argument without a mention becomes a concept without a name. Raises FormatError,
    with the line, for a row of another form at once and for one of an unknown document after the last one.
    """
    rows: dict[str, list[Relation]] = {}
    first: dict[str, str] = {}
    for origin, path in tables.items():
        for where, columns in _rows(path, encoding):
            found = rows.setdefault(columns[0], [])
            first.setdefault(columns[0], where)
            found.append(_relation(columns, f"r{len(found) + 1}", origin))
    for document in documents:
        found = rows.pop(document.id, [])
        concepts = _with_unmentioned(document.concepts, found)
        yield replace(document, relations=tuple(found), concepts=concepts)
    for document_id in rows:
        raise FormatError(
            f"a relation of document {document_id}, which is not among the abstracts",
            where=first[document_id],
            hint="abstracts and relations must be of the same release",
        )


def _rows(path: Path, encoding: str) -> Iterator[tuple[str, Sequence[str]]]:
    for number, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            raise line
        if not line.strip():
            continue
        where = f"{printable(path)}:{number}"
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) != 4 or not all(columns):
            raise FormatError(
                "expected document, relation type, head id and tail id",
                where=where,
                hint="columns are separated by tabs and none is empty",
            )
        yield where, columns


def _relation(columns: Sequence[str], relation_id: str, origin: str) -> Relation:
    return Relation(
        id=relation_id,
        type=columns[1],
        arguments=(Argument("head", columns[2]), Argument("tail", columns[3])),
        attributes={"curation": origin},
    )


def _with_unmentioned(concepts: tuple[Concept, ...], relations: Sequence[Relation]) -> tuple[Concept, ...]:
    known = {concept.id for concept in concepts}
    named = dict.fromkeys(argument.concept for relation in relations for argument in relation.arguments)
    return concepts + tuple(
        Concept(id=each, type="", mentions=(), names=(), ids=(each,)) for each in named if each not in known
    )


def _latest(files: Iterable[Path]) -> dict[str, Path]:
    latest: dict[str, tuple[int, Path]] = {}
    for file in files:
        match = _VERSION.fullmatch(file.stem)
        name, version = (match[1], int(match[2])) if match else (file.stem, 0)
        if name not in latest or version > latest[name][0]:
            latest[name] = version, file
    return {printable(Path(file.stem)): file for _, file in latest.values()}


def _is_pubtator(file: Path, encoding: str) -> bool:
    try:
        return kind_of(file, encoding) == "pubtator"
    except FormatError:
        return False
