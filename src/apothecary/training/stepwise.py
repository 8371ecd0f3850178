"""Train an editor of lists by the rewards of its single edits (step-wise GRPO), on arrays that know no task.

Source: FLAME (arXiv 2505.20218), whose policy is a language model that emits drugs line by line. Departures:
1. The policy is a small network over the drugs (`networks.list_editor`); an episode adds, removes and stops
in one loop over the list as it is, and edits a drug once at most. 2. The estimator is chosen (`advantages`),
by default the return to go. 3. The weight of harm is drawn for each group and is known to the policy. 4. All
states of a step weigh alike, however long their episodes are. 5. The divergence is exact, since all actions
of a state can be counted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from apothecary.errors import UsageError
from apothecary.networks.list_editor import ListEditor
from apothecary.networks.list_policy import ListPolicy
from apothecary.training.checkpoints import Checkpoints
from apothecary.training.stepwise_arithmetic import LossRule, policy_loss, step_advantages
from apothecary.training.stepwise_lists import (
    Judged,
    Learnt,
    ListRows,
    Point,
    attainable,
    frontier,
    pooled,
    with_safety,
)
from apothecary.training.stepwise_rollouts import Rollouts, roll_out
from apothecary.training.stepwise_settings import EditorSettings

__all__ = ["train_editor"]

STATES_AT_ONCE = 256
"""States learnt from together: it bounds the memory and changes nothing beyond rounding."""
EPOCHS_APART = 1 << 20
"""Seeds of orders and of steps are kept apart by it."""


def train_editor(
    rows: ListRows,
    settings: EditorSettings,
    out: Path,
    identity: str,
    say: Callable[[str], None] = lambda line: None,
    *,
    resume: bool = False,
) -> Learnt:
    """Choose the number of steps on inner parts, then train on all visits.

    `out` gets the log and the state from which `resume` goes on, if the `identity` is the same. Raises
    UsageError for a part that holds no visit or all, and for a folder that holds a training; RunMismatch.
    """
    checkpoints = Checkpoints(out, identity)
    checkpoints.begin(resume=resume)
    state = _State.restored(checkpoints, say)
    for part in range(settings.judged_parts):
        inside, outside = np.flatnonzero(rows.parts != part), np.flatnonzero(rows.parts == part)
        if not len(inside) or not len(outside):
            raise UsageError("an inner part holds no visit", hint="fewer folds, or more patients")
        if part >= state.part:
            course = _Course(rows.take(inside), settings, part)
            _run(course, settings.steps, state, checkpoints, say, rows.take(outside))
    judged = _judged(state.points, settings)
    steps = settings.steps
    if judged:
        best = max(judged, key=lambda each: (each.area, -each.steps))
        steps = best.steps
        say(f"{steps} steps are best on inner parts: area {best.area:.4f}, greedy {judged[0].area:.4f}")
    course = _Course(rows, settings, settings.judged_parts)
    _run(course, steps, state, checkpoints, say, None)
    return Learnt(course.editor(), steps, tuple(judged))


@dataclass
class _State:
    """Where a training stands: the part that it is at, the steps done in it, and what was judged."""

    part: int
    done: int
    points: list[tuple[int, int, list[Point]]]
    weights: Mapping[str, object] | None

    @classmethod
    def restored(cls, checkpoints: Checkpoints, say: Callable[[str], None]) -> _State:
        """What the folder of a training kept; the beginning where it kept nothing."""
        found = checkpoints.restore()
        if found is None:
            return cls(0, 0, [], None)
        step, kept = found
        say(f"going on after step {step}")
        points = [
            (part, steps, [Point(**each) for each in points])
            for part, steps, points in json.loads(str(kept["points"]))
        ]
        return cls(int(str(kept["part"])), int(str(kept["done"])), points, kept)

    def as_values(self) -> dict[str, object]:
        """Numbers and text alone."""
        points = [(part, steps, [asdict(each) for each in points]) for part, steps, points in self.points]
        return {"part": self.part, "done": self.done, "points": json.dumps(points)}


def _run(
    course: _Course,
    steps: int,
    state: _State,
    checkpoints: Checkpoints,
    say: Callable[[str], None],
    kept: ListRows | None,
) -> None:
    """Do the steps of one part that are not done yet."""
    settings, part = course.settings, course.part
    if state.part < part:
        state.part, state.done, state.weights = part, 0, None
    if state.weights is not None:
        course.restore(state.weights)
        state.weights = None
    before = part * settings.steps
    if state.done == 0:
        _judge(course, state, kept)
    while state.done < steps:
        begun = time.monotonic()
        told = course.step(state.done)
        state.done += 1
        told["seconds"] = time.monotonic() - begun
        checkpoints.log({"step": before + state.done, "part": part, **told})
        last = state.done == steps
        if last or state.done % settings.judge_every == 0:
            _judge(course, state, kept)
            say(f"part {part}, step {state.done} of {steps}: {_brief(told)}")
        if last or state.done % settings.save_every == 0:
            checkpoints.save(before + state.done, {**state.as_values(), **course.state()})


def _judge(course: _Course, state: _State, kept: ListRows | None) -> None:
    if kept is not None:
        points = frontier(course.editor(), kept.inputs, kept.wanted, course.settings.safeties)
        state.points.append((course.part, state.done, points))


class _Course:
    """One training: the network, its running mean, and the optimizer.

    All that is drawn follows from the seed, the part and the number of the step, so that a training that was
    interrupted goes on as if it had not been.
    """

    def __init__(self, rows: ListRows, settings: EditorSettings, part: int) -> None:
        self.rows, self.settings, self.part = rows, settings, part
        self.policy, self.reference = self._policy(), self._policy()
        self.mean = {name: value.clone() for name, value in self.policy.state_dict().items()}
        groups = [
            {
                "params": [each for each in self.policy.parameters() if (each.ndim > 1) == decays],
                "weight_decay": settings.weight_decay * decays,
            }
            for decays in (True, False)
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)

    def _policy(self) -> ListPolicy:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed * 1000 + self.part)
            return ListPolicy(self.settings.hidden, self.settings.sharpness)

    def editor(self) -> ListEditor:
        """With the running mean of the weights."""
        weights = {name: value.numpy().copy() for name, value in self.mean.items()}
        return ListEditor(weights, self.settings.terms)

    def step(self, number: int) -> dict[str, float]:
        """Learn once; how it went."""
        rng = np.random.default_rng([self.settings.seed, self.part, number])
        found = self._episodes(number, rng)
        told = {
            "reward": float((found.last - found.first).mean()),
            "edits": float(found.taken.sum() / len(found.first)),
        }
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * min(1.0, (number + 1) / (self.settings.warm_up + 1))
        told |= self._learn(found)
        # At first the mean would hold on to the beginning for long.
        decay = min(self.settings.average, (number + 1) / (number + 10))
        for name, value in self.policy.state_dict().items():
            self.mean[name].lerp_(value, 1 - decay)
        return told

    def _episodes(self, number: int, rng: np.random.Generator) -> Rollouts:
        settings, count = self.settings, len(self.rows.wanted)
        places = np.arange(number * settings.visits_per_step, (number + 1) * settings.visits_per_step)
        orders = {
            epoch: np.random.default_rng([settings.seed, self.part, EPOCHS_APART + epoch]).permutation(count)
            for epoch in sorted(set((places // count).tolist()))
        }
        rows = np.array([orders[place // count][place % count] for place in places.tolist()])
        low, high = np.log(settings.drawn)
        safety = np.exp(rng.uniform(low, high, len(rows))) * (
            rng.random(len(rows)) >= settings.without_safety
        )
        group = np.repeat(np.arange(len(rows)), settings.generations)
        inputs = with_safety(self.rows.inputs.take(rows[group]), safety[group].astype(np.float32))
        wanted = self.rows.wanted.take(rows[group])
        editor = ListEditor(self.policy.arrays(), settings.terms)
        start = editor.terms.first_lists(inputs)
        return roll_out(editor, inputs, wanted, start, rng, budget=settings.budget)

    def _learn(self, found: Rollouts) -> dict[str, float]:
        settings = self.settings
        pushed = _advantages(found, settings)
        rule = LossRule(settings.clip, settings.beta, settings.entropy)
        parts = [found.seen.take(rows) for rows in _micro(found)]
        old: list[Tensor] = []
        told = {"divergence": 0.0, "entropy": 0.0}
        states = len(found.actions)
        for _ in range(settings.passes):
            self.optimizer.zero_grad(set_to_none=True)
            told = dict.fromkeys(told, 0.0)
            for place, rows in enumerate(_micro(found)):
                chosen, new = found.actions[rows], self.policy(parts[place])
                if len(old) == place:
                    # In the first pass the policy is the one that has drawn.
                    old.append(new.detach())
                before = old[place].gather(1, chosen[:, None])[:, 0]
                reference = old[place]
                if settings.beta:
                    with torch.no_grad():
                        reference = self.reference(parts[place])
                loss = policy_loss(new, chosen, before, pushed[rows], reference, rule)
                torch.autograd.backward(loss.total / states)
                told["divergence"] += float(loss.divergence) / states
                told["entropy"] += float(loss.entropy) / states
            self._move()
        return told

    def _move(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.settings.max_gradient)
        self.optimizer.step()

    def state(self) -> dict[str, object]:
        """All that `restore` needs."""
        return {
            "policy": self.policy.state_dict(),
            "mean": self.mean,
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take over what `state` gave."""
        self.policy.load_state_dict(_mapping(state["policy"]))
        self.mean = _mapping(state["mean"])
        self.optimizer.load_state_dict(dict(_mapping(state["optimizer"])))


