"""Editors keep to masks and budgets, never make a list worse, and the exact one finds the best."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.tasks.medication.editors import Editor, Problem, beam, first_lists, greedy, two_pass
from apothecary.tasks.medication.exact_editor import exact
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.objective import MEASURES, Measure, Objective
from apothecary.tasks.medication.potential import Lists, jaccard
from apothecary.tasks.medication.reasons import paths

SIZE = 6
Matrix = NDArray[np.float64]
LINKS = arrays(np.float64, (SIZE, SIZE), elements=st.sampled_from([0.0, 0.0, 1.0, 2.0])).map(
    lambda raw: np.triu(raw, 1) + np.triu(raw, 1).T
)
PROBABLE = arrays(np.float64, (2, SIZE), elements=st.floats(0, 1))
DRUGS = st.frozensets(st.integers(0, SIZE - 1))
EDITORS: dict[str, Editor] = {"greedy": greedy, "beam": beam(3), "exact": exact(SIZE, 0.3), "two": two_pass}


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    barred = draw(DRUGS)
    rivals = np.zeros((SIZE, SIZE))
    rivals[4, 5] = rivals[5, 4] = 1.0
    starts = [draw(DRUGS) - barred - {5} for _ in range(2)]
    budget = draw(st.none() | st.integers(0, 4))
    objective = Objective(
        draw(st.sampled_from([0.0, 0.5, 3.0])),
        draw(LINKS),
        draw(st.sampled_from(MEASURES)),
        draw(st.sampled_from([0.0, 0.1])),
    )
    states = [ListState.of(start, SIZE, barred=barred, budget=budget) for start in starts]
    return Problem(states, draw(PROBABLE), objective, rivals)


def walked(state: ListState, actions: tuple[Action, ...]) -> list[ListState]:
    """Raises UsageError where an edit is not allowed."""
    states = [state]
    for action in actions:
        states.append(states[-1].after(action))
    return states


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITORS)
@settings(deadline=None)
@given(problem=problems())
def test_every_edit_is_allowed_and_no_rivals_meet(name: str, problem: Problem) -> None:
    assert problem.rivals is not None
    for state, actions in zip(problem.states, EDITORS[name](problem), strict=True):
        for each in walked(state, actions):
            assert not each.present & state.barred
            assert not (4 in each and 5 in each)


@pytest.mark.parametrize("name", ["greedy", "beam", "exact"])
@settings(deadline=None)
@given(problem=problems())
def test_no_editor_makes_a_list_worse(name: str, problem: Problem) -> None:
    edited = EDITORS[name](problem)
    for probable, state, actions in zip(problem.probabilities, problem.states, edited, strict=True):
        phi = problem.objective.potential(probable).phi
        before, after = (Lists.of([each.drugs], SIZE) for each in (state, walked(state, actions)[-1]))
        assert phi(after)[0] >= phi(before)[0] - 1e-9


@settings(deadline=None)
@given(problems())
def test_the_figures_of_a_path_are_those_of_the_potential(problem: Problem) -> None:
    for place, path in enumerate(paths(problem, greedy(problem), problem.objective)):
        potential = problem.objective.potential(problem.probabilities[place])
        parts = potential.parts(Lists.of(path.lists, SIZE))
        assert path.expected == pytest.approx(parts["expected_jaccard"])
        assert path.interactions == pytest.approx(parts["interactions"])
        gains = np.diff(potential.phi(Lists.of(path.lists, SIZE)))
        assert (gains > -1e-9).all()


def padded(start: set[int], drugs: set[int], probable: Matrix) -> bool:
    """Whether a list were likelier without one of the drugs that were added."""
    overlap = jaccard(probable)
    whole, *without = overlap(Lists.of([drugs, *(drugs - {drug} for drug in drugs - start)], SIZE))
    return any(each > whole + 1e-12 for each in without)


@settings(deadline=None, max_examples=60)
@given(problems())
def test_the_exact_editor_finds_the_best_list_within_reach(problem: Problem) -> None:
    state, probable = problem.states[0], problem.probabilities[0]
    budget = SIZE if state.budget is None else state.budget
    reach = [set(state.drugs) ^ set(each) for k in range(budget + 1) for each in combinations(range(SIZE), k)]
    legal = [
        each for each in reach if not any(state.barred >> drug & 1 for drug in each) and not {4, 5} <= each
    ]
    potential = problem.objective.potential(probable)
    phi, legal = potential.phi, [each for each in legal if not padded(set(state.drugs), each, probable)]
    found = walked(state, EDITORS["exact"](problem)[0])[-1]
    assert phi(Lists.of([found.drugs], SIZE))[0] == pytest.approx(phi(Lists.of(legal, SIZE)).max())


@pytest.mark.parametrize("measure", MEASURES)
@settings(deadline=None, max_examples=60)
@given(links=LINKS, probable=PROBABLE, start=DRUGS, budget=st.none() | st.integers(0, 4))
def test_interactions_do_not_grow_with_alpha_for_the_exact_editor(
    measure: Measure, links: Matrix, probable: Matrix, start: frozenset[int], budget: int | None
) -> None:
    state = ListState.of(start, SIZE, budget=budget)
    loads, expected = [], []
    for alpha in (0.0, 0.3, 1.0, 4.0):
        objective = Objective(alpha, links, measure)
        problem = Problem([state], probable[:1], objective)
        path = paths(problem, EDITORS["exact"](problem), objective)[0]
        loads.append(path.interactions[-1])
        expected.append(path.expected[-1])
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(loads))
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(expected))


@settings(deadline=None)
@given(PROBABLE, DRUGS, LINKS)
def test_without_a_weight_interactions_are_nothing(
    probable: Matrix, start: frozenset[int], links: Matrix
) -> None:
    states = [ListState.of(start, SIZE)] * 2
    none = Objective(0.0, np.zeros((SIZE, SIZE)))
    for editor in EDITORS.values():
        assert editor(Problem(states, probable, Objective(0.0, links))) == editor(
            Problem(states, probable, none)
        )


@settings(deadline=None)
@given(problems())
def test_lists_are_edited_each_for_itself(problem: Problem) -> None:
    assert greedy(problem) == [greedy(problem.take(place))[0] for place in range(2)]


@pytest.mark.parametrize("name", EDITORS)
@settings(deadline=None)
@given(problem=problems())
def test_no_editor_adds_a_drug_that_lowers_the_expected_overlap(name: str, problem: Problem) -> None:
    for path in paths(problem, EDITORS[name](problem), problem.objective):
        for action, change in zip(path.actions, np.diff(path.expected), strict=True):
            assert action.kind == "remove" or change >= -1e-9


@pytest.mark.parametrize("name", EDITORS)
def test_a_list_is_not_padded_to_dilute_its_interactions(name: str) -> None:
    # The likely drugs interact; each of the others would lower the rate, and the expected overlap.
    links = np.zeros((SIZE, SIZE))
    links[0, 1] = links[1, 0] = 1.0
    probable = np.array([[0.9, 0.9, 0.1, 0.1, 0.1, 0.1]])
    problem = Problem([ListState.of([0, 1], SIZE)], probable, Objective(0.3, links, "rate"))
    assert EDITORS[name](problem) == [()]


def test_greedy_swaps_a_drug_that_interacts() -> None:
    links = np.zeros((3, 3))
    links[0, 1] = links[1, 0] = 1.0
    problem = Problem([ListState.of([0, 1], 3)], np.array([[0.9, 0.6, 0.5]]), Objective(1.0, links))
    assert greedy(problem) == [(Action("remove", 1), Action("add", 2))]


def test_two_passes_do_not_see_each_other() -> None:
    # The added drug 2 interacts with 0, but removals are chosen from the first list.
    links = np.zeros((3, 3))
    links[0, 2] = links[2, 0] = 1.0
    objective = Objective(0.01, links, "count")
    problem = Problem([ListState.of([0], 3)], np.array([[0.3, 0.0, 0.9]]), objective)
    assert two_pass(problem) == [(Action("add", 2),)]
    problem = Problem([ListState.of([0, 1], 3, budget=1)], np.array([[0.3, 0.0, 0.9]]), objective)
    assert two_pass(problem) == [(Action("add", 2),)]


def test_the_exact_editor_adds_when_it_is_worth_it() -> None:
    # Drug 2 is below 1.75 / 4.15, the bound of the first list, and above that of the list without drug 1.
    links = np.zeros((3, 3))
    links[0, 1] = links[1, 0] = 1.0
    problem = Problem([ListState.of([0, 1], 3)], np.array([[0.9, 0.85, 0.4]]), Objective(0.5, links))
    assert exact(3, 0.3)(problem) == [(Action("remove", 1), Action("add", 2))]


def test_two_passes_add_before_they_remove() -> None:
    # Without drug 1 the bound of what is worth adding is 1.25 / 3.68, above the .33 of drug 3.
    problem = Problem(
        [ListState.of([0, 1], 4)], np.array([[0.9, 0.1, 0.35, 0.33]]), Objective(0.0, np.zeros((4, 4)))
    )
    assert two_pass(problem) == [(Action("add", 2), Action("add", 3), Action("remove", 1))]


def test_a_beam_goes_over_an_edit_that_does_not_pay() -> None:
    rng = np.random.default_rng(3)
    better = worse = 0
    for _ in range(60):
        raw = np.triu((rng.random((8, 8)) < 0.4).astype(float), 1)
        start = ListState.of(np.flatnonzero(rng.random(8) < 0.5).tolist(), 8)
        problem = Problem([start], rng.random((1, 8)), Objective(1.0, raw + raw.T, "count"))
        values = []
        for editor in (greedy, beam(16), exact(8, 0.3)):
            path = paths(problem, editor(problem), problem.objective)[0]
            values.append(path.expected[-1] - path.interactions[-1])
        better += values[1] > values[0] + 1e-9
        worse += values[1] < values[2] - 1e-9
    assert better > worse


def test_the_first_list_has_no_barred_drug_and_of_rivals_the_most_probable() -> None:
    rivals = np.zeros((4, 4))
    for one, other in ((0, 1), (1, 2)):
        rivals[one, other] = rivals[other, one] = 1.0
    probable = np.array([[0.5, 0.8, 0.6, 0.9], [0.5, 0.1, 0.6, 0.2]])
    lists, beaten = first_lists(probable, 0.4, [{3}, set()], rivals)
    assert lists == [(1,), (0, 2)]
    assert beaten == [{0: 1, 2: 1}, {}]


def test_wrong_weights_and_too_many_open_drugs_are_refused() -> None:
    with pytest.raises(UsageError, match="0 or more"):
        Objective(-1.0, np.zeros((2, 2)))
    with pytest.raises(UsageError, match="exact editor"):
        exact(40, 0.5)
