"""The first sheet of an xlsx file as rows of text: streamed, bounded, with the standard library and lxml.

Source: ECMA-376 part 1, sections 18.3 (worksheets) and 18.4 (shared strings). Departures:
1. The sheet is the file ``xl/worksheets/sheet1.xml``, where every program puts the first one.
2. Numbers stay as they are written; dates are numbers; of a formula the kept value is read.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from lxml import etree

from apothecary.errors import FormatError
from apothecary.vocab.files import printable

__all__ = ["MAX_PART_BYTES", "is_sheet", "sheet_rows"]

MAX_PART_BYTES = 512 * 1024 * 1024
"""Unpacked; a part that is larger would only fill the memory or the time."""

_ZIP = b"PK\x03\x04"
_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET = "xl/worksheets/sheet1.xml"
_STRINGS = "xl/sharedStrings.xml"
_COLUMN = re.compile(r"[A-Z]{1,3}")
_HINT = "save it again as xlsx, or as CSV"


def is_sheet(start: bytes) -> bool:
    """Whether a file that begins so can be an xlsx file."""
    return start.startswith(_ZIP)


def sheet_rows(path: Path, limit: int = MAX_PART_BYTES) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its number; a cell without a value is "".

    Raises FormatError for what is no such file, is damaged, or has a part of more than `limit` bytes.
    """
    where = printable(path)
    try:
        with zipfile.ZipFile(path) as archive:
            strings = list(_strings(archive, where, limit)) if _STRINGS in archive.namelist() else []
            for _, row in _elements(archive.open(_SHEET), "row", where, limit):
                number = row.get("r") or ""
                yield int(number) if number.isdecimal() else 0, _cells(row, strings, f"{where}:{number}")
    except KeyError as error:
        raise FormatError("is no xlsx file: it has no first sheet", where=where, hint=_HINT) from error
    except etree.XMLSyntaxError as error:
        raise FormatError(f"damaged xlsx file: {error.msg}", where=where, hint=_HINT) from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        # The last two: a part that is encrypted or packed in a way that Python does not know.
        raise FormatError(f"damaged xlsx file: {error}", where=where, hint=_HINT) from error


def _strings(archive: zipfile.ZipFile, where: str, limit: int) -> Iterator[str]:
    for _, item in _elements(archive.open(_STRINGS), "si", where, limit):
        # Phonetic readings of a string (rPh) are no part of it.
        parts = (text for text in item.iter(f"{_SPACE}t") if not _is_reading(text))
        yield "".join(text.text or "" for text in parts)


def _is_reading(text: etree._Element) -> bool:
    parent = text.getparent()
    return parent is not None and parent.tag == f"{_SPACE}rPh"


def _cells(row: etree._Element, strings: list[str], where: str) -> list[str]:
    cells: list[str] = []
    for cell in row.iterchildren(f"{_SPACE}c"):
        column = _place(cell.get("r") or "", len(cells))
        cells += [""] * (column + 1 - len(cells))
        cells[column] = _value(cell, strings, where)
    return cells


def _place(reference: str, following: int) -> int:
    """The column of a reference such as AB12, from 0; `following` where there is none."""
    letters = _COLUMN.match(reference)
    if letters is None:
        return following
    place = 0
    for letter in letters[0]:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1


def _value(cell: etree._Element, strings: list[str], where: str) -> str:
    kind = cell.get("t")
    if kind == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{_SPACE}t"))
    value = cell.findtext(f"{_SPACE}v") or ""
    if kind != "s":
        return value
    if not value.isdecimal() or len(value) > 9 or int(value) >= len(strings):
        raise FormatError("a cell names a string that the file does not have", where=where, hint=_HINT)
    return strings[int(value)]


class _Bounded:
    """A part of the archive as the parser reads it. What the archive says of its size is not trusted."""

    def __init__(self, stream: IO[bytes], where: str, limit: int) -> None:
        self._stream = stream
        self._where = where
        self._limit = limit
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """As a binary file does. Raises FormatError beyond the limit."""
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > self._limit:
            raise FormatError(f"unpacks to more than {self._limit} bytes", where=self._where, hint=_HINT)
        return data


def _elements(part: IO[bytes], tag: str, where: str, limit: int) -> Iterator[tuple[str, etree._Element]]:
    with part:
        found = etree.iterparse(
            cast(IO[bytes], _Bounded(part, where, limit)),
            events=("end",),
            tag=f"{_SPACE}{tag}",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
        )
        for event, element in found:
            yield event, element
            element.clear()
            while element.getprevious() is not None and (parent := element.getparent()) is not None:
                del parent[0]
