"""Scores to probabilities."""

from __future__ import annotations

import doctest
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics import calibration
from apothecary.metrics.calibration import brier, expected_calibration_error, platt, probability

SCORED = st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=1, max_size=30)


def split(scored: list[tuple[float, bool]]) -> tuple[list[float], list[bool]]:
    return [score for score, _ in scored], [outcome for _, outcome in scored]


def drawn(size: int, slope: float, intercept: float, *, seed: int) -> tuple[list[float], list[bool]]:
    random = Random(seed)  # noqa: S311
    scores = [random.gauss(0, 2) for _ in range(size)]
    return scores, [random.random() < probability(score, slope, intercept) for score in scores]


def loss(scores: list[float], outcomes: list[bool], slope: float, intercept: float) -> float:
    """Cross-entropy against the smoothed targets, from the definition."""
    positives = sum(outcomes)
    high, low = (positives + 1) / (positives + 2), 1 / (len(outcomes) - positives + 2)
    total = 0.0
    for score, outcome in zip(scores, outcomes, strict=True):
        chance, target = probability(score, slope, intercept), high if outcome else low
        total -= target * math.log(chance) + (1 - target) * math.log(1 - chance)
    return total


def test_docstring_examples_hold() -> None:
    result = doctest.testmod(calibration)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(("slope", "intercept"), [(1.5, -1.0), (0.3, 0.5), (-0.8, 0.0), (4.0, 2.0)])
def test_a_known_logistic_is_recovered(slope: float, intercept: float) -> None:
    fitted = platt(*drawn(20_000, slope, intercept, seed=7))
    assert fitted == pytest.approx((slope, intercept), rel=0.05, abs=0.06)


@settings(deadline=None)
@given(SCORED)
def test_no_neighbour_fits_better(scored: list[tuple[float, bool]]) -> None:
    scores, outcomes = split([(round(score, 1), outcome) for score, outcome in scored])
    slope, intercept = platt(scores, outcomes)
    best = loss(scores, outcomes, slope, intercept)
    for by_slope, by_intercept in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3), (1e-3, -1e-3)):
        assert loss(scores, outcomes, slope + by_slope, intercept + by_intercept) >= best - 1e-9


@settings(deadline=None)
@given(SCORED, st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=6))
def test_probabilities_rise_with_the_score_when_the_slope_is_positive(
    scored: list[tuple[float, bool]], asked: list[float]
) -> None:
    slope, intercept = platt(*split(scored))
    chances = [probability(score, slope, intercept) for score in sorted(asked)]
    assert chances == sorted(chances, reverse=slope < 0)
    assert all(0 <= chance <= 1 for chance in chances)


@settings(deadline=None)
@given(SCORED, st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_unit_of_the_scores_does_not_matter(scored: list[tuple[float, bool]], unit: float) -> None:
    scores, outcomes = split([(round(score, 1), outcome) for score, outcome in scored])
    slope, intercept = platt(scores, outcomes)
    other_slope, other_intercept = platt([score * unit for score in scores], outcomes)
    assert (other_slope * unit, other_intercept) == pytest.approx((slope, intercept))


def test_scores_that_separate_the_classes_still_give_a_finite_line() -> None:
    slope, intercept = platt([-1.0, -0.5, 0.5, 1.0], [False, False, True, True])
    assert 0 < slope < math.inf
    assert intercept == pytest.approx(0, abs=1e-9)


def test_a_class_may_be_absent_and_scores_may_be_equal() -> None:
    slope, intercept = platt([1.0, 2.0, 3.0], [True] * 3)
    assert slope == pytest.approx(0, abs=1e-9)
    assert probability(2.0, slope, intercept) == pytest.approx(4 / 5)
    assert platt([5.0, 5.0], [True, False]) == (0.0, 0.0)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_scores_fit_or_are_refused(scale: float) -> None:
    slope, intercept = platt([-scale, 0.0, 0.5 * scale, scale], [False, True, False, True])
    assert math.isfinite(slope)
    assert math.isfinite(intercept)
    with pytest.raises(DataError, match="too small"):
        platt([0.0, 5e-324], [False, True])


def test_a_calibrated_constant_has_no_calibration_error() -> None:
    assert expected_calibration_error([0.25] * 4, [True, False, False, False]) == 0.0
    assert brier([0.25] * 4, [True, False, False, False]) == pytest.approx(0.25 * 0.75)


def test_platt_lowers_the_calibration_error_of_overconfident_scores() -> None:
    scores, outcomes = drawn(4000, 0.4, -1.0, seed=3)
    raw = [probability(score, 1.0, 0.0) for score in scores]
    slope, intercept = platt(scores[:200], outcomes[:200])
    fitted = [probability(score, slope, intercept) for score in scores]
    assert expected_calibration_error(fitted, outcomes) < 0.5 * expected_calibration_error(raw, outcomes)
    assert brier(fitted, outcomes) < brier(raw, outcomes)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(1, 20))
def test_errors_are_bounded_and_one_bin_compares_the_means(
    pairs: list[tuple[float, bool]], bins: int
) -> None:
    chances, outcomes = split(pairs)
    error = expected_calibration_error(chances, outcomes, bins)
    one = expected_calibration_error(chances, outcomes, 1)
    assert one == pytest.approx(abs(sum(chances) - sum(outcomes)) / len(pairs), abs=1e-12)
    assert one - 1e-12 <= error <= 1
    assert 0 <= brier(chances, outcomes) <= 1


def test_what_cannot_be_calibrated_is_refused() -> None:
    for scores, outcomes in (([], []), ([1.0], []), ([math.nan], [True]), ([math.inf], [True])):
        with pytest.raises(DataError):
            platt(scores, outcomes)
    for measure in (brier, expected_calibration_error):
        for chances in ([], [1.5], [-0.1], [math.nan]):
            with pytest.raises(DataError):
                measure(chances, [True] * len(chances))
    with pytest.raises(UsageError):
        expected_calibration_error([0.5], [True], bins=0)
