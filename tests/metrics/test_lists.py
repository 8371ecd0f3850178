"""Overlap of lists and interacting pairs, many at once."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from apothecary.errors import DataError
from apothecary.metrics.lists import interacting_pairs, overlap, pairs, share

SIZE = 9
DRUGS = st.lists(st.integers(0, SIZE + 2), max_size=SIZE)
SIDES = st.lists(st.tuples(DRUGS, DRUGS), max_size=8)


def matrix(seed: int) -> NDArray[np.float64]:
    upper = np.triu(np.random.default_rng(seed).random((SIZE, SIZE)) < 0.4, 1)
    return (upper | upper.T).astype(float)


@settings(deadline=None)
@given(SIDES)
def test_figures_are_those_of_sets(sides: list[tuple[list[int], list[int]]]) -> None:
    found = overlap([said for said, _ in sides], [gold for _, gold in sides])
    for row, (said, gold) in enumerate(sides):
        shared, either = set(said) & set(gold), set(said) | set(gold)
        assert found.jaccard[row] == pytest.approx(len(shared) / max(1, len(either)))
        assert found.precision[row] == pytest.approx(len(shared) / max(1, len(set(said))))
        assert found.recall[row] == pytest.approx(len(shared) / max(1, len(set(gold))))
        total = found.precision[row] + found.recall[row]
        both = found.precision[row] * found.recall[row]
        assert found.f1[row] == pytest.approx(2 * both / total if total else 0.0)


@settings(deadline=None)
@given(st.lists(DRUGS, max_size=8), st.integers(0, 5), st.sampled_from([1, 50, 10_000]))
def test_pairs_are_counted_as_one_by_one(rows: list[list[int]], seed: int, cells: int) -> None:
    linked = matrix(seed)
    found = interacting_pairs(rows, linked, cells=cells)
    for row, drugs in enumerate(rows):
        known = sorted({drug for drug in drugs if drug < SIZE})
        assert found[row] == sum(linked[one, other] for one, other in combinations(known, 2))


@settings(deadline=None)
@given(st.lists(DRUGS, min_size=1, max_size=8), st.integers(0, 5))
def test_a_rate_is_a_share(rows: list[list[int]], seed: int) -> None:
    sizes = np.array([len(set(drugs)) for drugs in rows])
    rates = share(interacting_pairs(rows, matrix(seed)), pairs(sizes))
    assert ((rates >= 0) & (rates <= 1)).all()


def test_nothing_interacts_with_nothing() -> None:
    assert interacting_pairs([[0, 1], []], np.zeros((0, 0))).tolist() == [0, 0]
    assert interacting_pairs([], np.zeros((0, 0))).tolist() == []


def test_lists_without_gold_are_refused() -> None:
    with pytest.raises(DataError, match="1 lists and 0"):
        overlap([[1]], [])
