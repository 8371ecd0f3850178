"""The official scores of drug combinations."""

from __future__ import annotations

import doctest
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.corpora.drugcomb import CombinationRow, read_rows
from apothecary.errors import DataError
from apothecary.metrics import nary
from apothecary.metrics.bootstrap import bootstrap
from apothecary.metrics.nary import Credits, pooled, score_combinations, score_documents

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "drugcomb" / "train.jsonl"

VIEWS = ("positive_exact", "positive_partial", "any_exact", "any_partial")
Sets = dict[str, list[tuple[frozenset[int], str]]]
SETS = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(
        st.tuples(
            st.frozensets(st.integers(0, 4), min_size=2), st.sampled_from(["POS", "NEG", "COMB", "NO_COMB"])
        ),
        max_size=5,
    ),
)


def f1s(gold: Sets, predicted: Sets) -> tuple[float, ...]:
    scores = score_combinations(gold, predicted)
    return tuple(round(100 * scores[view].f1, 2) for view in VIEWS)


@pytest.fixture(scope="module")
def rows() -> list[CombinationRow]:
    if not FILE.is_file():
        pytest.skip("DrugComb absent: set APOTHECARY_DATA to the folder that holds drugcomb/train.jsonl")
    return list(read_rows(FILE))


def gold_of(rows: list[CombinationRow], label: str = "") -> Sets:
    return {row.doc_id: [(frozenset(c.spans), label or c.type) for c in row.combinations] for row in rows}


def test_docstring_examples_hold() -> None:
    result = doctest.testmod(nary)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_hand_computed_document() -> None:
    gold: Sets = {"a": [(frozenset({0, 1, 2}), "POS"), (frozenset({3, 4}), "NEG")]}
    predicted: Sets = {"a": [(frozenset({0, 1}), "POS"), (frozenset({3, 4}), "POS")]}
    # Positive, exact: nothing. Positive, partial: gold 2/3 of 1; predicted 2/3 + 0 of 2.
    # Any, exact: 1 of 2 on both sides. Any, partial: (2/3 + 1) of 2 on both sides.
    assert f1s(gold, predicted) == (0.0, 44.44, 50.0, 83.33)


def test_neg_and_comb_are_one_label() -> None:
    gold: Sets = {"a": [(frozenset({0, 1}), "NEG"), (frozenset({1, 2}), "POS")]}
    predicted: Sets = {"a": [(frozenset({0, 1}), "COMB"), (frozenset({1, 2}), "POS")]}
    assert f1s(gold, predicted) == (100.0, 100.0, 100.0, 100.0)


def test_one_shared_drug_is_no_match() -> None:
    assert f1s({"a": [(frozenset({0, 1}), "POS")]}, {"a": [(frozenset({1, 2}), "POS")]}) == (0, 0, 0, 0)


def test_no_comb_and_an_absent_document_are_no_prediction() -> None:
    gold: Sets = {"a": [(frozenset({0, 1}), "POS")], "b": []}
    assert score_combinations(gold, {"b": [(frozenset(), "NO_COMB")]}) == score_combinations(gold, {})
    assert f1s(gold, {}) == f1s({}, gold) == f1s({}, {}) == (0, 0, 0, 0)


def test_a_set_is_credited_in_its_own_document_only() -> None:
    gold: Sets = {"a": [(frozenset({0, 1}), "POS")]}
    assert f1s(gold, {"b": gold["a"]}) == (0, 0, 0, 0)


def test_names_do_as_well_as_positions() -> None:
    scores = score_combinations({"a": [(("x", "y"), "POS")]}, {"a": [(["y", "x", "x"], "POS")]})
    assert scores["positive_exact"] == Credits(1, 1.0, 1, 1.0)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(DataError, match=r"document a: unknown label 'SYN' \(labels: POS"):
        score_combinations({}, {"a": [({1, 2}, "SYN")]})


@given(SETS, SETS)
def test_the_scores_equal_those_of_pairing_everything_with_everything(gold: Sets, predicted: Sets) -> None:
    scores = score_combinations(gold, predicted)
    for view in VIEWS:
        recall, precision = naive(gold, predicted, view), naive(predicted, gold, view)
        assert (scores[view].recall, scores[view].precision) == pytest.approx((recall, precision))


def naive(sets: Sets, others: Sets, view: str) -> float:
    """The mean best match, after the description of the official scorer."""
    wanted = {"POS"} if view.startswith("positive") else {"POS", "NEG", "COMB"}
    keys = {(doc, chosen) for doc, members in sets.items() for chosen, label in members if label in wanted}
    best = []
    for doc, chosen in keys:
        jaccards = [0.0]
        for other, label in others.get(doc, []):
            jaccard = len(chosen & other) / len(chosen | other)
            if label in wanted and (jaccard == 1 or (len(chosen & other) >= 2 and "partial" in view)):
                jaccards.append(jaccard)
        best.append(max(jaccards))
    return sum(best) / len(best) if best else 0.0


@given(SETS, SETS)
def test_scores_are_bounded_symmetric_and_partial_is_no_less_than_exact(gold: Sets, predicted: Sets) -> None:
    there, back = score_combinations(gold, predicted), score_combinations(predicted, gold)
    for name in ("positive", "any"):
        exact, partial = there[f"{name}_exact"], there[f"{name}_partial"]
        assert 0 <= exact.f1 <= partial.f1 <= 1
        assert back[f"{name}_partial"].f1 == pytest.approx(partial.f1)


@given(SETS, SETS)
def test_documents_add_up_to_the_whole(gold: Sets, predicted: Sets) -> None:
    documents = score_documents(gold, predicted)
    assert list(documents) == list(dict.fromkeys([*gold, *predicted]))
    whole = score_combinations(gold, predicted)
    assert all(pooled(row[view] for row in reversed(documents.values())) == whole[view] for view in whole)


def test_credits_can_be_resampled_over_documents() -> None:
    gold: Sets = {str(n): [(frozenset({0, 1}), "POS")] for n in range(30)}
    predicted: Sets = {str(n): gold[str(n)] for n in range(0, 30, 2)}
    units = [row["any_exact"] for row in score_documents(gold, predicted).values()]
    interval = bootstrap(units, lambda drawn: pooled(drawn).f1, resamples=200, seed=0)
    assert interval.value == pytest.approx(2 / 3)
    assert interval.low < interval.value < interval.high


@pytest.mark.slow
def test_time_is_linear_in_documents() -> None:
    gold: Sets = {str(n): [(frozenset({0, 1}), "POS")] for n in range(20_000)}
    started = time.process_time()
    assert f1s(gold, gold) == (100, 100, 100, 100)
    assert time.process_time() - started < 10


def test_gold_against_gold_is_perfect_and_silence_is_nothing(rows: list[CombinationRow]) -> None:
    gold = gold_of(rows)
    assert f1s(gold, gold) == (100, 100, 100, 100)
    assert f1s(gold, {document: [] for document in gold}) == (0, 0, 0, 0)


def test_gold_sets_all_typed_positive_are_perfect_in_the_view_any(rows: list[CombinationRow]) -> None:
    scores = score_combinations(gold_of(rows), gold_of(rows, label="POS"))
    assert scores["any_exact"].f1 == scores["any_partial"].f1 == 1
    assert scores["positive_exact"].recall == 1
    # 688 of the 1,039 sets are positive; official sets are of mentions, none of which repeats in a row.
    assert scores["positive_exact"].precision == 688 / 1039
