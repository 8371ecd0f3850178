"""Trained editors through the same door as others: masks hold whatever they say."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.networks.list_editor import ListEditor, Terms, greedy_editor
from apothecary.tasks.medication.editors import Problem, greedy
from apothecary.tasks.medication.learnt_editors import by_names, by_network
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.objective import Objective
from apothecary.tasks.medication.reasons import paths
from apothecary.tasks.recommending import Case, Draft, Edit
from apothecary.visits import Visit
from tests.tasks.medication.test_editors import problems, walked

DRUGS = ("aspirin", "heparin", "iron", "salt", "tea", "zinc")
EDIT = st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from([*DRUGS, "unobtainium"]))


def network(seed: int) -> ListEditor:
    """One that says anything."""
    draw = np.random.default_rng(seed)
    zeros = greedy_editor(Terms()).weights
    return ListEditor(
        {name: draw.normal(0, 9, each.shape).astype(np.float32) for name, each in zeros.items()}
    )


class Scripted:
    """Says the same edits of every list, and keeps what it was asked."""

    def __init__(self, edits: tuple[Edit, ...]) -> None:
        self.edits = edits
        self.seen: list[Draft] = []

    def edit(self, drafts: Sequence[Draft]) -> list[tuple[Edit, ...]]:
        self.seen += drafts
        return [self.edits for _ in drafts]


@settings(deadline=None)
@given(problems(), st.integers(0, 99))
def test_a_network_keeps_to_masks_and_budget(problem: Problem, seed: int) -> None:
    for state, actions in zip(problem.states, by_network(network(seed))(problem), strict=True):
        for each in walked(state, actions):
            assert not each.present & state.barred
            assert not (4 in each and 5 in each)


@settings(deadline=None)
@given(problems(), st.integers(0, 99))
def test_no_network_is_paid_for_padding(problem: Problem, seed: int) -> None:
    for path in paths(problem, by_network(network(seed))(problem), problem.objective):
        safer = -problem.objective.alpha * np.diff(path.interactions)
        for action, closer, less in zip(path.actions, np.diff(path.expected), safer, strict=True):
            assert action.kind == "remove" or closer >= -1e-6 or less <= 1e-6


def test_a_network_does_not_pad_where_it_would_pay() -> None:
    links = np.zeros((6, 6))
    links[0, 1] = links[1, 0] = 1.0
    state, probable = ListState.of([0, 1], 6), np.array([[0.9, 0.9, 0.1, 0.1, 0.1, 0.1]])
    assert by_network(greedy_editor(Terms()))(Problem([state], probable, Objective(0.3, links))) == [()]


def test_a_network_that_adds_nothing_is_the_greedy_editor() -> None:
    draw = np.random.default_rng(1)
    raw = np.triu((draw.random((30, 30)) < 0.2).astype(float), 1)
    states = [ListState.of(np.flatnonzero(draw.random(30) < 0.4).tolist(), 30, budget=6) for _ in range(20)]
    problem = Problem(states, draw.random((20, 30)), Objective(1.0, raw + raw.T))
    assert by_network(greedy_editor(Terms()))(problem) == greedy(problem)


@settings(deadline=None)
@given(problems(), st.lists(EDIT, max_size=8))
def test_edits_by_name_keep_to_masks_and_budget(problem: Problem, edits: list[Edit]) -> None:
    cases = [Case(Visit("a", "p")), Case(Visit("b", "p"))]
    editor = by_names(Scripted(tuple(edits)), cases, DRUGS)
    for state, actions in zip(problem.states, editor(problem), strict=True):
        for each in walked(state, actions):
            assert not each.present & state.barred
            assert not (4 in each and 5 in each)


def test_an_editor_by_names_is_told_the_list_and_what_is_barred() -> None:
    states = [ListState.of([0, 1], 6, barred=[5], budget=2)]
    problem = Problem(states, np.full((1, 6), 0.5), Objective(0.5, np.zeros((6, 6))))
    scripted = Scripted((("add", "zinc"), ("remove", "heparin"), ("add", "iron"), ("add", "tea")))
    case = Case(Visit("a", "p"))
    found = by_names(scripted, [case], DRUGS)(problem)
    assert found == [(Action("remove", 1), Action("add", 2))]
    assert scripted.seen == [Draft(case, ("aspirin", "heparin"), frozenset({"zinc"}), 2, 0.5)]
