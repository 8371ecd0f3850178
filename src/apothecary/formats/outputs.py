"""Documents to files, in the format that the name says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from apothecary.documents import Document
from apothecary.errors import FormatError, UsageError
from apothecary.formats import bioc_json, bioc_xml, brat, parquet, pubtator, records
from apothecary.formats.lines import printable

__all__ = ["lost", "write_documents"]

_WRITERS: Mapping[str, Callable[[Iterable[Document], TextIO], None]] = {
    ".pubtator": pubtator.write,
    ".jsonl": records.write,
    ".json": bioc_json.write,
    ".xml": bioc_xml.write,
}
_LOSSES: Mapping[str, Callable[[Document], tuple[str, ...]]] = {
    ".pubtator": pubtator.losses,
    ".json": bioc_json.losses,
    ".xml": bioc_xml.losses,
    "": brat.losses,
}
_KNOWN = ".jsonl, .parquet, .pubtator, .json or .xml (BioC), or a folder (brat)"


def write_documents(documents: Iterable[Document], path: Path) -> None:
    """Write PubTator, BioC, brat, Parquet or the package's own records, by the ending of the path.

    .json and .xml are BioC; a path without an ending is a folder of brat files. A file that stands there is
    replaced when the new one is whole. Raises UsageError for another ending, FormatError for a document
    that the format cannot hold and for a file that cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        parquet.write(documents, path)
        return
    if not ending:
        brat.write(documents, path)
        return
    if ending not in _WRITERS:
        raise UsageError(f"cannot write {ending}", where=printable(path), hint=_KNOWN)
    temporary = path.with_name(f"{path.name}.new")
    try:
        # Line ends as the writers give them: a translated one would move offsets.
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            _WRITERS[ending](documents, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        raise FormatError(f"cannot be written: {error}", where=printable(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def lost(document: Document, path: Path) -> tuple[str, ...]:
    """The fields of a document that writing to such a path and reading again would change."""
    find = _LOSSES.get(path.suffix.lower())
    return find(document) if find else ()
