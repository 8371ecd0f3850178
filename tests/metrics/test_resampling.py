"""Resampling of documents with columns of numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics.bootstrap import bootstrap
from apothecary.metrics.counts import Counts
from apothecary.metrics.paired import randomization_test
from apothecary.metrics.resampling import drawn_sums, exchanged_sums, interval, ratio_f1

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8)


@given(ROWS)
def test_every_resample_has_as_many_documents(rows: list[tuple[int, int]]) -> None:
    sums = drawn_sums([(1, *row) for row in rows], resamples=20, seed=1)
    assert (sums[:, 0] == len(rows)).all()
    assert sums[:, 1].max() <= len(rows) * max(row[0] for row in rows)


@given(ROWS)
def test_the_order_of_documents_does_not_matter(rows: list[tuple[int, int]]) -> None:
    assert (drawn_sums(rows, resamples=5, seed=3) == drawn_sums(rows[::-1], resamples=5, seed=3)).all()


@given(ROWS)
def test_exchanging_keeps_the_sum_of_both(rows: list[tuple[int, int]]) -> None:
    left, right = exchanged_sums(rows, rows[::-1], resamples=10, seed=2)
    assert (left + right == 2 * np.sum(rows, axis=0)).all()


def test_the_interval_is_that_of_drawing_documents_one_by_one() -> None:
    units = [n % 3 for n in range(300)]
    means = drawn_sums([(unit,) for unit in units], resamples=4000, seed=0)[:, 0] / 300
    slow = bootstrap(units, lambda drawn: sum(drawn) / len(drawn), resamples=1000, seed=0)
    fast = interval(slow.value, means)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=0.01)


def test_the_exchange_is_that_of_the_randomization_test() -> None:
    a, b = [Counts(1, 0, 0)] * 12 + [Counts(0, 1, 1)] * 8, [Counts(1, 0, 0)] * 5 + [Counts(0, 1, 1)] * 15
    rows = [[(c.tp + c.fn, c.tp, c.tp + c.fp, c.tp) for c in side] for side in (a, b)]
    left, right = exchanged_sums(*rows, resamples=4000, seed=0)
    gaps = np.abs(ratio_f1(left)[2] - ratio_f1(right)[2])
    p = float((gaps >= 7 / 20 - 1e-12).mean())
    assert p == pytest.approx(randomization_test(a, b, seed=0, resamples=4000), abs=0.02)


def test_figures_over_nothing_are_zero() -> None:
    figures = ratio_f1(np.array([[0.0, 0, 0, 0], [2, 1, 4, 2]]))
    assert [float(each[0]) for each in figures] == [0, 0, 0]
    assert [float(each[1]) for each in figures] == [0.5, 0.5, 0.5]


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(DataError, match="no units"):
        drawn_sums([], seed=0)
    with pytest.raises(UsageError, match="0 resamples"):
        drawn_sums([(1,)], resamples=0, seed=0)
    with pytest.raises(DataError, match="cannot be paired"):
        exchanged_sums([(1,)], [], seed=0)
