"""Lines of a file that may be anything: streaming, decoded one by one, bounded.

Lines end at a line feed only; Unicode line separators and lone carriage returns are text.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from apothecary.errors import FormatError, UsageError

__all__ = ["MAX_LINE_BYTES", "check_encoding", "open_bytes", "printable", "read_lines", "sha256_of"]

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is an error, not a document: it would not fit a prompt, only the memory."""


def printable(path: Path) -> str:
    """A path as text that can be written as UTF-8, whatever bytes its name holds."""
    return os.fsencode(path).decode("utf-8", "replace")


def check_encoding(encoding: str) -> None:
    """Raise UsageError for a name that Python knows no text encoding by."""
    try:
        "\n".encode(encoding)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"unknown encoding {encoding!r}", hint="try --encoding utf-8, gb18030 or latin-1"
        ) from error


def open_bytes(path: Path) -> BufferedReader:
    """Open a file for reading bytes. Raises FormatError when it is missing or cannot be read."""
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FormatError(
            f"cannot be read: {reason}", where=printable(path), hint="check the path and its permissions"
        ) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal. Raises FormatError when it is missing or cannot be read."""
    with open_bytes(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_lines(path: Path, *, encoding: str = "utf-8") -> Iterator[tuple[int, str | FormatError]]:
    """Yield each line with its 1-based number, without line end and byte order mark.

    A line that cannot be decoded or is longer than `MAX_LINE_BYTES` comes as a FormatError value,
    and reading goes on. Raises FormatError when the file cannot be read, UsageError when its
    lines cannot be told apart in `encoding` (UTF-16, UTF-32).
    """
    check_encoding(encoding)
    if "\n".encode(encoding) != b"\n":
        raise UsageError(
            f"lines of a file in {encoding} cannot be read one by one",
            where=printable(path),
            hint="convert it to UTF-8 first",
        )
    with open_bytes(path) as stream:
        for number, data in _pieces(stream):
            line = _decode(data, encoding=encoding, where=f"{printable(path)}:{number}")
            yield number, line.removeprefix("\ufeff") if number == 1 and isinstance(line, str) else line


def _pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    number = 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(data) <= MAX_LINE_BYTES:
            yield number, data
            continue
        while data and not data.endswith(b"\n"):
            data = stream.readline(MAX_LINE_BYTES)
        yield number, None


def _decode(data: bytes | None, *, encoding: str, where: str) -> str | FormatError:
    if data is None:
        return FormatError(
            f"line longer than {MAX_LINE_BYTES} bytes", where=where, hint="put one record on a line"
        )
    try:
        return data.removesuffix(b"\n").removesuffix(b"\r").decode(encoding)
    except UnicodeError as error:
        byte = error.start + 1 if isinstance(error, UnicodeDecodeError) else 1
        return FormatError(
            f"byte {byte} of the line is not {encoding}",
            where=where,
            hint="name its encoding with --encoding",
        )
