"""Records of an XML file that may be anything: one at a time, compressed or not; nothing is fetched."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from apothecary.errors import FormatError
from apothecary.formats.lines import open_bytes, printable

__all__ = ["read_elements", "text_of"]

MAX_ELEMENT_BYTES = 64 * 1024 * 1024
"""What goes on for so long without completing a record is none: it would only fill the memory."""

_GZIP = b"\x1f\x8b"
_WIDE = (b"\xff\xfe", b"\xfe\xff")


class _Bytes:
    """A file as the parser reads it: decompressed, with blanks for NULs, which no XML may hold.

    A blank keeps every offset where it was; PubTator's bulk files hold such bytes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        head = stream.read(2)
        stream.seek(0)
        # read1 gives what is there: read would lose the last block of an archive that is cut off.
        self._next = gzip.GzipFile(fileobj=stream).read1 if head == _GZIP else stream.read
        self._wide = head in _WIDE
        self.since_record = 0

    def read(self, size: int = -1) -> bytes:
        """As a binary file does. Raises FormatError when no record was completed for too long."""
        data = self._next(size)
        self.since_record += len(data)
        if self.since_record > MAX_ELEMENT_BYTES:
            raise FormatError(f"no record ends within {MAX_ELEMENT_BYTES} bytes", hint="split it")
        return data if self._wide else data.replace(b"\0", b" ")


def read_elements(path: Path, *tags: str) -> Iterator[etree._Element | FormatError]:
    """Yield every element of the given names when it is whole; what comes after is not yet read.

    An element is emptied when the next one is asked for, so memory does not grow with the file. What
    makes the rest unreadable (broken XML, a cut-off archive, a declared entity) comes as a last
    FormatError value that names the line. Raises FormatError when the file cannot be opened.
    """
    with closing(open_bytes(path)) as stream:
        where = printable(path)
        try:
            yield from _elements(_Bytes(stream), tags, where)
        except etree.XMLSyntaxError as error:
            yield FormatError(
                f"is not XML that can be read: {error.msg}",
                where=f"{where}:{error.lineno}",
                hint="what stands before this line was read; get the file again if it was cut off",
            )
        except FormatError as error:
            yield FormatError(error.message, where=where, hint=error.hint)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield FormatError(f"the archive is damaged: {error}", where=where, hint="get the file again")


def _elements(source: _Bytes, tags: tuple[str, ...], where: str) -> Iterator[etree._Element | FormatError]:
    parser = etree.iterparse(
        source,
        events=("end",),
        tag=tags,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_pis=True,
    )
    first = True
    for _, element in parser:
        if first:
            dtd = element.getroottree().docinfo.internalDTD
            if dtd is not None and any(True for _ in dtd.iterentities()):
                yield FormatError(
                    "declares entities of its own",
                    where=where,
                    hint="they are not expanded: write the text itself",
                )
                return
            first = False
        yield element
        source.since_record = 0
        element.clear()
        # The emptied shells before it would still add up over millions of records.
        while element.getprevious() is not None and (parent := element.getparent()) is not None:
            del parent[0]


def text_of(element: etree._Element | None) -> str:
    """All text inside an element, markup left out; empty for None."""
    if element is None:
        return ""
    return "".join(element.itertext()) if len(element) else element.text or ""
