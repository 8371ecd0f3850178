"""Learning to edit lists: the arithmetic, the choice, and that it can be interrupted."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the train extra is not installed")

import torch

from apothecary.errors import RunMismatch, UsageError
from apothecary.networks.list_editor import ListEditor, Terms, greedy_editor
from apothecary.networks.list_features import ListInputs
from apothecary.training.advantages import Estimator, Rule, advantages
from apothecary.training.stepwise import train_editor
from apothecary.training.stepwise_arithmetic import LossRule, policy_loss, step_advantages
from apothecary.training.stepwise_lists import (
    Learnt,
    ListRows,
    Point,
    Wanted,
    attainable,
    frontier,
    potential,
    with_safety,
)
from apothecary.training.stepwise_rollouts import roll_out
from apothecary.training.stepwise_settings import AdvantageSettings, EditorSettings

ESTIMATORS: tuple[Estimator, ...] = ("outcome", "flame", "return_to_go", "per_step")
REWARDS = st.lists(st.floats(-1, 1, width=32).map(lambda each: round(each, 3)), max_size=5)
QUICK = EditorSettings(
    budget=4,
    hidden=8,
    steps=20,
    visits_per_step=16,
    generations=8,
    judged_parts=2,
    judge_every=10,
    save_every=7,
    learning_rate=0.03,
    sharpness=5.0,
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def misled(seed: int = 0, visits: int = 40, drugs: int = 10) -> ListRows:
    """Visits that were given just the drugs that their scores speak against."""
    draw = np.random.default_rng(seed)
    given_ = draw.random((visits, drugs)) < 0.5
    scores = np.where(given_, 0.1, 0.7)
    weights = np.zeros((drugs, drugs))
    weights[0, 1] = weights[1, 0] = 1.0
    return ListRows(ListInputs.of(scores, weights, 0.0), Wanted.of(given_), np.arange(visits) % 4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(REWARDS, st.floats(-1, 1, width=32)), min_size=2, max_size=6),
    st.sampled_from(ESTIMATORS),
    st.sampled_from(["population", "sample"]),
)
def test_tensors_give_the_advantages_of_single_groups(
    group: list[tuple[list[float], float]], estimator: Estimator, deviation: str
) -> None:
    rule = Rule(estimator, 0.5, deviation, 1e-4)  # type: ignore[arg-type]
    totals = [total for _, total in group]
    rewards, taken = torch.zeros(1, len(group), 5).double(), torch.zeros(1, len(group), 5).bool()
    for place, (steps, _) in enumerate(group):
        rewards[0, place, : len(steps)] = torch.tensor(steps).double()
        taken[0, place, : len(steps)] = True
    outcomes, lines = step_advantages(torch.tensor([totals]).double(), rewards, taken, rule)
    expected = advantages(totals, [steps for steps, _ in group], rule)
    assert outcomes[0].tolist() == pytest.approx([each.outcome for each in expected], abs=1e-6)
    for place, each in enumerate(expected):
        wanted = [*each.lines, *[0.0] * (5 - len(each.lines))]
        assert lines[0, place].tolist() == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 4))
def test_what_edits_earn_adds_up_to_the_rise(seed: int, safety: float) -> None:
    rows = misled(seed)
    inputs = with_safety(rows.inputs, safety)
    found = roll_out(
        greedy_editor(Terms()),
        inputs,
        rows.wanted,
        inputs.first_list(0.3),
        np.random.default_rng(seed),
        budget=4,
    )
    np.testing.assert_allclose(found.rewards.sum(dim=1).numpy(), found.last - found.first, atol=1e-5)
    np.testing.assert_allclose(found.last, potential(inputs, found.members, rows.wanted), atol=1e-6)
    changed = np.abs(found.members - inputs.first_list(0.3)).sum(axis=1)
    assert changed.tolist() == found.taken.sum(dim=1).tolist()


def silent(line: str) -> None:
    """Says nothing."""


def trained(
    out: Path, chosen: EditorSettings = QUICK, *, resume: bool = False, say: Callable[[str], None] = silent
) -> Learnt:
    return train_editor(misled(), chosen, out, "toy", say, resume=resume)


def test_it_learns_what_the_scores_hide(tmp_path: Path) -> None:
    found, other = trained(tmp_path), misled(7)
    before, after = (
        frontier(editor, other.inputs, other.wanted, [0.0])[0].jaccard
        for editor in (greedy_editor(found.editor.terms), found.editor)
    )
    assert found.steps > 0
    assert after > before + 0.2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_raises_the_reward(estimator: Estimator, tmp_path: Path) -> None:
    trained(tmp_path, replace(QUICK, judged_parts=0, advantage=AdvantageSettings(estimator=estimator)))
    rows = [reward_of(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sum(rows[-5:]) > sum(rows[:5]) + 0.1


def reward_of(line: str) -> float:
    return float(json.loads(line)["reward"])


def same(one: ListEditor, two: ListEditor) -> bool:
    return all((one.weights[name] == value).all() for name, value in two.weights.items())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    assert same(trained(tmp_path / "a").editor, trained(tmp_path / "b").editor)
    other = replace(QUICK, seed=1)
    assert not same(trained(tmp_path / "c", other).editor, trained(tmp_path / "a", resume=True).editor)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["part 0, step 10", "steps are best", "part 2, step 10"])
def test_killed_and_resumed_is_as_if_it_had_not_been(words: str, tmp_path: Path) -> None:
    def kill(line: str) -> None:
        if words in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "a", say=kill)
    again, whole = trained(tmp_path / "a", resume=True), trained(tmp_path / "b")
    assert again.judged == whole.judged
    assert same(again.editor, whole.editor)


def test_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(UsageError, match="holds a training already"):
        trained(tmp_path)
    with pytest.raises(RunMismatch):
        train_editor(misled(), QUICK, tmp_path, "another", resume=True)


def test_what_learns_nothing_stays_greedy(tmp_path: Path) -> None:
    found = trained(tmp_path, replace(QUICK, learning_rate=1e-12, sharpness=300.0))
    assert found.steps == 0
    rows = with_safety(misled(3).inputs, 1.0)
    assert (found.editor.edit(rows) == greedy_editor(found.editor.terms).edit(rows)).all()


def test_an_empty_part_is_refused(tmp_path: Path) -> None:
    rows = misled()
    with pytest.raises(UsageError, match="holds no visit"):
        train_editor(ListRows(rows.inputs, rows.wanted, rows.parts * 0), QUICK, tmp_path, "toy")


def test_the_clipped_gain_ends_and_the_divergence_is_exact() -> None:
    new = torch.log_softmax(torch.tensor([[2.0, 0.0, -torch.inf]]), dim=1).requires_grad_()
    old = torch.log_softmax(torch.tensor([[0.0, 0.0, -torch.inf]]), dim=1)
    chosen = torch.tensor([0])
    loss = policy_loss(new, chosen, old[0, :1], torch.tensor([1.0]), old, LossRule(0.2, 0.5))
    expected = float((new[0, :2].exp() * (new[0, :2] - old[0, :2])).sum().detach())
    assert float(loss.divergence) == pytest.approx(expected)
    assert float(loss.total.detach()) == pytest.approx(0.5 * expected - 1.2)
    assert torch.isfinite(torch.autograd.grad(loss.total, new)[0][0, :2]).all()


POINTS = st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 1)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(POINTS, st.tuples(st.floats(0, 0.3), st.floats(0, 1)))
def test_one_more_point_never_makes_the_area_smaller(
    points: list[tuple[float, float]], more: tuple[float, float]
) -> None:
    curve = [Point(0.0, 1, index, rate, 1, 0) for rate, index in points]
    area = attainable(curve, 0.05, 0.2)
    assert 0 <= area <= 1
    assert attainable([*curve, Point(0.0, 1, more[1], more[0], 1, 0)], 0.05, 0.2) >= area - 1e-9
