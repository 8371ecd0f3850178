"""Abbreviations that a text defines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.align.abbreviations import abbreviations
from tests.strategies import texts


def pairs(text: str) -> list[tuple[str, str]]:
    return [(text[a.short.start : a.short.end], text[a.long.start : a.long.end]) for a in abbreviations(text)]


@settings(deadline=None)
@given(st.lists(texts, max_size=4).map(" (AB) ".join))
def test_every_pair_lies_in_the_text_and_explains_its_letters(text: str) -> None:
    for short, long in pairs(text):
        assert short == short.strip()
        assert long[0].lower() == next(c for c in short if c.isalnum()).lower()
        assert len(long) > len(short)


@settings(deadline=None)
@given(st.permutations("BDFGKLMNP"), st.integers(2, 5), st.booleans(), st.sampled_from(["", "Ill 😀 "]))
def test_planted_definitions_are_found(letters: list[str], size: int, inside: bool, lead: str) -> None:
    """Words share no letter with the initials, so that only the planted reading is possible."""
    short = "".join(letters[:size])
    long = " ".join(letter.lower() + "oioi" for letter in letters[:size])
    text = f"{lead}we saw {long} ({short}) today." if inside else f"{lead}we saw {short} ({long}) today."
    assert pairs(text) == [(short, long)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("had tardive dyskinesia (TD; mild)", [("TD", "tardive dyskinesia")]),
        ("had tardive dyskinesia [TD]", [("TD", "tardive dyskinesia")]),
        ("the anti-tuberculosis (TB) drug", [("TB", "tuberculosis")]),
        ("by N-methyl-D-aspartate (NMDA) receptors", [("NMDA", "N-methyl-D-aspartate")]),
        ("of magnetic stimulation (rTMS)", []),
        ("a drug (mean) and another (n = 5)", []),
        ("the value rose. Then (TVR) fell", []),
        ("TNF (TNF alpha)", []),
        ("stopped (S", []),
    ],
)
def test_definitions_by_example(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected


def test_many_open_brackets_take_linear_time() -> None:
    assert abbreviations("( [" * 50_000) == ()
