"""The release's DDI score."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError
from apothecary.metrics import pairs_ddi
from apothecary.metrics.counts import Counts, total
from apothecary.metrics.pairs_ddi import (
    NONE,
    TYPES,
    Pair,
    document_counts,
    figures,
    pair_counts,
    read_gold,
    read_predicted,
)

AB: Pair = ("effect", ("a", "b"))
AC: Pair = ("int", ("a", "c"))
SILENT: Pair = (NONE, ())
PAIRS = st.lists(
    st.tuples(st.sampled_from(TYPES), st.sampled_from([("a", "b"), ("a", "c"), ("b", "c")])), max_size=4
)


def test_docstring_examples_hold() -> None:
    result = doctest.testmod(pairs_ddi)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("gold", "predicted", "counts"),
    [
        ([], [], (1, 0, 0)),
        ([SILENT], [], (1, 0, 0)),
        ([], [AB, AB], (0, 2, 1)),
        ([AB, AB, AC], [], (0, 1, 3)),
        ([AB, AB, AC], [SILENT], (0, 1, 3)),
        ([AB, AB, AC], [AB, SILENT], (1, 0, 1)),
        ([AB], [("int", ("a", "b"))], (0, 1, 1)),
        ([AB], [(NONE, ("a", "b"))], (0, 0, 1)),
        ([], [(NONE, ("a", "b"))], (0, 0, 1)),
    ],
)
def test_silence_and_repeats_count_as_there(
    gold: list[Pair], predicted: list[Pair], counts: tuple[int, int, int]
) -> None:
    assert total(document_counts(gold, predicted).values()) == Counts(*counts)


def test_macro_is_over_the_types_that_were_seen() -> None:
    found = figures([document_counts([AB], [AB]), document_counts([], []), document_counts([AC], [])])
    # effect 1, no_comb 2/3 (one fp), int 0.
    assert found["macro"]["f1"] == pytest.approx(5 / 9)
    assert found["by_type"]["int"]["support"] == 1  # type: ignore[index]
    assert found["micro"]["tp"] == 2


@given(PAIRS, PAIRS)
def test_without_silence_only_distinct_pairs_count(gold: list[Pair], predicted: list[Pair]) -> None:
    expected = {each for each in gold if each[0] != NONE}
    found = {each for each in predicted if each[0] != NONE}
    counts = Counts(len(expected & found), len(found - expected), len(expected - found))
    assert total(pair_counts(gold, predicted).values()) == counts
    if gold and predicted:
        assert total(document_counts(gold, predicted).values()) == counts


@pytest.mark.parametrize(
    ("answer", "pairs", "errors"),
    [
        ('[{"type": "Effect ", "ent_set": ["B", "a  x"]}]', [("effect", ("a x", "b"))], (0, 0, 0)),
        ("[{'type': 'int', 'ent_set': ('a', 'b')}]", [], (0, 0, 1)),
        ("I say [{'type': 'int', 'ent_set': ['a', 'c']}].", [AC], (0, 0, 0)),
        ("[] first, then [{'type': 'int', 'ent_set': ['a', 'c']}]", [], (0, 0, 0)),
        ("nothing", [], (0, 0, 0)),
        ("[{ x }] [{'type': 'int', 'ent_set': ['a', 'c']}]", [], (0, 0, 0)),
        ('{"type": "int"}', [], (1, 0, 0)),
        ("3", [], (1, 0, 0)),
        (None, [], (1, 0, 0)),
        ([3, {"type": "advice", "ent_set": ["a", "b"]}, {"type": None}], [], (1, 2, 0)),
        ([{"type": "int", "ent_set": ["a"]}, {"type": "int", "ent_set": "ab"}], [], (0, 0, 2)),
        ([{"type": "int", "ent_set": ["a", "A"]}], [("int", ("a", "a"))], (0, 0, 0)),
        ([{"type": "NO_COMB"}], [SILENT], (0, 0, 0)),
    ],
)
def test_answers_are_read_as_there(answer: object, pairs: list[Pair], errors: tuple[int, int, int]) -> None:
    found, wrong = read_predicted(answer)
    assert (found, tuple(wrong.as_dict().values())) == (pairs, errors)


@given(st.text("[]{} '\"a:1,\\\n"))
def test_any_text_is_read(text: str) -> None:
    found, errors = read_predicted(text)
    assert all(type_ in TYPES for type_, _ in found)
    assert errors.structural <= max(len(text), 1)


@pytest.mark.parametrize("text", ["[{" * 60_000, "[{" * 60_000 + "}]", "(" * 5_000, "[ " * 60_000])
def test_hostile_text_is_read_at_once(text: str) -> None:
    assert read_predicted(text)[0] == []


def test_gold_passes_over_what_is_no_pair() -> None:
    assert read_gold(None) == read_gold("x") == read_gold([3, {"type": " "}]) == []
    assert read_gold([{"type": "Int", "ent_set": ["C", "a"]}]) == [AC]
    with pytest.raises(DataError, match="type None in gold"):
        read_gold([{"type": None}])
