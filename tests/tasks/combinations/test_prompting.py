"""The messages of a question."""

from dataclasses import replace

import pytest

from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.prompting import PROMPTS, SECTIONS, messages, sections_of

PARAGRAPH = "Forty were treated. Druga plus drugb helped. {sentence} is no slot."
EXAMPLE = Example("e", "Druga plus drugb helped.", PARAGRAPH, ("Druga", "drugb"), (), "drugcomb")


def question(
    example: Example = EXAMPLE, *, reasoning: bool = False, given: bool = True, context: bool = True
) -> str:
    return messages(example, reasoning=reasoning, drugs_given=given, context=context)[-1].content


def test_the_paragraph_comes_first_and_the_sentence_with_its_drugs_last() -> None:
    asked = question()
    assert asked.startswith(f"Text:\n{PARAGRAPH}\n\n")
    assert asked.endswith("Target sentence: Druga plus drugb helped.\nIts drugs: Druga; drugb")


def test_sentences_of_one_paragraph_differ_at_the_end_alone() -> None:
    other = replace(EXAMPLE, sentence="Forty were treated.", drugs=())
    shared = question().rsplit("Target sentence:", 1)[0]
    assert question(other).startswith(shared)


@pytest.mark.parametrize(
    "example", [EXAMPLE, replace(EXAMPLE, paragraph=""), replace(EXAMPLE, paragraph=" \n")]
)
def test_without_a_paragraph_the_sentence_is_the_text_and_is_not_repeated(example: Example) -> None:
    asked = question(example, context=example is not EXAMPLE)
    assert asked.startswith("Text:\nDruga plus drugb helped.\n\n")
    assert asked.count("Druga plus drugb helped.") == 1


def test_drugs_that_are_not_given_are_not_told() -> None:
    assert "Its drugs" not in question(given=False)


@pytest.mark.parametrize("corpus", SECTIONS)
def test_reasoning_asks_for_the_four_headings_and_an_answer_block(corpus: str) -> None:
    asked = question(replace(EXAMPLE, corpus=corpus), reasoning=True)
    assert all(f"[{number}] {name}\n" in asked for number, name in enumerate(SECTIONS[corpus], 1))
    assert "<answer>" in asked
    assert "<think>" not in question(replace(EXAMPLE, corpus=corpus))


@pytest.mark.parametrize("corpus", SECTIONS)
def test_no_slot_is_left_open_but_what_a_text_holds_stays(corpus: str) -> None:
    asked = question(replace(EXAMPLE, corpus=corpus), reasoning=True)
    assert asked.replace('{"', "").count("{") == 1
    assert len(asked) < len(PARAGRAPH) + 1800


def test_every_prompt_is_recorded() -> None:
    assert all(name.endswith(".txt") and text for name, text in PROMPTS.items())


def test_sections_are_read_by_their_numbers() -> None:
    think = "[1] Setting\n- a dose of [2] mg\n [2] Drugs\n- b\n- c\n[2] again\n- d"
    assert sections_of(think) == {"1": "- a dose of [2] mg", "2": "- b\n- c"}
    assert sections_of("no heading") == {}
