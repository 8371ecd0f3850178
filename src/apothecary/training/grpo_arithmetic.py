"""The arithmetic of group-relative policy optimisation: pure functions of numbers.

Source: Shao et al. 2024 (GRPO), as TRL and the release of RexDrug compute it.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["EPSILON", "advantages", "clipped", "divergence", "sequence_loss"]

EPSILON = 1e-4
"""Added to the deviation of a group, so that a group of equal rewards has advantages of 0."""


def advantages(rewards: Tensor) -> Tensor:
    """How much better an answer is than the others to its prompt, in deviations of the group.

    ``(r - mean) / (sd + 1e-4)``; the deviation is that of a sample (divided by n - 1).

    Shapes: rewards and result prompts x answers.

    Example: rewards 1, 0, 0, 1 have mean .5 and deviation sqrt(1/3) = .57735, so the advantages are
    +-.5 / .57745 = +-.86588.
    """
    mean = rewards.mean(dim=1, keepdim=True)
    return (rewards - mean) / (rewards.std(dim=1, keepdim=True) + EPSILON)


def divergence(new: Tensor, reference: Tensor) -> Tensor:
    """An estimate of the divergence from the reference, by token: ``exp(d) - d - 1``, d = reference - new.

    Never negative. Example: log-probabilities -1 and -1.5 give d = -.5, exp(-.5) + .5 - 1 = .10653.
    """
    difference = reference - new
    return torch.exp(difference) - difference - 1


def clipped(new: Tensor, old: Tensor, advantage: float, clip: float) -> Tensor:
    """What is gained by token: the smaller of ratio x advantage with the ratio as it is and within 1 +- clip.

    Example: ratio 1.5 and clip .2 gain 1.2 for advantage 1, and lose 1.5 for advantage -1.
    """
    ratio = torch.exp(new - old)
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def sequence_loss(new: Tensor, old: Tensor, advantage: float, clip: float) -> Tensor:
    """The loss of one answer without the divergence: the mean over its tokens, so that length is no merit."""
    return -clipped(new, old, advantage, clip).mean()
