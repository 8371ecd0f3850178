# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies about mentions as models write them."""

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks.instruct_answers import Gold, Names
from apothecary.tasks.instruct_replies import DUPLICATE, UNKNOWN
from apothecary.tasks.mentions.instruct import parse

GOLD = Gold("mentions", "mentions", ("Chemical", "Disease"), Names(()))
BOTH = (("Chemical", "aspirin"), ("Chemical", "ASA"), ("Disease", "gout"))


def names(reply: str, *types: str) -> tuple[tuple[str, str], ...]:
    gold = Gold("mentions", "mentions", types, Names(())) if types else GOLD
    answer = parse(reply, gold).value
    assert isinstance(answer, Names)
    return answer.names


@pytest.mark.parametrize(
    "reply",
    [
        "Disease: gout\nChemical: aspirin; ASA",
        "Here are the names found in the text:\n\n**Chemical**: aspirin; ASA\n**Disease:** gout",
        "- Chemical: aspirin, ASA\n- Disease: gout.",
        "### Chemical:\n- aspirin\n- ASA\n\n### Disease:\n1. gout",
        "chemical：aspirin；ASA\ndisease：gout",
        "<think>Is it?</think>```\nChemical: aspirin; ASA\nDisease: gout\n```",
        '```json\n{"Chemical": ["aspirin", "ASA"], "Disease": ["gout"]}\n```',
        '[{"type": "Chemical", "text": "aspirin"}, {"type": "Chemical", "text": "ASA"},'
        ' {"entity": "gout", "label": "disease"}]',
        '{"Chemical": ["aspirin", "ASA"], "Disease": ["gout", "foo',
    ],
)
def test_ways_to_write_one_answer(reply: str) -> None:
    assert names(reply) == BOTH


def test_unknown_types_are_dropped_and_counted_and_repeats_merged() -> None:
    parsed = parse("Chemical: aspirin; aspirin\nGene: TP53\n- Cell line: HeLa", GOLD)
    assert parsed.value == Names((("Chemical", "aspirin"),))
    assert parsed.repairs.count(UNKNOWN) == 2
    assert parsed.repairs.count(DUPLICATE) == 1


def test_nothing_is_an_answer_said_or_told_by_type() -> None:
    assert names("none") == names("无。") == names("Chemical: none\nDisease: 无") == ()
    assert names("There are no chemicals or diseases in this text.") == ()


@pytest.mark.parametrize(
    "reply", ["", "  \n", "<think>hm", "I cannot help with that.", "Gene: TP53", "```\n```"]
)
def test_what_names_no_type_is_no_answer(reply: str) -> None:
    with pytest.raises(AnswerError):
        parse(reply, GOLD)


def test_a_bare_list_answers_a_question_about_one_type() -> None:
    assert names("gout; asthma", "Disease") == (("Disease", "gout"), ("Disease", "asthma"))
    assert names("- gout\n- asthma", "Disease") == (("Disease", "gout"), ("Disease", "asthma"))
    assert names('["gout", "asthma"]', "Disease") == (("Disease", "gout"), ("Disease", "asthma"))
    assert names("The diseases are: gout; asthma", "Disease") == (("Disease", "gout"), ("Disease", "asthma"))


def test_types_that_hold_a_colon_are_read_bare_and_quoted() -> None:
    types = ("CPR", "CPR:3")
    assert names('CPR:3: a\n"CPR:3": b\nCPR: c', *types) == (("CPR", "c"), ("CPR:3", "a"), ("CPR:3", "b"))
