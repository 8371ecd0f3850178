"""What is said of pairs and sets without a network."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apothecary.networks.encoding import TextEncoder
from apothecary.networks.features import (
    PAIR_FEATURES,
    SET_FEATURES,
    nearest,
    pair_features,
    set_features,
    set_inputs,
    stretches,
)
from tests.tiny_encoder import tiny_tokenizer

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


def test_what_joins_two_concepts_runs_from_a_mention_to_the_next_of_the_other_side() -> None:
    assert stretches([(0, 5), (600, 605)], [(20, 24), (300, 304)]) == [(0, 24)]


@given(SPANS, SPANS)
def test_what_joins_is_the_same_whichever_side_is_named_first(
    heads: list[tuple[int, int]], tails: list[tuple[int, int]]
) -> None:
    apart = [span for span in tails if span not in heads]
    assert stretches(heads, apart) == stretches(apart, heads)


def test_around_a_set_are_the_lines_of_all_its_mentions(tmp_path: Path) -> None:
    text = "the drug\naspirin the\ndrug lithium\nthe"
    encoded = TextEncoder(tiny_tokenizer(tmp_path)).encode(text)
    inputs = set_inputs(encoded, text, [(9, 16), (26, 33)], [(0, 1)])
    around = np.flatnonzero(inputs["around"][0])
    assert (encoded.starts[around[0]], encoded.ends[around[-1]]) == (9, 33)
    assert len(around) == around[-1] - around[0] + 1
