# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies to questions with options as models write them."""

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks.choice.instruct import letter, parse
from apothecary.tasks.instruct_answers import Gold, Labels

LETTERS = Gold("choice", "choice.choice", ("Zinc", "Iron", "Copper salt", "A"), Labels(()))
YESNO = Gold("choice", "choice.yesno", ("yes", "no", "maybe"), Labels(()))
SHI = Gold("choice", "choice.yesno", ("是", "否"), Labels(()))


@pytest.mark.parametrize(
    "reply",
    [
        "B. Iron",
        "B",
        "(B)",
        "Iron",
        "**B. Iron**",
        "Answer: B",
        "The correct answer is B. Iron",
        "B\n\nIron carries oxygen.",
        "Iron carries oxygen.\nAnswer: B. Iron",
        "A. Zinc\nB. Iron\nC. Copper salt\nD. A\n\nThe answer is B.",
        "Because it carries oxygen the answer is (B), not zinc.",
        "答案是B。",
        "正确答案：B. Iron",
    ],
)
def test_ways_to_say_b(reply: str) -> None:
    assert parse(reply, LETTERS).value == Labels(("Iron",))


def test_a_letter_goes_before_an_option_of_that_name() -> None:
    assert parse("A", LETTERS).value == Labels(("Zinc",))
    assert parse("D. A", LETTERS).value == Labels(("A",))


def test_letter_and_text_that_disagree_and_replies_without_either_are_no_answers() -> None:
    for reply in ("B. Zinc", "E", "Either zinc or iron would do.", "I am not sure."):
        with pytest.raises(AnswerError):
            parse(reply, LETTERS)


@pytest.mark.parametrize(
    "reply", ["No", "no.", "No, it does not.", "Answer: no", "**no**", "It is unclear.\nno"]
)
def test_ways_to_say_no(reply: str) -> None:
    assert parse(reply, YESNO).value == Labels(("no",))


def test_yes_and_no_in_chinese() -> None:
    assert parse("是的，可以。", SHI).value == Labels(("是",))
    with pytest.raises(AnswerError):
        parse("我认为不是。", SHI)


def test_letters_go_on_behind_z() -> None:
    assert [letter(place) for place in (0, 25, 26, 27)] == ["A", "Z", "AA", "AB"]
