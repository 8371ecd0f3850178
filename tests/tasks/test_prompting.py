"""Slots are filled once, and what is filled in is never a slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.tasks.prompting import document_messages, fill


@given(st.text(), st.text())
def test_values_are_never_read_as_slots(a: str, b: str) -> None:
    assert fill("{a}|{b}", {"a": a, "b": b}) == f"{a}|{b}"


def test_a_slot_without_a_value_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"template t: unknown placeholder \{pair\} \(known: head\)"):
        fill("{pair}", {"head": "x"}, where="template t")


def test_json_braces_in_a_template_are_left_alone() -> None:
    assert fill('{"Chemical": []} {name}', {"name": "x"}) == '{"Chemical": []} x'


def test_questions_about_one_text_share_everything_before_the_question() -> None:
    one, two = document_messages("Text.", "First?"), document_messages("Text.", "Second?")
    assert one[0] == two[0]
    assert one[1].content.removesuffix("First?") == two[1].content.removesuffix("Second?")
