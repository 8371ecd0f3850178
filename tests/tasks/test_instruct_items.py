# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Items of an answer line: written once, read in many ways."""

import doctest

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks import instruct_items
from apothecary.tasks.instruct_items import grouped, is_nothing, pieces, quoted, split_items


def test_docstring_examples_hold() -> None:
    assert doctest.testmod(instruct_items).failed == 0


@pytest.mark.parametrize(
    "name", ["a; b", "a，b", "[3H]x", "PI(18:1)", 'the "x" gene', "无", "a\nb", "Candida sp."]
)
def test_names_that_a_reader_would_part_are_written_as_strings(name: str) -> None:
    assert quoted(name).startswith('"')
    assert split_items(f"x; {quoted(name)}; y") == ["x", name, "y"]


@pytest.mark.parametrize(
    "name", ["1,2-dichloroethane", "N-(4-hydroxyphenyl)retinamide", "Crohn's", "NO", "高血压"]
)
def test_ordinary_names_are_written_as_they_are(name: str) -> None:
    assert quoted(name) == name


def test_typographic_quotes_markdown_and_full_stops_are_taken_off() -> None:
    assert split_items("“阿司匹林”；**gout**; `x`; 'y'.") == ["阿司匹林", "gout", "x", "y"]


def test_a_quote_in_the_middle_of_a_name_opens_nothing() -> None:
    assert split_items('5" tube; "wild" type; z') == ['5" tube', '"wild" type', "z"]


def test_brackets_within_strings_and_within_brackets_are_no_ends() -> None:
    assert grouped('[a, "b]"]; 【c，[d]】', "square") == ['a, "b]"', "c，[d]"]
    with pytest.raises(AnswerError, match="never closed"):
        grouped("[a, b]; [c", "square")


def test_commas_part_only_before_a_blank() -> None:
    assert pieces("1,2-x, y", ",") == ["1,2-x", " y"]


def test_sentences_that_say_nothing_is_there_count_only_where_prose_is_read() -> None:
    assert is_nothing("None.")
    assert is_nothing("文中没有提到药物。", prose=True)
    assert is_nothing("No diseases are mentioned in the text.", prose=True)
    assert not is_nothing("No diseases are mentioned in the text.")
    assert not is_nothing("Nobelium", prose=True)
