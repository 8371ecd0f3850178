"""The arithmetic of step-wise learning, for many groups at once: `advantages` as tensors, and the loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from apothecary.training.advantages import NEARLY, Rule

__all__ = ["Loss", "LossRule", "deviations", "policy_loss", "step_advantages"]


def step_advantages(totals: Tensor, rewards: Tensor, taken: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
    """What `advantages.advantages` gives: the outcome of every episode, and the figure of each of its steps.

    Shapes: totals groups x samples; rewards and taken groups x samples x steps, where `taken` marks the steps
    that were made, which come first; results as totals and rewards, 0.0 for steps that were not made.
    """
    outcomes = deviations(totals, torch.ones_like(totals, dtype=torch.bool), rule)
    earned = rewards.masked_fill(~taken, 0.0)
    if rule.estimator == "return_to_go":
        lines = deviations(earned.flip(-1).cumsum(-1).flip(-1), taken, rule)
    else:
        weight = 0.0 if rule.estimator == "outcome" else rule.weight
        added = deviations(earned, taken, rule) if rule.estimator == "per_step" else earned
        lines = outcomes[..., None] + weight * added
    return outcomes, lines.masked_fill(~taken, 0.0)


def deviations(values: Tensor, taken: Tensor, rule: Rule) -> Tensor:
    """``(value - mean) / (deviation + epsilon)`` over all that is taken of a group; 0.0 where all are equal.

    Shapes: the first axis of both is that of the groups.
    """
    each = values.flatten(1).masked_fill(~taken.flatten(1), 0.0)
    kept = taken.flatten(1)
    count = kept.sum(dim=1, keepdim=True)
    mean = each.sum(dim=1, keepdim=True) / count.clamp(min=1)
    gaps = (each - mean).masked_fill(~kept, 0.0)
    largest = each.abs().amax(dim=1, keepdim=True).clamp(min=1e-3)
    alike = gaps.abs().amax(dim=1, keepdim=True) <= NEARLY * largest
    degrees = (count - int(rule.deviation == "sample")).clamp(min=1)
    size = (gaps.square().sum(dim=1, keepdim=True) / degrees).sqrt() + rule.epsilon
    found = torch.where(alike, 0.0, gaps / torch.where(alike, 1.0, size))
    return found.reshape(values.shape)


@dataclass(frozen=True)
class LossRule:
    """Ratios are clipped at 1 +- `clip`; `beta` weighs the divergence from the policy of the beginning and
    `entropy` what is left open in a state."""

    clip: float = 0.2
    beta: float = 0.0
    entropy: float = 0.0


@dataclass(frozen=True)
class Loss:
    """Sums over states: what is to be made small, and of what it is made."""

    total: Tensor
    divergence: Tensor
    entropy: Tensor


def policy_loss(
    new: Tensor, chosen: Tensor, old: Tensor, advantages: Tensor, reference: Tensor, rule: LossRule
) -> Loss:
    """The clipped gain of the actions that were chosen, with the exact divergence and entropy of each state.

    All actions of a state can be counted, so that neither needs to be estimated from samples.
    Shapes: new and reference states x actions, logarithms of chances (minus infinity: not legal); chosen,
    old (those of the chosen actions when they were drawn) and advantages states.
    """
    ratio = torch.exp(new.gather(1, chosen[:, None])[:, 0] - old)
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - rule.clip, 1 + rule.clip) * advantages)
    legal = torch.isfinite(new)
    finite, chances = new.masked_fill(~legal, 0.0), new.exp()
    entropy = -(chances * finite).sum()
    divergence = (chances * (finite - reference.masked_fill(~legal, 0.0))).sum()
    total = rule.beta * divergence - rule.entropy * entropy - gain.sum()
    return Loss(total, divergence.detach(), entropy.detach())
