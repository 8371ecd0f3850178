"""Thresholds and ranking, against brute force."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics.counts import Counts
from apothecary.metrics.thresholds import fit_threshold, roc_auc

# Few distinct scores, so that ties are common.
SCORED = st.lists(st.tuples(st.sampled_from([-2.5, -1.0, 0.0, 0.25, 0.5, 3.0]), st.booleans()), max_size=25)
FINE = st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.booleans()), max_size=12)


def counts_at(scored: list[tuple[float, bool]], value: float, extra_fn: int = 0) -> Counts:
    accepted = [truth for score, truth in scored if score >= value]
    missed = sum(truth for score, truth in scored if score < value)
    return Counts(sum(accepted), len(accepted) - sum(accepted), missed + extra_fn)


@given(SCORED | FINE, st.integers(0, 3))
def test_no_threshold_is_better_and_no_higher_one_as_good(
    scored: list[tuple[float, bool]], extra_fn: int
) -> None:
    fitted = fit_threshold(scored, extra_fn=extra_fn)
    lowest = min((score for score, _ in scored if score >= fitted.value), default=math.inf)
    for score, _ in scored:
        rival = counts_at(scored, score, extra_fn).f1
        assert rival <= fitted.f1
        assert score <= lowest or rival < fitted.f1 or fitted.f1 == 0


@given(SCORED | FINE, st.integers(0, 3))
def test_the_figures_are_those_at_the_threshold(scored: list[tuple[float, bool]], extra_fn: int) -> None:
    fitted = fit_threshold(scored, extra_fn=extra_fn)
    counts = counts_at(scored, fitted.value, extra_fn)
    assert (fitted.f1, fitted.precision, fitted.recall) == (counts.f1, counts.precision, counts.recall)
    assert (fitted.n, fitted.positives) == (len(scored), sum(truth for _, truth in scored))


def test_the_value_lies_midway_between_neighbours() -> None:
    assert fit_threshold([(4.0, True), (2.0, False)]).value == 3.0


def test_accepting_everything_stops_at_the_lowest_score_seen() -> None:
    assert fit_threshold([(4.0, True), (2.0, True)]).value == 2.0


def test_among_equals_the_higher_threshold_wins() -> None:
    # Of two positives: one of one accepted has F1 2/3, and so have two of four.
    scored = [(0.9, True), (0.8, False), (0.7, False), (0.6, True)]
    assert counts_at(scored, 0.9).f1 == counts_at(scored, 0.6).f1
    assert fit_threshold(scored).value == pytest.approx(0.85)


@pytest.mark.parametrize("scored", [[], [(1.0, False)], [(1.0, False), (math.pi, False)]])
def test_without_positives_nothing_is_accepted(scored: list[tuple[float, bool]]) -> None:
    fitted = fit_threshold(scored, extra_fn=2)
    assert (fitted.value, fitted.f1, fitted.precision, fitted.recall) == (math.inf, 0.0, 0.0, 0.0)


def test_neighbouring_floats_stay_apart() -> None:
    high, low = math.nextafter(1.0, 2.0), 1.0
    assert fit_threshold([(high, True), (low, False)]).value == high


def test_positives_never_scored_lower_the_recall() -> None:
    fitted = fit_threshold([(1.0, True)], extra_fn=3)
    assert (fitted.recall, fitted.positives) == (0.25, 1)


@given(SCORED)
def test_auc_is_the_share_of_won_comparisons(scored: list[tuple[float, bool]]) -> None:
    right = [score for score, truth in scored if truth]
    wrong = [score for score, truth in scored if not truth]
    wins = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    auc = roc_auc(scored)
    assert auc == (pytest.approx(sum(wins) / len(wins)) if wins else None)


@given(SCORED)
def test_reversing_the_scores_mirrors_the_auc(scored: list[tuple[float, bool]]) -> None:
    auc, mirrored = roc_auc(scored), roc_auc([(-score, truth) for score, truth in scored])
    assert auc is None or auc + (mirrored or 0.0) == pytest.approx(1.0)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_refused(score: float) -> None:
    with pytest.raises(DataError, match="cannot be ranked"):
        fit_threshold([(score, True)])
    with pytest.raises(DataError, match="cannot be ranked"):
        roc_auc([(score, True)])


def test_a_negative_number_of_missed_positives_is_refused() -> None:
    with pytest.raises(UsageError, match="extra_fn"):
        fit_threshold([], extra_fn=-1)
