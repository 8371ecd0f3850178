"""Lists that are edited: what may be done, and what it does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.tasks.medication.list_state import STOP, Action, ListState, action_of, number_of

SIZE = 11
DRUGS = st.frozensets(st.integers(0, SIZE - 1))
NUMBERS = st.integers(0, 2 * SIZE)


@settings(deadline=None)
@given(DRUGS, DRUGS)
def test_drugs_come_back_in_the_order_of_the_vocabulary(
    drugs: frozenset[int], barred: frozenset[int]
) -> None:
    state = ListState.of([*drugs, *drugs], SIZE, barred=barred)
    assert state.drugs == tuple(sorted(drugs))
    assert len(state) == len(drugs)
    assert state.names("abcdefghijk") == tuple("abcdefghijk"[drug] for drug in sorted(drugs))


@settings(deadline=None)
@given(DRUGS, DRUGS, st.none() | st.integers(0, 2), NUMBERS)
def test_the_mask_says_what_is_taken(
    drugs: frozenset[int], barred: frozenset[int], budget: int | None, number: int
) -> None:
    state = ListState.of(drugs, SIZE, barred=barred, budget=budget)
    action = action_of(number, SIZE)
    assert number_of(action, SIZE) == number
    assert state.legal()[number] == state.allows(action)
    if not state.allows(action):
        with pytest.raises(UsageError, match="does not allow"):
            state.after(action)
        return
    after = state.after(action)
    changed = set(after.drugs) ^ drugs
    assert changed == (set() if action == STOP else {action.drug})
    assert not (set(after.drugs) - drugs) & barred


@settings(deadline=None)
@given(DRUGS, st.integers(0, SIZE - 1))
def test_what_is_done_can_be_undone(drugs: frozenset[int], drug: int) -> None:
    state = ListState.of(drugs, SIZE)
    there, back = Action("add", drug), Action("remove", drug)
    if drug in state:
        there, back = back, there
    assert state.after(there).after(back) == state


def test_edits_end_with_the_budget_and_with_stop() -> None:
    state = ListState.of([1], SIZE, budget=1).after(Action("add", 2))
    assert state.legal().nonzero()[0].tolist() == [2 * SIZE]
    assert not state.after(STOP).legal().any()


@pytest.mark.parametrize("drugs", [[SIZE], [-1]])
def test_a_drug_that_the_vocabulary_does_not_have_is_refused(drugs: list[int]) -> None:
    with pytest.raises(UsageError, match="drug"):
        ListState.of(drugs, SIZE)


def test_wrong_budgets_and_actions_are_refused() -> None:
    with pytest.raises(UsageError, match="budget of -1"):
        ListState(SIZE, budget=-1)
    with pytest.raises(UsageError, match="no action 23"):
        action_of(23, SIZE)


def test_an_empty_vocabulary_only_stops() -> None:
    assert np.array_equal(ListState(0).legal(), [True])
