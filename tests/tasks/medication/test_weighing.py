"""Edits that are weighed: no objective pays for one that makes the list less likely."""

import numpy as np
import pytest

from apothecary.tasks.medication.editors import Problem
from apothecary.tasks.medication.list_state import STOP, Action, ListState
from apothecary.tasks.medication.objective import Objective
from apothecary.tasks.medication.weighing import Declined, weigh_by

LINKS = np.zeros((3, 3))
LINKS[0, 1] = LINKS[1, 0] = 1.0
STATE = ListState.of([0, 1], 3)


def weighed(alpha: float, action: Action) -> Declined | None:
    """The list holds .9 and .9, which interact, of 1.9 in all; the third has .1."""
    return weigh_by(Problem([STATE], np.array([[0.9, 0.9, 0.1]]), Objective(alpha, LINKS)), 0)(STATE, action)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_a_drug_that_only_dilutes_the_rate_is_declined(alpha: float) -> None:
    """From 1.8 / 2.1 to 1.9 / 3.0, while the rate falls from 1 to 1/3: at .5 the objective rises."""
    found = weighed(alpha, Action("add", 2))
    assert found is not None
    assert found.terms == {
        "expected_jaccard": pytest.approx(1.9 / 3.0 - 1.8 / 2.1, abs=1e-6),
        "interactions": pytest.approx(1 / 3 - 1, abs=1e-6),
    }


def test_a_removal_is_declined_as_long_as_it_costs_more_than_it_sheds() -> None:
    """From 1.8 / 2.1 to .9 / 2.0, which is .407 less."""
    assert weighed(0.40, Action("remove", 1)) is not None
    assert weighed(0.41, Action("remove", 1)) is None


def test_to_stop_is_never_declined() -> None:
    assert weighed(100.0, STOP) is None
