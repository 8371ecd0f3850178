"""Inputs of a command: files and folders in any format we read, told apart by name and content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats import (
    bioc_json,
    bioc_xml,
    brat,
    combination_rows,
    condition_rows,
    ddi_tsv,
    ddi_xml,
    jats,
    medline,
    parquet,
    pubtator,
    records,
    text,
)
from apothecary.formats.kinds import Kind, kind_of
from apothecary.formats.lines import check_encoding, open_bytes, printable, sha256_of
from apothecary.formats.relation_tables import find_tables, with_relations
from apothecary.formats.seen import Seen

__all__ = ["describe_inputs", "read_gold", "read_inputs"]

Item = Document | DataError

_HELD_ERRORS = 100
_READERS: Mapping[Kind, Callable[[Path, str], Iterator[Item | medline.Withdrawn]]] = {
    "pubtator": lambda file, encoding: pubtator.read(file, encoding=encoding),
    "records": lambda file, encoding: records.read(file, encoding=encoding),
    "text": lambda file, encoding: iter([text.read(file, encoding=encoding)]),
    "brat": lambda file, encoding: iter([brat.read(file, encoding=encoding)]),
    "bioc_json": lambda file, encoding: bioc_json.read(file, encoding=encoding),
    "bioc_xml": lambda file, _: bioc_xml.read(file),
    "medline": lambda file, _: medline.read_update(file),
    "jats": lambda file, _: jats.read(file),
    "parquet": lambda file, _: parquet.read(file),
    "combination_rows": lambda file, encoding: combination_rows.read(file, encoding=encoding),
    "condition_rows": lambda file, encoding: condition_rows.read(file, encoding=encoding),
    "ddi_xml": lambda file, _: ddi_xml.read(file),
    "ddi_zip": lambda file, _: ddi_xml.read_zip(file),
    "ddi_tsv": lambda file, encoding: ddi_tsv.read(file, encoding=encoding),
}


def read_inputs(paths: Sequence[Path], *, encoding: str = "utf-8") -> Iterator[Item]:
    """Yield the documents of files and folders; what is wrong with one comes as a DataError value.

    For how a format is told see `kind_of`. A folder stands for its files, sorted, those in subfolders
    too, hidden ones not; a .ann belongs to its .txt. A zip archive of DDI XML stands for its XML files. An
    id that repeats over all inputs is a DataError value, as is a file without a document.

    Several MEDLINE files are a baseline with its updates: they are read from the last to the first, and
    of a record that repeats, or is withdrawn later, nothing older is told.

    Raises FormatError at once when a path is missing or cannot be read and UsageError for an
    unknown encoding or no path; and, while reading, the first error of a lone input in which there
    is no document, good or with a mention outside its text.
    """
    check_encoding(encoding)
    if not paths:
        raise UsageError("no input", hint="name a file or a folder")
    inputs = [_files(path) for path in paths]
    items = _all_items(inputs, encoding)
    return _demand_a_document(items, paths[0]) if len(paths) == 1 else items


def read_gold(path: Path, *, encoding: str = "utf-8") -> Iterator[Document]:
    """Yield the documents of one file, or of a folder of abstracts with tables of relations.

    Raises the first error: gold with a hole gives a wrong score.
    """
    if path.is_dir():
        folder = find_tables(path, encoding=encoding)
        yield from with_relations(
            read_gold(folder.abstracts, encoding=encoding), folder.tables, encoding=encoding
        )
        return
    for item in read_inputs([path], encoding=encoding):
        if isinstance(item, DataError):
            raise item
        yield item


def describe_inputs(paths: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    """The path and the SHA-256 (hexadecimal) of every file that `read_inputs` would read, in its order.

    Raises FormatError for a path that is missing or cannot be read.
    """
    return tuple((printable(file), sha256_of(file)) for path in paths for file in _files(path))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise FormatError("is not a regular file", where=printable(path), hint="write it to a file first")
        open_bytes(path).close()
        return [path]
    found: list[Path] = []
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found.extend(Path(folder, name) for name in names if not name.startswith("."))
    paired = {file for file in found if file.suffix == ".ann" and file.with_suffix(".txt") in found}
    return sorted(file for file in found if file.is_file() and file not in paired)


def _all_items(inputs: Sequence[Sequence[Path]], encoding: str) -> Iterator[Item]:
    files = _newest_first([file for files in inputs for file in files], encoding)
    seen = Seen()
    for number, (file, kind) in enumerate(files):
        empty = True
        for item in [kind] if isinstance(kind, FormatError) else _file_items(file, kind, encoding):
            empty = False
            if isinstance(item, medline.Withdrawn):
                # What the updates read before this one hold is newer and stays.
                for identity in item.ids:
                    seen.add(identity, number)
                continue
            earlier = seen.add(item.id, number) if isinstance(item, Document) else None
            if earlier is None or isinstance(item, DataError):
                yield item
            elif kind != "medline":
                yield FormatError(
                    f"document {item.id} was already read from {printable(files[earlier][0])}",
                    where=printable(file),
                    hint="ids must be unique over all inputs",
                )
        if empty:
            yield FormatError("no document in it", where=printable(file), hint="remove it from the inputs")


def _newest_first(files: Sequence[Path], encoding: str) -> list[tuple[Path, Kind | FormatError]]:
    """Files with their kinds; those of MEDLINE in the reverse of their order, at the places they hold."""
    kinds = [(file, _kind(file, encoding)) for file in files]
    updates = [pair for pair in kinds if pair[1] == "medline"]
    return [updates.pop() if pair[1] == "medline" else pair for pair in kinds]


def _kind(file: Path, encoding: str) -> Kind | FormatError:
    try:
        return kind_of(file, encoding)
    except FormatError as error:
        return error


def _file_items(file: Path, kind: Kind, encoding: str) -> Iterator[Item | medline.Withdrawn]:
    try:
        yield from _READERS[kind](file, encoding)
    except FormatError as error:
        yield error


def _demand_a_document(items: Iterator[Item], path: Path) -> Iterator[Item]:
    """Hold the leading errors back, so that an input which is nothing but errors is one error.

    An OffsetError stands for a document that was there. The number held is bounded.
    """
    held: list[Item] = []
    first: FormatError | None = None
    found = False
    for item in items:
        found = found or not isinstance(item, FormatError)
        if isinstance(item, FormatError) and first is None:
            first = item
        held.append(item)
        if found or len(held) > _HELD_ERRORS:
            yield from held
            held.clear()
    if not found:
        raise first or FormatError("no document in it", where=printable(path), hint="name another input")
