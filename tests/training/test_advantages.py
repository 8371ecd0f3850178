"""Advantages of a group, and of the tokens of its completions."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.training.advantages import Advantages, Estimator, Rule, advantages, deviations, spread

ESTIMATORS: tuple[Estimator, ...] = ("outcome", "flame", "return_to_go", "per_step")
VALUES = st.floats(-2, 2)
STEPS = st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=5)
SAMPLE = Rule(deviation="sample", epsilon=1e-4)


@settings(deadline=None)
@given(STEPS, st.sampled_from(ESTIMATORS))
def test_every_line_gets_one_finite_figure(steps: list[list[float]], estimator: Estimator) -> None:
    found = advantages([sum(each) for each in steps], steps, Rule(estimator))
    assert [len(each.lines) for each in found] == [len(each) for each in steps]
    assert all(math.isfinite(figure) for each in found for figure in (each.outcome, *each.lines))


@settings(deadline=None)
@given(VALUES, st.integers(1, 6), st.sampled_from(ESTIMATORS), st.sampled_from([Rule(), SAMPLE]))
def test_a_group_of_equals_learns_nothing_from_the_outcome(
    total: float, size: int, estimator: Estimator, rule: Rule
) -> None:
    rule = Rule(estimator, 0.5, rule.deviation, rule.epsilon)
    found = advantages([total] * size, [[total]] * size, rule)
    assert {each.outcome for each in found} == {0.0}
    # Raw step rewards are not compared with those of the group.
    assert {each.lines for each in found} == {(0.5 * total if estimator == "flame" else 0.0,)}


def test_rounding_is_no_difference() -> None:
    assert deviations([0.1 + 0.2, 0.3], Rule()) == [0.0, 0.0]


@settings(deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=8))
def test_deviations_have_mean_zero(values: list[float]) -> None:
    assert sum(deviations(values, Rule())) == pytest.approx(0, abs=1e-6)
    assert sum(deviations(values, SAMPLE)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("estimator", "lines"),
    [
        ("outcome", [(1.0, 1.0), (-1.0,)]),
        ("flame", [(1.25, 1.25), (-1.0,)]),
        # Steps .5, .5, 0: mean 1/3, deviation sqrt(1/18).
        ("per_step", [(1 + 0.5 * math.sqrt(0.5),) * 2, (-1 - math.sqrt(0.5),)]),
        # To go 1, .5, 0: mean .5, deviation sqrt(1/6).
        ("return_to_go", [(math.sqrt(1.5), 0.0), (-math.sqrt(1.5),)]),
    ],
)
def test_estimators_on_a_group_of_two(estimator: Estimator, lines: list[tuple[float, ...]]) -> None:
    found = advantages([1.0, 0.0], [[0.5, 0.5], [0.0]], Rule(estimator))
    assert [each.outcome for each in found] == [1.0, -1.0]
    for each, expected in zip(found, lines, strict=True):
        assert each.lines == pytest.approx(expected)


def test_tokens_belong_to_the_line_in_which_they_begin() -> None:
    # "ab\ncd", its tokens "a", "b\n", "cd", and the end of the sequence.
    given = Advantages(0.0, (1.0, 2.0))
    assert spread(given, [(0, 3), (3, 5)], [(0, 1), (1, 3), (3, 5), (5, 5)]) == [1.0, 1.0, 2.0, 0.0]


def test_blank_lines_and_empty_completions_get_the_outcome() -> None:
    assert spread(Advantages(0.5, (1.0,)), [(1, 2)], [(0, 1), (1, 2), (2, 3)]) == [0.5, 1.0, 0.5]
    assert spread(Advantages(0.5, ()), [], [(0, 0)]) == [0.5]


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(UsageError, match="2 totals and the steps of 1"):
        advantages([1.0, 2.0], [[1.0]])
    with pytest.raises(UsageError, match="1 lines, and advantages of 0"):
        spread(Advantages(0.0, ()), [(0, 1)], [])


def test_no_group_has_no_advantages() -> None:
    assert advantages([], []) == []
