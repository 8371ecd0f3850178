"""Candidate sets of drugs, and the choice among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.networks.sets import MAX_ARITY, candidate_sets, choose_sets


@given(st.integers(0, 8))
def test_of_few_drugs_every_set_is_a_candidate(count: int) -> None:
    found = candidate_sets(count)
    assert len(set(found)) == len(found) == max(0, 2**count - count - 1)


@given(st.integers(0, 40), st.integers(1, 400))
def test_candidates_are_bounded_distinct_and_in_order(count: int, most: int) -> None:
    found = candidate_sets(count, most=most)
    assert len(set(found)) == len(found) <= max(most, 1)
    assert all(2 <= len(chosen) <= MAX_ARITY and list(chosen) == sorted(set(chosen)) for chosen in found)


@pytest.mark.parametrize("count", [9, 11])
def test_the_whole_list_of_drugs_is_a_candidate(count: int) -> None:
    assert tuple(range(count)) in candidate_sets(count)


def test_a_set_that_shares_two_drugs_with_a_surer_one_is_left_out() -> None:
    sets = [(0, 1), (0, 1, 2), (1, 2), (0, 3)]
    assert choose_sets(sets, [0.6, 0.9, 0.8, 0.7], 0.5) == [1, 3]


def test_below_the_threshold_nothing_is_chosen() -> None:
    assert choose_sets([(0, 1)], [0.4], 0.5) == []
