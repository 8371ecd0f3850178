"""Correlations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError
from apothecary.metrics.correlation import pearson, spearman

PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=8)


def test_values_worked_out_by_hand() -> None:
    # Deviations -1.5 -.5 .5 1.5 and -1 -2 1 2: products 6; squares 5 and 10.
    assert pearson([1, 2, 3, 4], [2, 1, 4, 5]) == pytest.approx(6 / 50**0.5)
    # One pair of neighbours is swapped: 1 - 6 * 2 / (4 * 15).
    assert spearman([1, 2, 3, 4], [20, 10, 40, 50]) == pytest.approx(0.8)
    assert spearman([1, 2, 2, 3], [1, 2, 2, 3]) == pytest.approx(1)


@given(PAIRS)
def test_it_is_symmetric_and_turns_with_the_sign(pairs: list[tuple[int, int]]) -> None:
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    found = pearson(left, right)
    assert found == pearson(right, left)
    turned = pearson(left, [-value for value in right])
    assert (found is None) is (turned is None)
    assert found is None or turned == pytest.approx(-found)


def test_what_is_not_defined_is_none_and_bad_numbers_are_refused() -> None:
    assert pearson([1], [1]) is pearson([], []) is pearson([1e300, -1e300], [0.1, 0.1]) is None
    assert pearson([1e300, -1e300], [1, -1]) == pytest.approx(1)
    for gold, said in (([1.0], [1.0, 2.0]), ([1.0, float("nan")], [1.0, 2.0])):
        with pytest.raises(DataError):
            pearson(gold, said)
