"""Resampling of patients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics.clusters import clustered, drawn_clusters, swapped_clusters

ROWS = np.random.default_rng(3).random((40, 2))


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_clustering_keeps_the_sums(owners: list[str]) -> None:
    rows = np.arange(2.0 * len(owners)).reshape(-1, 2)
    sums = clustered(rows, owners)
    assert len(sums) == len(set(owners))
    assert sums.sum(axis=0) == pytest.approx(rows.sum(axis=0))
    assert sums[0] == pytest.approx(
        sum(row for row, owner in zip(rows, owners, strict=True) if owner == owners[0])
    )


def test_draws_spread_around_the_whole() -> None:
    drawn = drawn_clusters(ROWS, resamples=400, seed=1)
    assert drawn.mean(axis=0) == pytest.approx(ROWS.sum(axis=0), rel=0.03)
    assert drawn.std(axis=0) == pytest.approx(ROWS.std(axis=0) * np.sqrt(40), rel=0.15)
    assert np.array_equal(drawn, drawn_clusters(ROWS, resamples=400, seed=1))


def test_draws_of_two_systems_are_of_the_same_patients() -> None:
    ones = [drawn_clusters(each, resamples=5, seed=7) for each in (ROWS, ROWS + 1)]
    assert ones[1] - ones[0] == pytest.approx(np.full((5, 2), 40.0))


def test_swapping_keeps_the_sum_of_both() -> None:
    other = ROWS[::-1] * 2
    left, right = swapped_clusters(ROWS, other, resamples=50, seed=0)
    assert left + right == pytest.approx(np.tile((ROWS + other).sum(axis=0), (50, 1)))
    assert (left - right).mean() == pytest.approx(0, abs=6)


def test_equal_systems_stay_equal() -> None:
    left, right = swapped_clusters(ROWS, ROWS, resamples=3, seed=0)
    assert left == pytest.approx(right)


def test_no_patients_no_resamples_and_other_patients_are_refused() -> None:
    with pytest.raises(DataError, match="no units"):
        drawn_clusters(np.zeros((0, 2)), seed=0)
    with pytest.raises(UsageError, match="0 resamples"):
        drawn_clusters(ROWS, resamples=0, seed=0)
    with pytest.raises(DataError, match="other patients"):
        swapped_clusters(ROWS, ROWS[1:], seed=0)
