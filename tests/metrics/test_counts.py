"""Counts: figures, conventions, averages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.metrics.counts import Counts, by_label, macro, of_sets, total

COUNTS = st.builds(Counts, *[st.integers(0, 1000)] * 3)


def test_figures_by_hand() -> None:
    counts = Counts(tp=3, fp=1, fn=2)
    assert (counts.precision, counts.recall) == (0.75, 0.6)
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))


@pytest.mark.parametrize("counts", [Counts(), Counts(fp=3), Counts(fn=3)])
def test_zero_denominators_never_flatter(counts: Counts) -> None:
    assert (counts.precision, counts.recall, counts.f1) == (0.0, 0.0, 0.0)


@given(COUNTS)
def test_figures_lie_between_0_and_1_and_f1_between_its_parts(counts: Counts) -> None:
    assert 0 <= counts.precision <= 1
    assert 0 <= counts.recall <= 1
    low, high = sorted((counts.precision, counts.recall))
    assert low - 1e-12 <= counts.f1 <= high + 1e-12


@given(COUNTS)
def test_f1_is_symmetric_in_gold_and_prediction(counts: Counts) -> None:
    assert counts.f1 == Counts(counts.tp, counts.fn, counts.fp).f1


@given(st.lists(COUNTS))
def test_total_is_the_sum_in_any_order(members: list[Counts]) -> None:
    assert total(members) == total(reversed(members)) == sum(members, Counts())


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_sets_are_compared_once_per_member(gold: list[int], predicted: list[int]) -> None:
    counts = of_sets(gold, predicted)
    assert counts == of_sets(gold * 2, predicted * 2)
    assert counts.tp + counts.fn == len(set(gold))
    assert counts.tp + counts.fp == len(set(predicted))


def test_by_label_sums_and_sorts() -> None:
    rows = [{"b": Counts(tp=1)}, {"a": Counts(fp=1), "b": Counts(fn=1)}, {}]
    assert list(by_label(rows).items()) == [("a", Counts(fp=1)), ("b", Counts(tp=1, fn=1))]


def test_macro_passes_over_empty_members_and_keeps_invented_labels() -> None:
    assert macro([Counts(tp=1), Counts(fp=1), Counts()]) == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert macro([Counts()]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_figures_are_not_rounded() -> None:
    assert Counts(tp=1, fp=2).figures()["precision"] == 1 / 3
