"""What potentials keep, whatever the list."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.potential import (
    Lists,
    Potential,
    Weighted,
    ddi_count,
    ddi_per_gold,
    ddi_rate,
    hinge,
    jaccard,
    published,
    refusals,
    step_rewards,
)

SIZE = 7
GOLD = np.array([1.0, 1.0, 0, 0, 1.0, 0, 0])
DRUGS = st.frozensets(st.integers(0, SIZE - 1))
LINKS = arrays(np.float64, (SIZE, SIZE), elements=st.sampled_from([0.0, 1.0])).map(
    lambda raw: np.triu(raw, 1) + np.triu(raw, 1).T
)
# 0 and 1 interact, 0 and 2, 3 and 4.
FIXED = np.zeros((SIZE, SIZE))
for one, other in ((0, 1), (0, 2), (3, 4)):
    FIXED[one, other] = FIXED[other, one] = 1.0


def phi(potential: Potential, *drugs: frozenset[int]) -> NDArray[np.float64]:
    return potential.phi(Lists.of(drugs, SIZE))


def every(links: NDArray[np.float64]) -> Potential:
    """All terms at once."""
    rate = ddi_rate(links)
    terms = (jaccard(GOLD), rate, ddi_count(links), ddi_per_gold(links, 3), hinge(rate, 0.2), refusals)
    return Potential(tuple(Weighted(str(place), 0.7 - place, term) for place, term in enumerate(terms)))


@settings(deadline=None)
@given(LINKS, st.lists(DRUGS, min_size=1, max_size=6))
def test_steps_add_up_to_what_the_episode_gained(
    links: NDArray[np.float64], path: list[frozenset[int]]
) -> None:
    found = phi(every(links), *path)
    assert step_rewards(found).sum() == pytest.approx(found[-1] - found[0], abs=1e-12)


@settings(deadline=None)
@given(LINKS, DRUGS)
def test_jaccard_and_rate_are_shares(links: NDArray[np.float64], drugs: frozenset[int]) -> None:
    lists = Lists.of([drugs], SIZE)
    assert 0 <= jaccard(GOLD)(lists)[0] <= 1
    assert 0 <= ddi_rate(links)(lists)[0] <= 1


@settings(deadline=None)
@given(LINKS, DRUGS, st.permutations(range(SIZE)))
def test_the_order_of_drugs_changes_nothing(
    links: NDArray[np.float64], drugs: frozenset[int], order: list[int]
) -> None:
    shuffled = [drug for drug in order if drug in drugs]
    lists = [Lists.of([each], SIZE) for each in (sorted(drugs), shuffled)]
    assert every(links).phi(lists[0]) == every(links).phi(lists[1])


@settings(deadline=None)
@given(LINKS, DRUGS, st.permutations(range(SIZE)))
def test_the_names_of_drugs_change_nothing(
    links: NDArray[np.float64], drugs: frozenset[int], order: list[int]
) -> None:
    renamed = [place for place, drug in enumerate(order) if drug in drugs]
    terms = [(ddi_rate(links), ddi_rate(links[np.ix_(order, order)]))]
    terms.append((jaccard(GOLD), jaccard(GOLD[order])))
    for here, there in terms:
        assert here(Lists.of([drugs], SIZE)) == pytest.approx(there(Lists.of([renamed], SIZE)))


@pytest.mark.slow
@settings(deadline=None)
@given(LINKS, DRUGS)
def test_without_alpha_only_accuracy_counts(links: NDArray[np.float64], drugs: frozenset[int]) -> None:
    found = phi(published(GOLD, links, alpha=0.0, beta=0.5), drugs)
    assert found == pytest.approx(jaccard(GOLD)(Lists.of([drugs], SIZE)))


@settings(deadline=None)
@given(LINKS, DRUGS, st.integers(0, SIZE - 1))
def test_to_add_a_drug_and_remove_it_gains_nothing(
    links: NDArray[np.float64], drugs: frozenset[int], drug: int
) -> None:
    before = ListState.of(drugs - {drug}, SIZE)
    after = before.after(Action("add", drug)).after(Action("remove", drug))
    found = phi(every(links), frozenset(before.drugs), frozenset(after.drugs))
    assert found[0] == found[1]


def test_padding_pays_by_the_rate_and_not_by_the_count() -> None:
    unsafe, padded = frozenset({0, 1}), frozenset({0, 1, 5, 6})
    gains = {
        name: float(np.diff(-term(Lists.of([unsafe, padded], SIZE)))[0])
        for name, term in (("rate", ddi_rate(FIXED)), ("count", ddi_count(FIXED)))
    }
    assert gains["rate"] > 0
    assert gains["count"] == 0


def test_terms_of_a_worked_list() -> None:
    lists = Lists.of([{0, 1, 2, 3}], SIZE, [0.25])
    rate = ddi_rate(FIXED)
    assert jaccard(GOLD)(lists)[0] == pytest.approx(2 / 5)
    assert rate(lists)[0] == pytest.approx(2 / 6)
    assert ddi_count(3 * FIXED)(lists)[0] == 6
    assert ddi_per_gold(FIXED, 3)(lists)[0] == pytest.approx(2 / 3)
    assert hinge(rate, 0.3)(lists)[0] == pytest.approx(2 / 6 - 0.3)
    assert hinge(rate, 0.5)(lists)[0] == 0
    assert refusals(lists)[0] == 0.25
    assert set(every(FIXED).parts(lists)) == set("012345")


def test_probabilities_give_the_jaccard_index_that_is_expected() -> None:
    assert jaccard(GOLD / 2)(Lists.of([{0, 2}], SIZE))[0] == pytest.approx(0.5 / (2 + 1.5 - 0.5))


def test_a_drug_beyond_the_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="beyond the 7"):
        Lists.of([{7}], SIZE)
