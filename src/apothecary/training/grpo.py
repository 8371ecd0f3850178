"""Group-relative policy optimisation: learn from rewards of several answers to one prompt.

A round draws answers for its steps; a step learns from the groups of its prompts. The loss is the mean over
answers of the mean over their tokens of ``-min(ratio A, clip(ratio) A) + beta divergence``; log-probabilities
are those at the temperature of the drawing, before top-p cuts.

Source: Shao et al. 2024; the release of RexDrug (whose values are the preset ``rexdrug``). Departures: 1. no
dropout in the adapter, so that the ratio compares policies and not masks; 2. what an answer was worth when it
was drawn is computed anew by torch, from its text where llama.cpp wrote it; 3. groups of equal rewards, which
teach nothing, are not worked on unless the divergence counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from apothecary.errors import DataError
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, read_conversations
from apothecary.training.checkpoints import Judge
from apothecary.training.grpo_arithmetic import advantages, divergence, sequence_loss
from apothecary.training.lora_settings import GrpoSettings
from apothecary.training.policy import Policy, accelerator, seeded
from apothecary.training.reward_calls import Reward, load_rewards, total_rewards
from apothecary.training.rollouts import Rollout, Writer, llamacpp_writer, torch_writer
from apothecary.training.sft import order
from apothecary.training.tuning import Plan, Tuned, begun, check_rewarded, check_tracking, run_through

__all__ = ["train_grpo"]


@dataclass(frozen=True)
class _Judged:
    """An answer with its advantage, and what its tokens were worth when it was drawn (None: as now)."""

    rollout: Rollout
    advantage: float
    old: Tensor | None


@dataclass(frozen=True)
class _Step:
    """The answers that one step learns from, and what the log says of them."""

    answers: list[_Judged]
    told: dict[str, float]


def train_grpo(
    settings: GrpoSettings,
    folder: Path,
    out: Path,
    say: Callable[[str], None],
    *,
    judge: Judge | None = None,
    resume: bool = False,
) -> Tuned:
    """Train an adapter by rewards and write it to `out`; `folder` is what paths are relative to.

    Raises ApothecaryError.
    """
    check_tracking(settings)
    check_rewarded(settings)
    rewards = load_rewards(settings.reward)
    files = [folder / name for name in settings.train]
    conversations = read_conversations(files, answered=False)
    processes = accelerator(settings.track, out)
    checkpoints = begun(settings, files, out, writes=bool(processes.is_main_process), resume=resume)
    plain = replace(settings, lora=replace(settings.lora, dropout=0.0))
    start = folder / settings.start if settings.start else None
    policy = Policy(load_base(settings.model, settings.precision), plain, start, processes.device)
    longest = settings.max_tokens - settings.max_new_tokens
    rows = [each for each in conversations if len(policy.template.prompt(each.prompt)) <= longest]
    if not rows:
        raise DataError(f"no prompt leaves room in {settings.max_tokens} tokens", hint="raise max_tokens")
    say(f"{len(rows)} prompts; {len(conversations) - len(rows)} too long")
    made = _Rounds(settings, policy, rewards, rows, (processes.process_index, processes.num_processes))
    made.writer = (
        llamacpp_writer(policy, settings, out / "work" / str(processes.process_index))
        if settings.rollouts == "llamacpp"
        else torch_writer(policy, settings)
    )
    plan = Plan(settings, made.of_epoch, made.step, rounds=settings.steps_per_round)
    counts = len(rows), len(conversations) - len(rows)
    return run_through(plan, policy, checkpoints, processes, say, judge, counts)


class _Rounds:
    """Draws answers for the steps of a round, keeps them, and learns from them step by step."""

    def __init__(
        self,
        settings: GrpoSettings,
        policy: Policy,
        rewards: Sequence[Reward],
        rows: Sequence[Conversation],
        process: tuple[int, int],
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.rewards = rewards
        self.rows = rows
        self.process, self.processes = process
        self.of_epoch = -(-len(rows) // settings.prompts_per_step)
        self.writer: Writer = torch_writer(policy, settings)
        self._made: dict[int, _Step] = {}

    def step(self, place: int) -> dict[str, float]:
        """Gather the gradients of a step; what happened, for the log."""
        if place not in self._made:
            self._made = {}
            self._draw(place)
        made = self._made.pop(place)
        begun = time.monotonic()
        told = self._learn(made.answers, self._prompts(place))
        return {**made.told, **told, "learning_seconds": time.monotonic() - begun}

    def _prompts(self, place: int) -> list[Conversation]:
        """The prompts of a step, over all processes."""
        epoch, within = divmod(place, self.of_epoch)
        size = self.settings.prompts_per_step
        chosen = order(len(self.rows), self.settings.seed, epoch)[within * size :][:size]
        return [self.rows[each] for each in chosen]

    def _draw(self, place: int) -> None:
        """Answers, rewards and advantages for the steps from this one to the end of its round."""
        within = place % self.of_epoch
        ahead = self.settings.steps_per_round - within % self.settings.steps_per_round
        last = min(place + ahead, place - within + self.of_epoch)
        begun = time.monotonic()
        steps = range(place, last)
        asked = {each: self._prompts(each)[self.process :: self.processes] for each in steps}
        flat = [prompt for each in steps for prompt in asked[each]]
        seed = seeded(self.settings, place, self.process)
        groups = iter(self.writer(flat, seed) if flat else [])
        seconds = (time.monotonic() - begun) / len(steps)
        for each in steps:
            found = [(prompt, next(groups)) for prompt in asked[each]]
            self._made[each] = self._rewarded(found, stale=len(steps) > 1)
            self._made[each].told["drawing_seconds"] = seconds

    def _rewarded(self, groups: Sequence[tuple[Conversation, list[Rollout]]], *, stale: bool) -> _Step:
        flat = [rollout for _, group in groups for rollout in group]
        asked = [prompt for prompt, group in groups for _ in group]
        if not flat:
            return _Step([], {})
        totals, means = total_rewards(self.rewards, asked, [each.text for each in flat])
        by_group = torch.tensor(totals).reshape(len(groups), -1)
        gains = advantages(by_group).flatten().tolist()
        olds: list[Tensor | None] = [None] * len(flat)
        if stale:
            with torch.no_grad():
                olds = [self._logprobs(each) for each in flat]
        answers = [_Judged(*each) for each in zip(flat, gains, olds, strict=True)]
        count = len(flat)
        told = {
            "reward": sum(totals) / count,
            "deviation": float(by_group.std(dim=1).mean()),
            "answer_tokens": sum(len(each.tokens.answer) for each in flat) / count,
            "unended": sum(not each.ended for each in flat) / count,
            **{f"reward_{name}": value for name, value in means.items()},
        }
        return _Step(answers, told)

    def _logprobs(self, rollout: Rollout) -> Tensor:
        return self.policy.logprobs([rollout.tokens], self.settings.temperature)[0]

    def _learn(self, answers: Sequence[_Judged], prompts: Sequence[Conversation]) -> dict[str, float]:
        count = len(prompts) * self.settings.generations
        loss, moved = 0.0, 0.0
        for each in answers:
            if each.advantage == 0.0 and not self.settings.beta:
                continue
            new = self._logprobs(each.rollout)
            old = new.detach() if each.old is None else each.old
            one = sequence_loss(new, old, each.advantage, self.settings.clip)
            if self.settings.beta:
                with torch.no_grad(), self.policy.reference():
                    reference = self._logprobs(each.rollout)
                far = divergence(new, reference).mean()
                one, moved = one + self.settings.beta * far, moved + far.item()
            torch.autograd.backward(one / count)
            loss += one.item() / count
        return {"loss": loss, "divergence": moved / max(1, len(answers))}
