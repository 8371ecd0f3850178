"""Slope, intercept and threshold that are fitted for an engine, against figures that are worked out by hand.

All scores are either .9 or .2, so that the fitted curve passes through two points: for each score the mean of
Platt's targets, which are (n + 1) / (n + 2) for what was given (n times) and 1 / (m + 2) for the rest (m).
"""

import math

import pytest

from apothecary.tasks.list_asking import load_asking

HIGH, LOW = "abc", "def"


def fitted(*gold: str) -> dict[str, float]:
    """A fit over visits of which the drugs in `HIGH` are scored .9 and those in `LOW` .2."""
    asking = load_asking("medication")
    assert asking is not None
    scores = {**dict.fromkeys(HIGH, 0.9), **dict.fromkeys(LOW, 0.2)}
    visits = [(f"g:{n}", {"visit_id": f"v{n}", "gold": list(names)}) for n, names in enumerate(gold)]
    said = [(f"p:{n}", {"visit_id": f"v{n}", "drugs": [], "scores": scores}) for n in range(len(gold))]
    return asking.fit(visits, said)  # type: ignore[return-value]


def logit(chance: float) -> float:
    return math.log(chance / (1 - chance))


def test_the_threshold_lies_below_the_better_drugs_where_they_alone_make_the_best_lists() -> None:
    """5 of 12 were given, of the better ones 4 of 6, of the others 1 of 6; z was never scored.

    The better ones become (4 * 6/7 + 2 * 1/9) / 6 = .6085, the others (6/7 + 5 * 1/9) / 6 = .2354. Listing
    the better ones has the overlaps 2/5 and 2/3, listing all 3/7 and 2/6.
    """
    found = fitted("abdz", "ac")
    assert found["fitted_threshold"] == 0.60
    assert found["jaccard"] == pytest.approx((2 / 5 + 2 / 3) / 2)
    better, worse = (4 * 6 / 7 + 2 / 9) / 6, (6 / 7 + 5 / 9) / 6
    slope = (logit(better) - logit(worse)) / (logit(0.9) - logit(0.2))
    assert found["slope"] == pytest.approx(slope, abs=1e-6)
    assert found["intercept"] == pytest.approx(logit(better) - slope * logit(0.9), abs=1e-6)
    assert found["visits"] == 2


def test_the_threshold_lies_below_all_drugs_where_most_were_given() -> None:
    """10 of 12 were given, of the others 4 of 6, which become (4 * 11/12 + 2 * 1/4) / 6 = .6944."""
    found = fitted("abcde", "abcdf")
    assert found["fitted_threshold"] == 0.69
    assert found["jaccard"] == pytest.approx(5 / 6)


def test_scores_that_are_wrong_way_round_are_taken_as_they_are() -> None:
    """Of equally good thresholds the highest: up to .2 all are listed (3/6), above nothing that was given."""
    found = fitted("def", "def")
    assert (found["slope"], found["intercept"]) == (1.0, 0.0)
    assert found["fitted_threshold"] in (0.19, 0.2)
    assert found["jaccard"] == pytest.approx(0.5)
