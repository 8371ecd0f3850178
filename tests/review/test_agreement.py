"""Agreement: worked examples, bounds, and what is undefined."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.review.agreement import agreement_of, cohen_kappa, krippendorff_alpha

VERDICT = st.sampled_from(["accept", "reject", "edit"])


def test_kappa_of_the_worked_example() -> None:
    pairs = [("accept", "accept")] * 4 + [("reject", "reject")] * 3 + [("accept", "reject")] * 3
    found = cohen_kappa(pairs)
    assert found is not None
    assert found.value == pytest.approx(0.24 / 0.54)
    assert found.low < found.value < found.high


def test_alpha_of_a_hand_computed_example() -> None:
    # Pairs within items: 6 agree, 2 x 1/2 x ... -> o = [[4, 1], [1, 2]] over n = 8; n_c = (5, 3).
    items = [["accept", "accept"], ["accept", "accept"], ["reject", "reject"], ["accept", "reject"]]
    found = krippendorff_alpha(items)
    assert found is not None
    assert found.value == pytest.approx(1 - (2 / 8) / (2 * 5 * 3 / (8 * 7)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(VERDICT, min_size=1, max_size=4), max_size=12))
def test_alpha_is_at_most_one_and_one_only_without_a_difference(items: list[list[str]]) -> None:
    found = krippendorff_alpha(items)
    if found is not None:
        assert found.value <= 1 + 1e-12
        assert (abs(found.value - 1) < 1e-9) == all(len(set(item)) == 1 for item in items)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(VERDICT, VERDICT), min_size=1, max_size=20))
def test_kappa_does_not_care_who_is_first(pairs: list[tuple[str, str]]) -> None:
    one, other = cohen_kappa(pairs), cohen_kappa([(b, a) for a, b in pairs])
    assert (one is None) == (other is None)
    if one and other:
        assert one.value == pytest.approx(other.value)


def test_agreement_on_one_verdict_alone_is_undefined() -> None:
    assert cohen_kappa([("accept", "accept")] * 5) is None
    assert krippendorff_alpha([["accept"], ["reject"]]) is None


def test_progress_and_differences_are_counted() -> None:
    rows = [
        ("1", "ann", "accept"),
        ("1", "bob", "reject"),
        ("2", "ann", "edit"),
        ("2", "bob", "edit"),
        ("3", "cat", "accept"),
    ]
    found = agreement_of(rows)
    assert [(s.reviewer, s.decided, s.edited) for s in found.shares] == [
        ("ann", 2, 1),
        ("bob", 2, 1),
        ("cat", 1, 0),
    ]
    assert (found.shared, found.differ) == (2, 1)
    assert [(p.both, p.same) for p in found.pairs] == [(2, 1), (0, 0), (0, 0)]
    assert found.alpha is not None
