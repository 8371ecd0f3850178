"""From the first token's alternatives to the log-probability of each option."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.engines.options import option_logprobs
from apothecary.errors import EngineError

odds = st.floats(-50, 0)
tops = st.lists(st.tuples(st.text("12~ab", max_size=3), odds), min_size=1, max_size=12)


@given(tops)
def test_every_option_gets_a_finite_number_in_its_order(top: list[tuple[str, float]]) -> None:
    found = option_logprobs(("1", "2", "~"), top)
    assert list(found) == ["1", "2", "~"]
    assert all(math.isfinite(value) for value in found.values())


@given(tops, st.permutations(["1", "2", "~"]))
def test_the_order_of_options_does_not_matter(top: list[tuple[str, float]], order: list[str]) -> None:
    assert option_logprobs(order, top) == option_logprobs(("1", "2", "~"), top)


@given(tops, odds)
def test_a_token_that_begins_no_option_changes_no_found_option(
    top: list[tuple[str, float]], other: float
) -> None:
    seen = [*top, ("1", -1.0), ("2", -2.0)]
    assert option_logprobs(("1", "2"), [*seen, ("zzz", other)]) == option_logprobs(("1", "2"), seen)


def test_tokens_shared_by_options_are_not_counted() -> None:
    found = option_logprobs(("yes", "yet"), [("ye", -0.1), ("y", -0.2), ("yes", -1.0), ("yet", -2.0)])
    assert found == {"yes": -1.0, "yet": -2.0}


def test_tokens_of_one_option_are_added_up() -> None:
    found = option_logprobs(("yes", "no"), [("yes", math.log(0.5)), ("y", math.log(0.25)), ("n", -3.0)])
    assert found["yes"] == pytest.approx(math.log(0.75))
    assert found["no"] == -3.0


def test_an_option_that_is_not_listed_gets_the_lowest_number() -> None:
    assert option_logprobs(("1", "2"), [("1", -0.5), ("x", -9.0)]) == {"1": -0.5, "2": -9.0}


def test_options_that_share_their_only_token_are_refused() -> None:
    with pytest.raises(EngineError, match="options 10, 11 begin with the same token"):
        option_logprobs(("10", "11", "2"), [("1", -0.5), ("2", -1.0)])


def test_no_alternatives_leave_nothing_to_tell() -> None:
    assert option_logprobs(("1",), []) == {"1": -math.inf}
