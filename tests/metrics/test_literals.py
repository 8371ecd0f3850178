"""Literals are read, nothing is run, and no text is too hostile."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.metrics.literals import LITERAL_LIMIT, python_literal

NONE = object()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(values)
def test_what_python_writes_is_read(value: object) -> None:
    assert python_literal(repr(value), otherwise=NONE) == value


@given(st.text("[]{}()'\":,1a-+\\\n #"))
def test_any_text_is_a_literal_or_none(text: str) -> None:
    python_literal(text)


@pytest.mark.parametrize(
    "text", ["", "x", "print()", "[1", "{[]: 1}", "a\0b", "'\ud800", "1+1", "[x for x in ()]"]
)
def test_what_is_no_literal_is_told_from_none(text: str) -> None:
    assert python_literal(text) is None
    assert python_literal(text, otherwise=NONE) is NONE
    assert python_literal("None", otherwise=NONE) is None


def test_a_wrong_escape_is_no_warning() -> None:
    assert python_literal(r"['5 \mg']") == [r"5 \mg"]


def test_no_more_than_the_limit_is_read() -> None:
    assert python_literal("[1, 2]", limit=6) == [1, 2]
    assert python_literal("[1, 2]", limit=5) is None
    assert python_literal("[" + " " * LITERAL_LIMIT + "]") is None


HOSTILE = [
    "[",
    "{",
    "(",
    "-",
    "1+",
    "1<",
    "not ",
    "{},",
    "1:1,",
    "lambda x:",
    "a for a in ",
    "9",
    "\\\n",
    "f'{a}'",
]


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    for before, after in (("", ""), ("[", "]"), ("{", "}"), ("[(" * 30, ")]" * 30)):
        python_literal(before + piece * ((LITERAL_LIMIT - 200) // len(piece)) + after)
    assert time.process_time() - start < 5, "an order of magnitude above the usual time"
