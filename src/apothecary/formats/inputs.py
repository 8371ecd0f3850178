"""Inputs of a command: files and folders in any format we read, told apart by name and content."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats import pubtator, records, text
from apothecary.formats.lines import check_encoding, open_bytes, printable

__all__ = ["describe_inputs", "read_gold", "read_inputs"]

Kind = Literal["pubtator", "records", "text"]
Item = Document | DataError

_SNIFFED_BYTES = 64 * 1024
_HASHED_BYTES = 1024 * 1024
_HELD_ERRORS = 100
_TITLE_LINE = re.compile(r"\s*[^|\s]+\|t\|")
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_KINDS: dict[str, Kind] = {
    ".pubtator": "pubtator",
    ".jsonl": "records",
    ".ndjson": "records",
    ".md": "text",
}


def read_inputs(paths: Sequence[Path], *, encoding: str = "utf-8") -> Iterator[Item]:
    """Yield the documents of files and folders; what is wrong with one comes as a DataError value.

    A format is told by suffix (.pubtator, .jsonl, .ndjson, .md) or, failing that, by the first
    64 KiB; a .txt file is plain text unless it begins like PubTator, as corpora are distributed
    under that name. A folder stands for its files, sorted, those in subfolders too, hidden ones
    not. An id that repeats over all inputs is a DataError value, as is a file without a document.

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
    """Yield the documents of one file. Raises its first error: gold with a hole gives a wrong score."""
    if path.is_dir():
        raise FormatError("is a folder", where=printable(path), hint="name one gold file")
    for item in read_inputs([path], encoding=encoding):
        if isinstance(item, DataError):
            raise item
        yield item


def describe_inputs(paths: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    """The path and the SHA-256 (hexadecimal) of every file that `read_inputs` would read, in its order.

    Raises FormatError for a path that is missing or cannot be read.
    """
    described = []
    for file in (file for path in paths for file in _files(path)):
        digest = hashlib.sha256()
        with open_bytes(file) as stream:
            while piece := stream.read(_HASHED_BYTES):
                digest.update(piece)
        described.append((printable(file), digest.hexdigest()))
    return tuple(described)


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
    return sorted(file for file in found if file.is_file())


def _all_items(inputs: Sequence[Sequence[Path]], encoding: str) -> Iterator[Item]:
    origins: dict[str, str] = {}
    for file in (file for files in inputs for file in files):
        empty = True
        for item in _file_items(file, encoding):
            empty = False
            if isinstance(item, Document) and item.id in origins:
                yield FormatError(
                    f"document {item.id} was already read from {origins[item.id]}",
                    where=printable(file),
                    hint="ids must be unique over all inputs",
                )
                continue
            if isinstance(item, Document):
                origins[item.id] = printable(file)
            yield item
        if empty:
            yield FormatError("no document in it", where=printable(file), hint="remove it from the inputs")


def _file_items(file: Path, encoding: str) -> Iterator[Item]:
    try:
        kind = _kind(file, encoding)
        if kind == "text":
            yield text.read(file, encoding=encoding)
        else:
            yield from (pubtator if kind == "pubtator" else records).read(file, encoding=encoding)
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


def _kind(file: Path, encoding: str) -> Kind:
    """Raises FormatError for what is not text."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if ".pubtator" in suffixes:
        return "pubtator"
    if suffixes and suffixes[-1] in _KINDS:
        return _KINDS[suffixes[-1]]
    with open_bytes(file) as stream:
        head = stream.read(_SNIFFED_BYTES)
    if suffixes[-1:] == [".txt"]:
        return (
            "pubtator" if _TITLE_LINE.match(head.decode("latin-1").removeprefix("\xef\xbb\xbf")) else "text"
        )
    try:
        start = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
    except UnicodeError:
        start = "\0"
    if _NOT_TEXT.search(start):
        raise FormatError(
            "neither PubTator, JSON Lines nor text",
            where=printable(file),
            hint="or name its encoding with --encoding",
        )
    if _TITLE_LINE.match(start):
        return "pubtator"
    return "records" if start.lstrip().startswith("{") else "text"
