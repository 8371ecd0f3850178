"""What lines earn: steps that add up, spans that hold the text, refusals that change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.tasks.medication.edit_lines import read_edits, read_names, render_edits, render_names
from apothecary.tasks.medication.line_rewards import LineSteps, Mode, line_steps
from apothecary.tasks.medication.lines import places_of
from apothecary.tasks.medication.list_state import STOP, Action, ListState
from apothecary.tasks.medication.potential import Potential, Vector, published
from apothecary.tasks.medication.reward_reference import Setting, reference_reward

NAMES = ("aspirin", "warfarin", "co-trimoxazole", "insulin")
PLACES = places_of(NAMES)
LINKED = np.zeros((4, 4))
LINKED[0, 1] = LINKED[1, 0] = 1.0

lists = st.sets(st.sampled_from(NAMES))
said = st.lists(
    st.sampled_from(
        ["add aspirin", "remove warfarin", "insulin", "stop", "", "unobtainium", "Remove  Insulin"]
    )
).map("\n".join)
modes = st.sampled_from(["add", "remove", "edit"])


def potential(gold: Vector) -> Potential:
    return published(gold, LINKED, alpha=0.5, beta=0.5)


def judged(text: str, start: set[str], gold: set[str], mode: Mode = "edit") -> LineSteps:
    return line_steps(text, sorted(start), sorted(gold), NAMES, mode, potential)


@given(said, lists, lists, modes)
def test_steps_add_up_and_spans_hold_every_line(
    text: str, start: set[str], gold: set[str], mode: Mode
) -> None:
    found = judged(text, start, gold, mode)
    assert sum(found.steps) == pytest.approx(found.total)
    assert len(found.spans) == len(found.steps) == len([line for line in text.split("\n") if line.strip()])
    assert all(text[begin:end].count("\n") <= 1 for begin, end in found.spans)
    assert list(found.spans) == sorted(found.spans)


@given(said, lists, lists)
def test_without_blank_lines_the_lists_are_those_of_the_release(
    text: str, start: set[str], gold: set[str]
) -> None:
    text = "\n".join(line for line in text.split("\n") if line.strip())
    listed, wanted = ({NAMES.index(name) for name in names} for names in (start, gold))
    release = reference_reward(text, "add", listed, wanted, Setting(NAMES, LINKED, 0.5, 0.0))
    found = line_steps(text, start, gold, NAMES, "add", lambda each: published(each, LINKED, 0.5, 0.0))
    assert found.total == pytest.approx(release.total)


def test_a_right_removal_earns_what_it_does_to_the_list() -> None:
    found = judged("remove warfarin\nstop", {"aspirin", "warfarin"}, {"aspirin"})
    assert found.spans == ((0, 16), (16, 20))
    assert found.steps == pytest.approx((1.0, 0.0))
    assert found.refused == 0


@pytest.mark.parametrize(
    "line",
    [
        "add aspirin",
        "remove insulin",
        "add unobtainium",
        "aspirin",
        "stop it",
        "remove",
        "add\u00a0",
        "1. stop now",
    ],
)
def test_an_edit_that_the_list_does_not_allow_is_refused(line: str) -> None:
    found = judged(line, {"aspirin"}, {"aspirin"})
    assert (found.refused, found.total) == (1, -0.5)


def test_after_a_stop_and_beyond_the_budget_all_is_refused() -> None:
    lines = read_edits("stop\nadd insulin", ListState.of((), 4), PLACES)
    assert [line.action for line in lines] == [STOP, None]
    lines = read_edits("add insulin\nadd aspirin", ListState.of((), 4, budget=1), PLACES)
    assert [line.action for line in lines] == [Action("add", 3), None]


def test_what_is_barred_is_not_added() -> None:
    (line,) = read_edits("add aspirin", ListState.of((), 4, barred=[0]), PLACES)
    assert line.action is None


def test_nothing_to_name_is_no_line() -> None:
    assert judged("none", {"aspirin"}, {"insulin"}, "add") == judged("", {"aspirin"}, {"insulin"}, "add")
    assert judged("None.", {"aspirin"}, {"insulin"}, "add").refused == 1


@given(lists)
def test_names_are_read_as_they_are_rendered(names: set[str]) -> None:
    ordered = sorted(names)
    assert [NAMES[line.drug or 0] for line in read_names(render_names(ordered), PLACES)] == ordered


@given(st.permutations(range(4)), lists)
def test_edits_are_read_as_they_are_rendered(order: list[int], names: set[str]) -> None:
    state = ListState.of((NAMES.index(name) for name in names), 4)
    edits = [Action("remove" if drug in state else "add", drug) for drug in order] + [STOP]
    assert [line.action for line in read_edits(render_edits(edits, NAMES), state, PLACES)] == edits


def test_a_list_with_an_unknown_drug_is_an_error_that_does_not_name_it() -> None:
    with pytest.raises(UsageError) as caught:
        judged("stop", {"unobtainium"}, set())
    assert "unobtainium" not in str(caught.value)
