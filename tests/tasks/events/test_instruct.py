# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies about events as models write them."""

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks.events.instruct import parse
from apothecary.tasks.instruct_answers import Fact, Facts, Gold

GOLD = Gold("events", "events", ("Binding", "临床发现"), Facts(()))
BINDS = Fact("Binding", (("trigger", "binds"), ("Theme", "p53"), ("Theme2", "MDM2 (human)")))


@pytest.mark.parametrize(
    "reply",
    [
        'Binding: (Trigger: binds, Theme: p53, Theme2: "MDM2 (human)")',
        "Events:\n- **Binding**: (Theme: p53, Trigger: binds, Theme2: MDM2 (human))",
        "binding：（触发词：binds，Theme：p53，Theme2：MDM2 (human)）",
        "Binding: [Trigger: binds; Theme: p53; Theme2: MDM2 (human)]",
        '{"Binding": [{"trigger": "binds", "Theme": "p53", "Theme2": "MDM2 (human)"}]}',
        '[{"type": "Binding", "Trigger": "binds", "Theme": ["p53"], "Theme2": "MDM2 (human)"}]',
    ],
)
def test_ways_to_write_one_answer(reply: str) -> None:
    assert parse(reply, GOLD).value == Facts((BINDS,))


def test_an_event_without_a_trigger_is_dropped_and_counted() -> None:
    parsed = parse("Binding: (Theme: p53); (Trigger: binds)", GOLD)
    assert parsed.value == Facts((Fact("Binding", (("trigger", "binds"),)),))
    assert len(parsed.repairs) == 1


def test_prose_is_no_answer_and_none_is_one() -> None:
    assert parse("无", GOLD).value == Facts(())
    with pytest.raises(AnswerError):
        parse("p53 binds MDM2.", GOLD)
