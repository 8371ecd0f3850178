"""Replies are read with every repair named, or refused."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apothecary.errors import AnswerError
from apothecary.tasks.answers import choice_answer, json_answer, line_answer, split_thinking
from apothecary.tasks.flow import Parsed

OBJECTS = st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=4), max_size=4)


@given(OBJECTS)
@example({"```": ["```json", "[```{"]})
def test_plain_json_needs_no_repair(value: dict[str, list[str]]) -> None:
    parsed = json_answer(json.dumps(value))
    assert parsed.value == value
    assert parsed.repairs == ()


@given(OBJECTS)
@example({"```": ["```json", "[```{"]})
def test_fences_and_prose_around_json_are_named(value: dict[str, list[str]]) -> None:
    text = json.dumps(value)
    for fenced in (f"```json\n{text}\n```", f"Here: ```{text}```", f"As {{asked}}:\n```\n{text}\n```\nDone."):
        assert json_answer(fenced) == Parsed(value, ("code fence removed",))
    framed = json_answer(f"Here it is:\n{text}")
    assert framed.value == value
    assert "text before the JSON removed" in framed.repairs


@given(st.lists(st.text(alphabet='abc",\\{}[]', max_size=5), max_size=5), st.data())
def test_a_cut_off_list_keeps_only_whole_items(items: list[str], data: st.DataObject) -> None:
    text = json.dumps({"names": items})
    cut = data.draw(st.integers(1, len(text) - 1))
    parsed = json_answer(text[:cut])
    assert isinstance(parsed.value, dict)
    kept = parsed.value.get("names", [])
    assert kept == items[: len(kept)]
    assert "cut-off JSON closed" in parsed.repairs


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (json_answer, lambda t: choice_answer(t, ["1", "~"]), line_answer):
        try:
            read(text)
        except AnswerError as error:
            assert "\n" not in str(error)


def test_a_million_commas_are_read_in_linear_time() -> None:
    assert json_answer('{"a": [' + '"x",' * 1_000_000).value == {"a": ["x"] * 1_000_000}
    with pytest.raises(AnswerError):
        json_answer('{"a": ["x"' + "," * 1_000_000)


def test_deep_nesting_is_an_answer_error() -> None:
    with pytest.raises(AnswerError):
        json_answer("[" * 200_000)


@pytest.mark.parametrize(
    "text",
    [
        "1",
        " 1\n",
        "`1`",
        "**1**",
        "Answer: 1",
        "The answer is 1.",
        "(1)",
        "<think>2?</think>1",
        "1|because|9",
    ],
)
def test_a_code_is_found_under_decoration(text: str) -> None:
    assert choice_answer(text, ["0", "1", "2"]).value == "1"


@pytest.mark.parametrize("text", ["", "12", "1 or 2", "none", "yes"])
def test_what_names_no_code_is_refused(text: str) -> None:
    with pytest.raises(AnswerError, match="none of the codes 0 1 2"):
        choice_answer(text, ["0", "1", "2"])


def test_symbols_are_codes_too() -> None:
    assert choice_answer("~", ["=", ">", "<", "~"]).value == "~"
    assert choice_answer("Answer: >", ["=", ">", "<", "~"]).value == ">"


def test_thinking_that_never_ends_is_no_answer() -> None:
    assert split_thinking("<think>hm") == ("hm", "")
    assert split_thinking("<think>a</think>\nb") == ("a", "b")


def test_thinking_that_the_prompt_opened_is_thinking() -> None:
    assert split_thinking("a [1]\n</think>\n[2]") == ("a [1]", "[2]")
    assert json_answer("a [1]\n</think>\n[2]").value == [2]


def test_lines_lose_bullets_and_none_is_empty() -> None:
    assert line_answer("- a\n2. b\n\n* c").value == ("a", "b", "c")
    assert line_answer("None.").value == ()
