"""The release's DrugComb score."""

from __future__ import annotations

import doctest
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError
from apothecary.metrics import release_nary
from apothecary.metrics.nary import pooled
from apothecary.metrics.release_nary import (
    LABELS,
    VIEWS,
    AnswerErrors,
    Item,
    document_credits,
    read_gold,
    read_predicted,
    score_lines,
)

AB = ("a", "b")
NONE: Item = ("NO_COMB", ())
ITEMS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sets(st.sampled_from("abcd")).map(lambda s: tuple(sorted(s)))),
    max_size=4,
)
DOCUMENTS = st.lists(st.tuples(ITEMS, ITEMS), max_size=3)


def f1s(*documents: tuple[list[Item], list[Item]]) -> tuple[float, ...]:
    found = [document_credits(*each) for each in documents]
    return tuple(round(100 * pooled(each[view] for each in found).f1, 2) for view in VIEWS)


def test_docstring_examples_hold() -> None:
    result = doctest.testmod(release_nary)
    assert result.attempted > 0
    assert result.failed == 0


def test_silence_is_a_hit_where_gold_is_silent() -> None:
    assert f1s(([NONE], [NONE])) == (100, 100, 100, 100)
    assert f1s(([NONE], [NONE]), ([("POS", AB)], [NONE])) == (50, 50, 50, 50)


def test_an_empty_list_is_not_silence() -> None:
    assert f1s(([NONE], [])) == (0, 0, 0, 0)
    assert f1s(([NONE], []), ([("POS", AB)], [("POS", AB)])) == (66.67, 66.67, 66.67, 66.67)


def test_the_other_class_counts_and_confusing_its_members_is_free() -> None:
    assert f1s(([("NEG", AB)], [("COMB", AB)])) == (100, 100, 100, 100)
    assert f1s(([("NEG", AB)], [("POS", AB)])) == (0, 0, 100, 100)
    assert f1s(([("NEG", AB)], [("NO_COMB", AB)])) == (100, 100, 0, 0)


def test_a_partial_match_needs_two_shared_drugs() -> None:
    assert f1s(([("POS", ("a", "b", "c"))], [("POS", AB)])) == (0, 66.67, 0, 66.67)
    assert f1s(([("POS", ("a", "c"))], [("POS", AB)])) == (0, 0, 0, 0)


def test_repeats_collapse() -> None:
    once = document_credits([("POS", AB)], [("POS", AB)])
    assert document_credits([("POS", AB)] * 2, [("POS", AB)] * 3) == once


@given(DOCUMENTS)
def test_the_score_equals_that_of_pairing_everything_with_everything(
    documents: list[tuple[list[Item], list[Item]]],
) -> None:
    found = [document_credits(*each) for each in documents]
    gold = [(n, *item) for n, each in enumerate(documents) for item in each[0]]
    predicted = [(n, *item) for n, each in enumerate(documents) for item in each[1]]
    for view, (ones, exact) in VIEWS.items():
        ours = pooled(each[view] for each in found)
        assert ours.recall == pytest.approx(naive(gold, predicted, ones, exact))
        assert ours.precision == pytest.approx(naive(predicted, gold, ones, exact))


Flat = list[tuple[int, str, tuple[str, ...]]]


def naive(ours: Flat, others: Flat, ones: frozenset[str], exact: bool) -> float:
    best: dict[tuple[int, tuple[str, ...], bool], float] = {}
    for doc, label, drugs in ours:
        key = (doc, drugs, label in ones)
        best.setdefault(key, 0.0)
        for other, given_label, given_drugs in others:
            one, two = set(drugs), set(given_drugs)
            jaccard = len(one & two) / len(one | two) if one | two else 1.0
            matched = jaccard == 1 or (not exact and len(one & two) >= 2)
            if other == doc and matched and (given_label in ones) == key[2]:
                best[key] = max(best[key], jaccard)
    return sum(best.values()) / max(len(best), 1)


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        ("[]", (0, 0, 0)),
        ("no list", (1, 0, 0)),
        ("", (1, 0, 0)),
        (None, (1, 0, 0)),
        ({"type": "POS"}, (1, 0, 0)),
        ("<answer>[]</answer>", (1, 0, 0)),
        ("[{'type': 'NO_COMB', 'ent_set': []}]", (1, 0, 0)),
        ([3, "x"], (2, 0, 0)),
        ([{"type": "pos", "ent_set": ["a", "b"]}], (0, 1, 0)),
        ([{"ent_set": ["a", "b"]}, {"type": 3}], (0, 2, 0)),
        ([{"type": "POS"}], (0, 0, 1)),
        ([{"type": "POS", "ent_set": "ab"}], (0, 0, 1)),
        ([{"type": "POS", "ent_set": ["a", 1]}], (0, 0, 1)),
        ([{"type": "POS", "ent_set": ["a", " A "]}], (0, 0, 1)),
        ([{"type": "NO_COMB", "ent_set": ["a"]}], (0, 0, 0)),
        ("[" * 100_000, (1, 0, 0)),
    ],
)
def test_errors_are_told_apart(answer: object, errors: tuple[int, int, int]) -> None:
    assert read_predicted(answer)[1] == AnswerErrors(*errors)


def test_sound_items_beside_a_faulty_one_still_count() -> None:
    answer = json.dumps([{"type": "X"}, {"type": "POS", "ent_set": ["B  x", "a", "", "A"]}])
    assert read_predicted(answer) == ([("POS", ("a", "b x"))], AnswerErrors(relation_type=1))


def test_an_escaped_answer_is_read_on_the_second_try() -> None:
    assert read_predicted(r"[{\"type\": \"NO_COMB\", \"ent_set\": []}]") == ([NONE], AnswerErrors())
    assert read_predicted("\\d") == ([], AnswerErrors(structural=1))


def test_gold_is_read_as_there() -> None:
    assert read_gold(None) == read_gold({}) == read_gold("[]") == []
    assert read_gold([{}, 3, {"type": "POS", "ent_set": None}]) == [NONE]
    for bad in ("<think>", [{"type": "pos"}]):
        with pytest.raises(DataError):
            read_gold(bad)


def test_a_file_of_the_release_is_scored_line_by_line() -> None:
    pos = '[{"type": "POS", "ent_set": ["a", "b"]}]'
    lines = [
        json.dumps({"labels": pos, "response": pos}),
        json.dumps({"label": pos, "predict": "[]"}),
        "",
        "broken",
    ]
    scores, errors, total = score_lines(lines)
    assert (errors, total) == (AnswerErrors(structural=1), 3)
    assert (scores["any_exact"].precision, scores["any_exact"].recall) == (1.0, 0.5)


@pytest.mark.parametrize("line", ["[]", '{"labels": "x"}'])
def test_bad_gold_of_a_file_is_an_error_with_its_line(line: str) -> None:
    with pytest.raises(DataError, match="^line 2: "):
        score_lines(["{}", line])
