"""JSON Lines that may hold anything."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError, UsageError
from apothecary.formats.jsonl import read_rows


def rows(tmp_path: Path, data: bytes, encoding: str = "utf-8") -> list[object]:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    return [str(row) if isinstance(row, FormatError) else row for row in read_rows(path, encoding=encoding)]


def test_rows_carry_their_line_numbers(tmp_path: Path) -> None:
    assert rows(tmp_path, b'{"a": 1}\n\n  \r\n{"a": 2}') == [(1, {"a": 1}), (4, {"a": 2})]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    assert rows(tmp_path, b'\xef\xbb\xbf{"a": 1}\n') == [(1, {"a": 1})]


def test_a_line_separator_inside_a_string_ends_no_row(tmp_path: Path) -> None:
    assert rows(tmp_path, '{"a": "x\u2028y"}\n'.encode()) == [(1, {"a": "x\u2028y"})]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a": 1', "not JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b"[1]", "not an object but list"),
        (b"null", "not an object but NoneType"),
        (b'{"a": "\xff"}', "byte 8 of the line is not utf-8"),
        (b'{"a": "\\ud83d"}', "surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_bad_line_is_one_error_and_reading_goes_on(tmp_path: Path, line: bytes, said: str) -> None:
    error, good = rows(tmp_path, line + b'\n{"a": 2}\n')
    assert f"rows.jsonl:1: {said}" in str(error) or (said in str(error) and "rows.jsonl:1: " in str(error))
    assert good == (2, {"a": 2})


@pytest.mark.slow
def test_a_line_over_the_limit_is_an_error_and_reading_goes_on(tmp_path: Path) -> None:
    error, good = rows(tmp_path, b'{"a": "' + b"x" * (65 * 1024 * 1024) + b'"}\n{"a": 2}\n')
    assert "rows.jsonl:1: line longer than" in str(error)
    assert good == (2, {"a": 2})


def test_other_encodings_are_read_when_named(tmp_path: Path) -> None:
    assert rows(tmp_path, '{"a": "药"}\n'.encode("gb18030"), "gb18030") == [(1, {"a": "药"})]


@pytest.mark.parametrize("encoding", ["klingon", "hex", "utf-16", "a\0b", "undefined"])
def test_an_encoding_without_lines_is_wrong_use(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UsageError):
        rows(tmp_path, b"{}\n", encoding)


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"absent\.jsonl: cannot be read: No such file"):
        list(read_rows(tmp_path / "absent.jsonl"))
