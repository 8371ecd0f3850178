"""Vocabulary files as bytes and lines: plain, gzip or bzip2, told apart by content, streamed, bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apothecary.errors import FormatError

__all__ = ["MAX_LINE_BYTES", "content_start", "numbered_lines", "pieces", "printable"]

MAX_LINE_BYTES = 1024 * 1024
"""A longer line is an error: no name, note or list of ids of a vocabulary comes near it."""

_PIECE_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_BZIP2_MAGIC = b"BZh"
_UNREADABLE = (OSError, EOFError, zlib.error)


def printable(path: Path) -> str:
    """A path as text that can be written as UTF-8, whatever bytes its name holds."""
    return os.fsencode(path).decode("utf-8", "replace")


def content_start(path: Path, size: int) -> bytes:
    """At most `size` bytes from the beginning, decompressed. Raises FormatError when it cannot be read."""
    try:
        with _opened(path) as stream:
            return stream.read(size)
    except _UNREADABLE as error:
        raise _unreadable(error, printable(path)) from error


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the decompressed content piece by piece. Raises FormatError when it cannot be read."""
    try:
        with _opened(path) as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece
    except _UNREADABLE as error:
        raise _unreadable(error, printable(path)) from error


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its 1-based number, without its line end (line feed, or both).

    Raises FormatError, naming the line, for what is not UTF-8, longer than `MAX_LINE_BYTES` or unreadable.
    """
    number = 0
    try:
        with _opened(path) as stream:
            while data := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                yield number, _decode(data, f"{printable(path)}:{number}")
    except _UNREADABLE as error:
        raise _unreadable(error, f"{printable(path)}:{number + 1}" if number else printable(path)) from error


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    try:
        file = path.open("rb")
    except ValueError as error:
        raise FormatError(f"cannot be read: {error}", where=printable(path), hint="check the path") from error
    with file:
        head = file.peek(3)[:3]
        if head.startswith(_GZIP_MAGIC):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked
        elif head == _BZIP2_MAGIC:
            with bz2.BZ2File(file) as unpacked:
                yield unpacked
        else:
            yield file


def _unreadable(error: Exception, where: str) -> FormatError:
    # bz2 says of damaged data that it is an OSError without a number.
    if isinstance(error, OSError) and error.strerror:
        return FormatError(
            f"cannot be read: {error.strerror}", where=where, hint="check the path and its permissions"
        )
    return FormatError(
        f"damaged gzip or bzip2 file: {error}", where=where, hint="fetch or write the file again"
    )


def _decode(data: bytes, where: str) -> str:
    if len(data) > MAX_LINE_BYTES:
        raise FormatError(f"line longer than {MAX_LINE_BYTES} bytes", where=where, hint="one name a line")
    try:
        return data.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise FormatError(
            f"byte {error.start + 1} of the line is not UTF-8", where=where, hint="convert the file to UTF-8"
        ) from error
