"""Average precision, one ranking or many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from apothecary.errors import DataError
from apothecary.metrics.ranking import average_precision, average_precisions

ITEMS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, -1.0])), max_size=8)


def slowly(items: list[tuple[bool, float]], wanted_in_all: int) -> float:
    """By the definition: one threshold after the other."""
    area, before = 0.0, 0
    for threshold in sorted({score for _, score in items}, reverse=True):
        above = [wanted for wanted, score in items if score >= threshold]
        area += (sum(above) - before) / max(1, wanted_in_all) * sum(above) / len(above)
        before = sum(above)
    return area


def columns(items: list[tuple[bool, float]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return np.array([wanted for wanted, _ in items], dtype=bool), np.array(
        [score for _, score in items], dtype=float
    )


@settings(deadline=None)
@given(st.lists(ITEMS, max_size=6), st.integers(0, 3))
def test_many_rankings_are_each_as_defined(rankings: list[list[tuple[bool, float]]], missing: int) -> None:
    wanted, scores = columns([item for items in rankings for item in items])
    in_all = [sum(wanted for wanted, _ in items) + missing for items in rankings]
    sizes = np.array([len(items) for items in rankings], dtype=np.int64)
    found = average_precisions(wanted, scores, sizes, np.array(in_all, dtype=np.int64))
    expected = [slowly(items, count) for items, count in zip(rankings, in_all, strict=True)]
    assert found.tolist() == pytest.approx(expected)


@settings(deadline=None)
@given(ITEMS)
def test_only_the_order_of_scores_counts(items: list[tuple[bool, float]]) -> None:
    wanted, scores = columns(items)
    assert average_precision(wanted, scores) == average_precision(wanted, np.exp(scores))
    assert 0 <= average_precision(wanted, scores) <= 1


def test_a_perfect_ranking_is_worth_one_and_nothing_wanted_zero() -> None:
    scores = np.array([0.9, 0.8, 0.1])
    assert average_precision(np.array([True, True, False]), scores) == 1.0
    assert average_precision(np.zeros(3, dtype=bool), scores) == 0.0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="differ in number"):
        average_precision(np.array([True]), np.array([0.1, 0.2]))
    with pytest.raises(DataError, match="not finite"):
        average_precision(np.array([True]), np.array([np.nan]))
