"""Two systems on the same documents."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, UsageError
from apothecary.metrics.counts import Counts, total
from apothecary.metrics.paired import compare, randomization_test

COUNTS = st.builds(Counts, *[st.integers(0, 4)] * 3)
PAIRED = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=12)


def split(pairs: list[tuple[Counts, Counts]]) -> tuple[list[Counts], list[Counts]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


@given(PAIRED)
@settings(deadline=None)
def test_p_is_a_probability_and_never_nothing(pairs: list[tuple[Counts, Counts]]) -> None:
    assert 1 / 51 <= randomization_test(*split(pairs), seed=1, resamples=50) <= 1


@given(PAIRED)
@settings(deadline=None)
def test_which_system_comes_first_does_not_matter(pairs: list[tuple[Counts, Counts]]) -> None:
    a, b = split(pairs)
    there, back = (randomization_test(x, y, seed=3, resamples=50) for x, y in ((a, b), (b, a)))
    assert there == back


@given(PAIRED)
@settings(deadline=None)
def test_a_system_does_not_differ_from_itself(pairs: list[tuple[Counts, Counts]]) -> None:
    a, _ = split(pairs)
    found = compare(a, a, seed=0, resamples=20)
    assert found == {"f1": {"value": 0.0, "low": 0.0, "high": 0.0}, "p": 1.0}


def test_many_resamples_come_close_to_all_exchanges() -> None:
    a = [Counts(3, 1, 0), Counts(2, 0, 1), Counts(4, 1, 1), Counts(1, 1, 0), Counts(2, 2, 0)]
    b = [Counts(1, 1, 2), Counts(2, 1, 1), Counts(2, 2, 3), Counts(1, 0, 0), Counts(1, 1, 1)]
    observed = abs(total(a).f1 - total(b).f1)
    as_large = 0
    for swaps in product([False, True], repeat=len(a)):
        left = [y if swap else x for x, y, swap in zip(a, b, swaps, strict=True)]
        right = [x if swap else y for x, y, swap in zip(a, b, swaps, strict=True)]
        as_large += abs(total(left).f1 - total(right).f1) >= observed - 1e-12
    assert randomization_test(a, b, seed=7, resamples=20_000) == pytest.approx(as_large / 32, abs=0.02)


def test_equal_seeds_give_equal_figures_and_a_clear_difference_is_seen() -> None:
    good, poor = [Counts(3, 0, 0)] * 20, [Counts(0, 3, 3)] * 20
    first = compare(good, poor, seed=5, resamples=200)
    assert first == compare(good, poor, seed=5, resamples=200)
    assert first == {"f1": {"value": 1.0, "low": 1.0, "high": 1.0}, "p": 1 / 201}


def test_documents_must_be_the_same_and_resamples_some() -> None:
    with pytest.raises(DataError, match="cannot be paired"):
        randomization_test([Counts()], [], seed=0)
    with pytest.raises(UsageError, match="resamples"):
        randomization_test([Counts()], [Counts()], seed=0, resamples=0)
