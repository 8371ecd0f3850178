# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Free text: what is asked and what is read."""

import pytest

from apothecary.errors import AnswerError
from apothecary.examples import Dialogue, Question, Rewriting, Sourced, Turn
from apothecary.tasks.generation.instruct import parse
from apothecary.tasks.instruct_answers import Gold, Prose, Sections
from apothecary.tasks.instruct_records import gold_of, instructions

REPORT = Gold("generation", "generation.sections", ("主诉", "建议"), Sections(()))


def test_thinking_is_taken_off_and_silence_is_no_answer() -> None:
    gold = Gold("generation", "generation.short", (), Prose(""))
    assert parse("<think>so</think>\n It is iron. ", gold).value == Prose("It is iron.")
    with pytest.raises(AnswerError):
        parse("<think>so</think>", gold)


@pytest.mark.parametrize(
    "reply",
    ["主诉：咳嗽\n建议：多喝水", "**建议**：多喝水\n**主诉**：\n咳嗽", '{"主诉": "咳嗽", "建议": "多喝水"}'],
)
def test_sections_are_read_in_the_order_asked_for(reply: str) -> None:
    assert parse(reply, REPORT).value == Sections((("主诉", "咳嗽"), ("建议", "多喝水")))


def test_a_dialogue_keeps_its_turns_and_asks_for_the_last() -> None:
    dialogue = Dialogue("1", (Turn("I cough.", "Since when?"), Turn("A week.", "See a doctor.")), "Age 40.")
    (found,) = instructions(Sourced("d", "train", "en", "dialogue", dialogue), 0)
    first, last = found.conversation
    assert "Age 40.\n\nI cough." in first.asked or "A patient writes:\nI cough." in first.asked
    assert (first.answered, last) == ("Since when?", Turn("A week.", "See a doctor."))
    assert (found.category, gold_of(found).answer) == ("MRD", Prose("See a doctor."))


def test_a_translation_says_its_direction_and_further_answers_are_references() -> None:
    pair = Rewriting("1", "fever", ("发热", "发烧"), "translation", "en", "zh")
    (found,) = instructions(Sourced("d", "train", "zh", "generation", pair), 0)
    assert (found.category, found.language) == ("MT-en2zh", "en-zh")
    assert gold_of(found).references == ("发烧",)


def test_long_answers_stand_in_for_short_ones() -> None:
    question = Question("1", "Why?", "context", context="Because.", long_answers=("So it is.",))
    (found,) = instructions(Sourced("d", "train", "en", "generation", question), 0)
    assert (found.category, found.conversation[0].answered) == ("QA_cqa", "So it is.")
