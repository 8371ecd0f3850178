"""Plain text: a file is a document, its name (without the ending) the id."""

from __future__ import annotations

from pathlib import Path

from apothecary.documents import Document, Passage
from apothecary.errors import DataError, FormatError
from apothecary.formats.lines import MAX_LINE_BYTES, check_encoding, open_bytes, printable

__all__ = ["read"]


def read(path: Path, *, encoding: str = "utf-8") -> Document | DataError:
    """The document of a file: one passage "text", line ends as they are, no byte order mark.

    A file that is blank, not text in `encoding`, or larger than 64 MiB comes as a FormatError
    value. Raises FormatError when it cannot be read and UsageError for an unknown encoding.
    """
    check_encoding(encoding)
    where = printable(path)
    with open_bytes(path) as stream:
        data = stream.read(MAX_LINE_BYTES + 1)
    if len(data) > MAX_LINE_BYTES:
        return FormatError(f"larger than {MAX_LINE_BYTES} bytes", where=where, hint="split it")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        byte = error.start if isinstance(error, UnicodeDecodeError) else 0
        return FormatError(
            f"byte {byte} is not {encoding}", where=where, hint="name its encoding with --encoding"
        )
    if "\0" in text:
        byte = data.find(b"\0")
        return FormatError(
            f"NUL at byte {byte}: not text in {encoding}",
            where=where,
            hint="name its encoding with --encoding",
        )
    if not text.strip():
        return FormatError("no text in the file", where=where, hint="remove it")
    name = printable(Path(path.stem))
    return Document(id=name, text=text, passages=(Passage("text", 0, len(text)),))
