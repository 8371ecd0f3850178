"""Plain text files."""

from pathlib import Path

import pytest

from apothecary.documents import Document, Passage
from apothecary.formats.text import read


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "note.v2.txt"
    path.write_bytes(data)
    return path


def test_line_ends_stay_and_the_byte_order_mark_goes(tmp_path: Path) -> None:
    document = read(write(tmp_path, b"\xef\xbb\xbfLithium\r\ntremor\r"))
    assert document == Document("note.v2", "Lithium\r\ntremor\r", (Passage("text", 0, 16),))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no text in the file"),
        (b" \n\t", "no text in the file"),
        (b"\xef\xbb\xbf", "no text in the file"),
        (b"abc\xff", "byte 3 is not utf-8 (name its encoding with --encoding)"),
        (b"abc\0d", "NUL at byte 3"),
    ],
)
def test_what_is_no_text_is_an_error_value(tmp_path: Path, data: bytes, said: str) -> None:
    assert f"note.v2.txt: {said}" in str(read(write(tmp_path, data)))


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8-sig"])
def test_any_encoding_is_read_when_named(tmp_path: Path, encoding: str) -> None:
    document = read(write(tmp_path, "服用锂后震颤".encode(encoding)), encoding=encoding)
    assert isinstance(document, Document)
    assert document.text == "服用锂后震颤"
