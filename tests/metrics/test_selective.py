"""Risk-coverage curves and reliability bins."""

import doctest
import math
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics import selective
from apothecary.metrics.calibration import expected_calibration_error
from apothecary.metrics.selective import (
    aurc,
    coverage_at_risk,
    equal_mass_bins,
    equal_width_bins,
    excess_aurc,
    risk_coverage,
    wilson,
)

PROBABILITIES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.95, 1.0]) | st.floats(0, 1)
JUDGED = st.lists(st.tuples(PROBABILITIES, st.booleans()), min_size=1, max_size=40)


@given(JUDGED)
def test_the_last_point_takes_everything(judged: list[tuple[float, bool]]) -> None:
    last = risk_coverage(judged)[-1]
    wrong = sum(not right for _, right in judged)
    assert (last.coverage, last.risk, last.taken) == (1.0, wrong / len(judged), len(judged))


@given(JUDGED)
def test_points_fall_in_threshold_and_grow_in_coverage(judged: list[tuple[float, bool]]) -> None:
    points = risk_coverage(judged)
    assert [p.threshold for p in points] == sorted({c for c, _ in judged}, reverse=True)
    assert all(a.coverage < b.coverage for a, b in pairwise(points))


@given(JUDGED)
def test_the_order_of_the_input_changes_no_figure(judged: list[tuple[float, bool]]) -> None:
    turned = judged[::-1]
    assert risk_coverage(turned) == risk_coverage(judged)
    assert aurc(turned) == aurc(judged)


@given(JUDGED)
def test_the_area_lies_between_that_of_the_best_and_the_worst_order(judged: list[tuple[float, bool]]) -> None:
    area, excess = aurc(judged), excess_aurc(judged)
    worst = aurc([(0.0 if right else 1.0, right) for _, right in judged])
    assert area is not None
    assert excess is not None
    assert worst is not None
    assert 0 <= excess <= area <= worst + 1e-12


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.8]), st.booleans()), min_size=1, max_size=5))
def test_ties_count_as_the_mean_over_their_orders(judged: list[tuple[float, bool]]) -> None:
    areas = []
    for order in permutations(judged):
        ranked = sorted(order, key=lambda each: -each[0])
        risks = [sum(not r for _, r in ranked[:k]) / k for k in range(1, len(ranked) + 1)]
        areas.append(math.fsum(risks) / len(ranked))
    area = aurc(judged)
    assert area == pytest.approx(math.fsum(areas) / len(areas))


def test_a_perfect_ranking_has_no_excess() -> None:
    assert excess_aurc([(0.9, True), (0.8, True), (0.1, False)]) == 0.0
    assert aurc([(0.9, True), (0.8, True), (0.1, False)]) == pytest.approx(1 / 9)


@given(JUDGED, st.floats(0, 1))
def test_a_cut_at_a_risk_keeps_it(judged: list[tuple[float, bool]], risk: float) -> None:
    coverage = coverage_at_risk(judged, risk)
    risks = {point.coverage: point.risk for point in risk_coverage(judged)}
    assert coverage == 0.0 or risks[coverage] <= risk
    assert all(r > risk for c, r in risks.items() if c > coverage)


def test_without_cases_there_is_no_curve() -> None:
    assert risk_coverage([]) == []
    assert aurc([]) is None
    assert excess_aurc([]) is None
    assert coverage_at_risk([], 0.5) == 0.0
    assert equal_width_bins([]) == equal_mass_bins([]) == []


@given(JUDGED, st.integers(1, 12))
def test_bins_hold_every_case_once(judged: list[tuple[float, bool]], bins: int) -> None:
    for found in (equal_width_bins(judged, bins), equal_mass_bins(judged, bins)):
        assert 1 <= len(found) <= bins
        assert sum(each.count for each in found) == len(judged)
        assert sum(each.share * each.count for each in found) == pytest.approx(sum(r for _, r in judged))
        assert all(each.low - 1e-9 <= each.mean <= each.high + 1e-9 for each in found)
        assert all(a.high <= b.low for a, b in pairwise(found))


@given(JUDGED)
def test_bins_of_equal_mass_part_no_equal_probabilities(judged: list[tuple[float, bool]]) -> None:
    found = equal_mass_bins(judged, 4)
    assert all(a.high < b.low for a, b in pairwise(found))


def test_bins_of_equal_mass_are_equally_full_without_ties() -> None:
    judged = [(place / 100, place % 3 == 0) for place in range(100)]
    assert [each.count for each in equal_mass_bins(judged, 4)] == [25, 25, 25, 25]


@given(JUDGED)
def test_equal_bins_give_the_calibration_error(judged: list[tuple[float, bool]]) -> None:
    gaps = [abs(each.mean - each.share) * each.count for each in equal_width_bins(judged)]
    expected = expected_calibration_error([p for p, _ in judged], [r for _, r in judged])
    assert math.fsum(gaps) / len(judged) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_wilson_interval_holds_its_share(true: int, false: int) -> None:
    low, high = wilson(true, true + false)
    share = true / (true + false) if true + false else 0.5
    assert 0 <= low <= share <= high <= 1
    assert low < high


def test_what_is_no_confidence_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be ranked"):
        risk_coverage([(math.nan, True)])
    with pytest.raises(DataError, match="no probability"):
        equal_width_bins([(1.5, True)])
    with pytest.raises(UsageError, match="bins"):
        equal_mass_bins([(0.5, True)], 0)
    with pytest.raises(UsageError, match="does not exist"):
        coverage_at_risk([(0.5, True)], 2.0)
    with pytest.raises(UsageError, match="no share"):
        wilson(3, 2)


def test_docstring_examples_hold() -> None:
    result = doctest.testmod(selective)
    assert (result.attempted, result.failed) == (4, 0)
