"""Which of the encodings that Chinese texts come in a file has."""

from __future__ import annotations

import codecs
from pathlib import Path

from apothecary.formats.lines import open_bytes

__all__ = ["AUTO", "encoding_of"]

AUTO = "auto"
"""In place of a name: find out."""
_READ_BYTES = 1024 * 1024


def encoding_of(path: Path, encoding: str = AUTO) -> str:
    """`encoding` itself, or for "auto" UTF-8 or GB18030, whichever the first mebibyte is.

    UTF-8 is asked first: text of some length is hardly ever both. What is neither counts as UTF-8, so that
    its readers tell the bad lines. GB2312 and GBK are parts of GB18030. Raises FormatError when the file
    cannot be read.
    """
    if encoding != AUTO:
        return encoding
    with open_bytes(path) as stream:
        head = stream.read(_READ_BYTES)
    return next((name for name in ("utf-8", "gb18030") if _is_text(head, name)), "utf-8")


def _is_text(head: bytes, encoding: str) -> bool:
    try:
        # The last character may be cut: an incremental decoder waits for the rest.
        codecs.getincrementaldecoder(encoding)().decode(head, final=len(head) < _READ_BYTES)
    except UnicodeError:
        return False
    return True