def _advantages(found: Rollouts, settings: EditorSettings) -> Tensor:
    """By what each state's action is pushed."""
    rewards, taken = found.rewards, found.taken
    if settings.advantage.stop_counts:
        taken = taken.clone()
        taken[found.owners[found.stops], found.steps[found.stops]] = True
    episodes, budget = rewards.shape
    groups = (episodes // settings.generations, settings.generations)
    outcomes, lines = step_advantages(
        rewards.sum(dim=1).reshape(groups),
        rewards.reshape(*groups, budget),
        taken.reshape(*groups, budget),
        settings.advantage.rule,
    )
    of_line = lines.reshape(episodes, budget)[found.owners, found.steps]
    if settings.advantage.stop_counts:
        return of_line.float()
    return torch.where(found.stops, outcomes.reshape(episodes)[found.owners], of_line).float()


def _micro(found: Rollouts) -> list[Tensor]:
    return list(torch.split(torch.arange(len(found.actions)), STATES_AT_ONCE))


def _judged(points: list[tuple[int, int, list[Point]]], settings: EditorSettings) -> list[Judged]:
    """By the number of steps, over all parts; the first is the greedy editor, its rates are the bounds."""
    by_steps: dict[int, list[list[Point]]] = {}
    for _, steps, found in points:
        by_steps.setdefault(steps, []).append(found)
    if not by_steps:
        return []
    curves = {steps: pooled(parts) for steps, parts in sorted(by_steps.items())}
    rates = [point.rate for point in curves[0]]
    low, high = min(rates), max(rates)
    return [
        Judged(steps, attainable(curve, low, high), tuple(curve))
        for steps, curve in curves.items()
        if len(by_steps[steps]) == settings.judged_parts
    ]


def _mapping(value: object) -> dict[str, Tensor]:
    return dict(value) if isinstance(value, Mapping) else {}


def _brief(told: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in told.items())
