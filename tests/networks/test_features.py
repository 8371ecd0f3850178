"""What is said of pairs and sets without a network."""

from hypothesis import given
from hypothesis import strategies as st

from apothecary.networks.features import (
    PAIR_FEATURES,
    SET_FEATURES,
    nearest,
    pair_features,
    set_features,
)

SPANS = st.lists(
    st.tuples(st.integers(0, 80), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair))),
    min_size=1,
    max_size=6,
)


@given(SPANS, SPANS)
def test_the_distance_is_that_of_the_nearest_two_spans(
    heads: list[tuple[int, int]], tails: list[tuple[int, int]]
) -> None:
    every = [max(0, t[0] - h[1], h[0] - t[1]) for h in heads for t in tails]
    assert nearest(heads, tails) == min(every)


@given(SPANS, SPANS)
def test_features_have_their_number_and_about_unit_size(
    heads: list[tuple[int, int]], tails: list[tuple[int, int]]
) -> None:
    found = pair_features("tardive dyskinesia or TD " * 4, heads, tails)
    assert len(found) == PAIR_FEATURES
    assert all(0 <= value <= 2 for value in found)


def test_initials_and_parts_are_seen_in_the_spelling() -> None:
    text = "TD tardive dyskinesia"
    alike = pair_features(text, [(0, 2)], [(3, 21)])[-4:]
    apart = pair_features(text, [(0, 2)], [(3, 10)])[-4:]
    assert alike[2] == 1.0
    assert apart[2] == 0.0


@given(st.sets(st.integers(0, 14), min_size=2))
def test_a_set_has_its_six_numbers(chosen: set[int]) -> None:
    assert len(set_features(sorted(chosen), 15)) == SET_FEATURES
