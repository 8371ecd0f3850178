"""Arrays and objects of JSON, member by member with lines; and which encoding a file has."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError
from apothecary.formats.encodings import encoding_of
from apothecary.formats.json_members import Member, read_members, read_objects


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    (tmp_path / "a.json").write_bytes(text.encode(encoding))
    return tmp_path / "a.json"


def test_members_have_the_line_they_begin_at(tmp_path: Path) -> None:
    path = write(tmp_path, '[\n {"a": 1},\n {"a":\n 2}\n]\n')
    assert list(read_members(path)) == [(2, "1", {"a": 1}), (3, "2", {"a": 2})]


def test_members_of_an_object_have_its_keys(tmp_path: Path) -> None:
    assert list(read_members(write(tmp_path, '{"k" : {"a": "x"}}'))) == [(1, "k", {"a": "x"})]


@pytest.mark.parametrize("text", ["[]", "{}", " [ ] "])
def test_an_empty_one_has_none(text: str, tmp_path: Path) -> None:
    assert list(read_members(write(tmp_path, text))) == []


@pytest.mark.parametrize(
    "rest", ["{", '{"a": NaN}]', '{"a": 1} {', "[" * 9000, "9" * 5000 + "]", "", '{"a": 1}'], ids=range(7)
)
def test_what_is_not_json_ends_the_file_with_its_line(rest: str, tmp_path: Path) -> None:
    first, *others = list(read_members(write(tmp_path, '[{"a": 0},\n' + rest)))
    assert first == (1, "1", {"a": 0})
    errors = [each for each in others if isinstance(each, FormatError)]
    assert len(errors) == 1
    assert errors[0].where.endswith("a.json:2")


def test_a_member_that_is_no_object_costs_itself(tmp_path: Path) -> None:
    items = list(read_members(write(tmp_path, '[5, {"a": "\\ud800"}, {"a": 1}]')))
    assert [isinstance(item, FormatError) for item in items] == [True, True, False]


def test_lines_are_read_as_well(tmp_path: Path) -> None:
    items: list[Member | FormatError] = list(read_objects(write(tmp_path, '{"a": 1}\n{"a": 2}\n')))
    assert items == [(1, "1", {"a": 1}), (2, "2", {"a": 2})]


@pytest.mark.parametrize("text", ["5", "", "x"])
def test_another_value_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="neither a JSON array nor an object"):
        list(read_members(write(tmp_path, text)))


def test_chinese_in_either_encoding_is_told(tmp_path: Path) -> None:
    text = "头痛。怎么办。\U00020000" * 100_000
    assert encoding_of(write(tmp_path, text)) == "utf-8"
    assert encoding_of(write(tmp_path, text, "gb18030")) == "gb18030"
    assert encoding_of(write(tmp_path, text, "gb18030"), "latin-1") == "latin-1"


def test_what_is_neither_counts_as_utf_8(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"a\xff\xffb")
    assert encoding_of(tmp_path / "b") == "utf-8"
