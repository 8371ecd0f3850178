"""The rewards of FLAME as its release computes them, faults included.

Three parts, each with a total and one figure for each line: the gain in Jaccard, the fall of the rate of
interacting pairs, and refusals. What is odd in them:
1. A line's figure for refusals is the share of refused lines so far, not what it added to it; so the lines do
   not add up to the total, and one early refusal is held against every later line.
2. Without a line there is still one figure for refusals.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apothecary.tasks.medication.lines import (
    Edits,
    follow,
    places_of,
    read_lines,
    refused_shares,
)
from apothecary.tasks.medication.potential import Lists, Vector, ddi_rate, jaccard, step_rewards

__all__ = ["ReferenceReward", "Setting", "reference_reward"]


@dataclass(frozen=True)
class ReferenceReward:
    """Totals and the figures of the lines; `total` and `steps` are their sums weighted by 1, alpha, beta."""

    jaccard_total: float
    jaccard_steps: tuple[float, ...]
    ddi_total: float
    ddi_steps: tuple[float, ...]
    refusal_total: float
    refusal_steps: tuple[float, ...]
    total: float
    steps: tuple[float, ...]


@dataclass(frozen=True)
class Setting:
    """What rewards are computed against: vocabulary, its matrix of interactions, and the two weights."""

    vocabulary: Sequence[str]
    interactions: NDArray[np.float64]
    alpha: float = 0.0
    beta: float = 0.5


def reference_reward(
    completion: str, edits: Edits, listed: Collection[int], gold: Collection[int], setting: Setting
) -> ReferenceReward:
    """What the release gives for a completion that edits a list; drugs are places in the vocabulary."""
    lines = read_lines(completion, places_of(setting.vocabulary), reference=True)
    size = len(setting.vocabulary)
    lists = Lists.of(follow(listed, lines, edits), size)
    overlap = jaccard(Lists.of([gold], size).members[0])(lists)
    safety = -ddi_rate(setting.interactions)(lists)
    shares = refused_shares(lines)
    overlaps, safeties = _steps(overlap), _steps(safety)
    refusals = tuple(-share for share in shares[1:]) or (0.0,)
    totals = float(overlap[-1] - overlap[0]), float(safety[-1] - safety[0]), -shares[-1]
    return ReferenceReward(
        totals[0],
        overlaps,
        totals[1],
        safeties,
        totals[2],
        refusals,
        _weighted(*totals, setting),
        # Shorter than the refusals where there is no line: see 2.
        tuple(_weighted(*each, setting) for each in zip(overlaps, safeties, refusals, strict=False)),
    )


def _weighted(overlap: float, safety: float, refusal: float, setting: Setting) -> float:
    return overlap + setting.alpha * safety + setting.beta * refusal


def _steps(phi: Vector) -> tuple[float, ...]:
    return tuple(float(step) for step in step_rewards(phi))
