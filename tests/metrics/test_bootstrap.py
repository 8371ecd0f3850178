"""Percentile bootstrap over documents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics.bootstrap import Interval, bootstrap, bootstrap_counts, paired_difference
from apothecary.metrics.counts import Counts, total

COUNTS = st.builds(Counts, *[st.integers(0, 20)] * 3)


def pooled_f1(units: Sequence[Counts]) -> float:
    return total(units).f1


def some_documents(size: int, *, seed: int) -> list[Counts]:
    random = Random(seed)  # noqa: S311
    return [Counts(random.randrange(5), random.randrange(3), random.randrange(3)) for _ in range(size)]


@settings(max_examples=25, deadline=None)
@given(st.lists(COUNTS, min_size=1, max_size=20), st.integers(0, 5))
def test_the_counts_path_equals_the_general_one(units: list[Counts], seed: int) -> None:
    fast = bootstrap_counts({"x": units}, resamples=50, seed=seed)["x"]
    assert fast.f1 == bootstrap(units, pooled_f1, resamples=50, seed=seed)
    assert fast.recall == bootstrap(units, lambda each: total(each).recall, resamples=50, seed=seed)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_bounds_are_ordered_and_inside_the_data(units: list[float]) -> None:
    interval = bootstrap(units, fmean, resamples=40, seed=1)
    assert min(units) - 1e-6 <= interval.low <= interval.high <= max(units) + 1e-6


def test_a_wider_level_gives_a_wider_interval() -> None:
    units = some_documents(60, seed=0)
    narrow = bootstrap(units, pooled_f1, resamples=200, seed=3, level=0.5)
    wide = bootstrap(units, pooled_f1, resamples=200, seed=3, level=0.99)
    assert wide.low < narrow.low <= narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval_and_another_one_differs() -> None:
    units = some_documents(60, seed=0)
    first, again, other = (bootstrap_counts({"x": units}, resamples=50, seed=seed)["x"] for seed in (1, 1, 2))
    assert first == again != other


def test_columns_share_their_resamples() -> None:
    units = some_documents(30, seed=4)
    both = bootstrap_counts({"a": units, "b": units}, resamples=50, seed=0)
    assert both["a"] == both["b"]


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = Random(11)  # noqa: S311
    covered = 0
    for seed in range(100):
        sample = [random.gauss(0, 1) for _ in range(40)]
        interval = bootstrap(sample, fmean, resamples=200, seed=seed, level=0.9)
        covered += interval.low <= 0 <= interval.high
    assert 80 <= covered <= 97


def test_a_system_does_not_differ_from_itself() -> None:
    units = some_documents(30, seed=4)
    assert paired_difference(units, units, pooled_f1, resamples=50, seed=0) == Interval(0.0, 0.0, 0.0)


def test_swapping_the_systems_mirrors_the_difference() -> None:
    a, b = some_documents(30, seed=4), some_documents(30, seed=5)
    there = paired_difference(a, b, pooled_f1, resamples=51, seed=0)
    back = paired_difference(b, a, pooled_f1, resamples=51, seed=0)
    assert (there.value, there.low) == pytest.approx((-back.value, -back.high))


def test_a_constant_gain_on_every_document_is_significant() -> None:
    b = some_documents(50, seed=4)
    a = [Counts(each.tp + 1, each.fp, each.fn) for each in b]
    assert paired_difference(a, b, pooled_f1, resamples=100, seed=0).low > 0


def test_no_documents_give_zero_counts_and_no_statistic() -> None:
    assert bootstrap_counts({"x": []}, resamples=10, seed=0)["x"].f1 == Interval(0.0, 0.0, 0.0)
    with pytest.raises(DataError, match="no units"):
        bootstrap([], fmean, seed=0)


def test_documents_that_do_not_pair_are_refused() -> None:
    with pytest.raises(DataError, match="1 and 2"):
        paired_difference([1.0], [1.0, 2.0], fmean, seed=0)
    with pytest.raises(DataError, match="resampled together"):
        bootstrap_counts({"a": [Counts()], "b": []}, seed=0)


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0), (10, 95)])
def test_impossible_settings_are_refused(resamples: int, level: float) -> None:
    with pytest.raises(UsageError):
        bootstrap([1.0], fmean, resamples=resamples, seed=0, level=level)


def test_500_documents_and_4_evaluators_take_seconds_at_most() -> None:
    columns = {str(number): some_documents(500, seed=number) for number in range(4)}
    started = time.process_time()
    bootstrap_counts(columns, resamples=1000, seed=0)
    assert time.process_time() - started < 5
