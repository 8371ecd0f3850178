"""Several answers to one question: what they say together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import AnswerError, UsageError
from apothecary.tasks.relations.voting import Ballot, vote

ASSERTS = {"1": ("cause",), "2": ("cause",), "3": ("treat",), "8": (), "9": ()}
CODES = st.sampled_from(list(ASSERTS))
BALLOTS = st.lists(st.builds(Ballot, CODES), min_size=1, max_size=9)


def ballots(codes: str) -> list[Ballot]:
    return [Ballot(code) for code in codes]


def test_votes_of_one_relation_agree_whatever_their_scenario() -> None:
    found = vote(ballots("12811"), ASSERTS)
    assert (found.code, found.agreement) == ("1", 0.8)
    assert found.codes == {"1": 0.6, "2": 0.2, "8": 0.2}
    assert found.relations == {"cause": 0.8, "treat": 0.0}


def test_odds_are_counts_with_a_half_added() -> None:
    found = vote(ballots("11118"), ASSERTS)
    assert found.log_odds == {"cause": math.log(4.5 / 1.5), "treat": math.log(0.5 / 1.5)}


def test_five_of_five_are_not_certain() -> None:
    assert vote(ballots("11111"), ASSERTS).log_odds["cause"] == pytest.approx(math.log(11))


def test_a_tie_goes_to_what_asserts_less() -> None:
    assert vote(ballots("1188"), ASSERTS).code == "8"
    assert vote(ballots("13"), ASSERTS).code == "1"


@given(BALLOTS)
def test_the_order_of_answers_does_not_matter(given_: list[Ballot]) -> None:
    assert vote(given_, ASSERTS) == vote(given_[::-1], ASSERTS)


@given(BALLOTS)
def test_shares_are_shares_and_odds_are_finite(given_: list[Ballot]) -> None:
    found = vote(given_, ASSERTS)
    assert sum(found.codes.values()) == pytest.approx(1)
    assert 1 / len(given_) <= found.agreement <= 1
    assert all(math.isfinite(odds) for odds in found.log_odds.values())


@given(BALLOTS)
def test_one_more_vote_for_a_relation_never_lowers_its_odds(given_: list[Ballot]) -> None:
    before, after = (vote(each, ASSERTS).log_odds["cause"] for each in (given_, [*given_, Ballot("1")]))
    assert after > before


def test_odds_that_an_engine_told_are_averaged_as_probabilities() -> None:
    told = [Ballot("1", {"cause": math.log(3)}), Ballot("8", {"cause": -math.log(3)})]
    found = vote(told, {"1": ("cause",), "8": ()})
    assert found.log_odds["cause"] == pytest.approx(0.0)


def test_equal_odds_stay_what_they_are() -> None:
    odds = {"cause": 2.0, "treat": -3.0}
    found = vote([Ballot("1", odds)] * 3, ASSERTS)
    assert found.log_odds == pytest.approx(odds)
    assert vote([Ballot("1", {"cause": 900.0, "treat": -900.0})], ASSERTS).log_odds["treat"] == -900.0


def test_a_ballot_without_odds_counts_wholly_beside_one_with() -> None:
    found = vote([Ballot("1", {"cause": 0.0}), Ballot("1")], {"1": ("cause",), "8": ()})
    assert found.log_odds["cause"] == pytest.approx(math.log(2.0 / 1.0))


def test_no_answer_and_an_unknown_code_are_errors() -> None:
    with pytest.raises(AnswerError, match="no sampled answer"):
        vote([], ASSERTS)
    with pytest.raises(UsageError, match="'7'"):
        vote(ballots("7"), ASSERTS)
