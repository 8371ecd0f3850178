"""Quoted names find their offsets."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.align.folding import fold
from apothecary.align.locate import locate
from tests.strategies import texts

WORDS = st.text(st.sampled_from("bdfghjkmpqtvwxyz"), min_size=4, max_size=9)


def found(name: str, text: str) -> list[tuple[str, str]]:
    return [(text[place.span.start : place.span.end], place.alignment) for place in locate(name, text)]


@settings(deadline=None)
@given(texts, texts)
def test_every_span_equals_the_name_under_its_rule(name: str, text: str) -> None:
    for piece, alignment in found(name, text):
        if alignment == "exact":
            assert piece == name.strip()
        if alignment == "normalised":
            assert fold(piece).text.strip().rstrip("s") == fold(name).text.strip().rstrip("s")


@settings(deadline=None)
@given(texts, texts)
def test_places_are_in_order_and_never_overlap(name: str, text: str) -> None:
    spans = [place.span for place in locate(name, text)]
    assert all(one.end <= other.start for one, other in pairwise(spans))


@settings(deadline=None)
@given(st.lists(WORDS | st.just("😀") | st.just("e\u0301"), max_size=6), WORDS, st.data())
def test_planted_names_are_found_where_they_were_planted(
    words: list[str], name: str, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(words)))
    written = data.draw(st.sampled_from([name, name.upper(), name.title()]))
    before = "".join(word + " " for word in words[:position])
    text = before + written + "".join(" " + word for word in words[position:])
    assert len(before) in [place.span.start for place in locate(name, text)]


@settings(deadline=None)
@given(texts)
def test_folding_knows_its_way_back(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert list(folded.starts) == sorted(folded.starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ras", "aspirin's rash, ras and H-ras", ["ras", "ras"]),
        ("lithium", "lithium-induced; lithiumX; (lithium)", ["lithium", "lithium"]),
        ("阿司匹林", "患者服用阿司匹林后", ["阿司匹林"]),
        ("IL-2", "IL-23 and IL-2.", ["IL-2"]),
        ("cafe", "cafe\u0301 and cafe", ["cafe"]),
        ("(+)-catechin", "x(+)-catechin", ["(+)-catechin"]),
        ("  aspirin\n", "aspirin", ["aspirin"]),
    ],
)
def test_exact_matches_respect_words(name: str, text: str, expected: list[str]) -> None:
    assert found(name, text) == [(piece, "exact") for piece in expected]


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("Lithium  carbonate", "lithium\n carbonate"),
        ("graft-versus-host", "graft\u2013versus\u2010host"),
        ("parkinson's", "Parkinson\u2019s"),
        ("TNF-alpha", "TNF-\u03b1"),
        ("\u03b2-blocker", "beta-blockers"),
        ("seizures", "seizure"),
        ("seizure", "seizures"),
        ("STRASSE", "stra\u00dfe"),
        ("i\u0307stanbul", "\u0130stanbul"),
        ("caf\u00e9", "cafe\u0301"),
        ("fibrosis", "\ufb01bro\u00adsis"),
    ],
)
def test_the_same_name_written_otherwise_is_found(name: str, piece: str) -> None:
    text = f"\U0001d4b3\u0130\u00df then {piece}, then nothing"
    assert found(name, text) == [(piece, "normalised")]


def test_an_exact_match_brings_its_other_spellings() -> None:
    text = "Aspirin helps; aspirin harms; ASPIRIN."
    assert [alignment for _, alignment in found("aspirin", text)] == ["normalised", "exact", "normalised"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "anything"),
        (" \u200b ", "anything"),
        ("-", "a-b"),
        ("aspirin", ""),
        ("ALL", "all of them"),
        ("E", "e.g. this"),
        ("AIDS", "aid"),
        ("gas", "ga"),
        ("lpha", "\u03b1"),
        ("stras", "stra\u00df"),
        ("hepatitis B", "hepatitis C"),
        ("interleukin-1", "interleukin-2"),
        ("hyperparathyroidism", "hypoparathyroidism"),
        ("valine", "saline"),
    ],
)
def test_another_name_is_not_found(name: str, text: str) -> None:
    assert locate(name, text) == ()


def test_a_near_miss_is_found_within_its_bound() -> None:
    text = "He had haemorrhagic gastritis and then hemorrhagic gastritis again."
    assert found("hemorragic gastritis", text) == [
        ("haemorrhagic gastritis", "fuzzy"),
        ("hemorrhagic gastritis", "fuzzy"),
    ]
    assert locate("hemorragic gastritis", text, max_distance_ratio=0.0) == ()


@pytest.mark.parametrize("last", ["", "\u03b1"])
def test_a_long_text_is_searched_in_linear_time(last: str) -> None:
    text = "the patient received carbamazepine and had tachycardia. " * 18_000 + last
    started = time.process_time()
    locate("carbamazepine induced ventricular arrhythmia", text)
    assert time.process_time() - started < 10, "two orders of magnitude above the usual time"
