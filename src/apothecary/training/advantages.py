"""From rewards of a group of completions to what each of their tokens is pushed by: pure arithmetic.

A completion is a list of lines, each of which earned something (a step reward). Estimators, with r the total
of a completion in deviations of its group:

| name | a line's advantage |
|---|---|
| `outcome` | r |
| `flame` | r + weight * step reward |
| `per_step` | r + weight * the step reward in deviations of all lines of the group |
| `return_to_go` | what this line and those after it earned, in deviations of that of all lines of the group |

Source: Shao et al. 2024 (GRPO) for `outcome`, FLAME (arXiv 2505.20218) for `flame`. Its published form adds
a normalised and a raw figure, which makes the step about a hundredth of the whole; the other two mend that.
What FLAME leaves open is decided here: a line break belongs to the line it ends; the end of the sequence and
an empty completion get r alone; deviations are those of a population unless told otherwise.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Literal

from apothecary.errors import UsageError

__all__ = ["Advantages", "Estimator", "Rule", "advantages", "deviations", "spread"]

Estimator = Literal["outcome", "flame", "return_to_go", "per_step"]

NEARLY = 1e-9
"""Rewards that differ by less than this, relative to the largest (at least 0.001), differ by rounding."""


@dataclass(frozen=True)
class Rule:
    """How advantages are estimated; `weight` is that of a step (lambda), `epsilon` is added to deviations."""

    estimator: Estimator = "flame"
    weight: float = 0.5
    deviation: Literal["population", "sample"] = "population"
    epsilon: float = 0.0


@dataclass(frozen=True)
class Advantages:
    """Of one completion: `outcome` for tokens outside of lines, `lines` for those of each line."""

    outcome: float
    lines: tuple[float, ...]


def advantages(
    totals: Sequence[float], steps: Sequence[Sequence[float]], rule: Rule | None = None
) -> list[Advantages]:
    """The advantages of a group of completions to one prompt, given what each earned, in all and by line.

    A total need not be the sum of its steps. In a group of equal totals r is 0. Raises UsageError when the
    two differ in length.

    >>> advantages([1.0, 0.0], [[1.0], [0.0, 0.0]], Rule(weight=0.5))[0]
    Advantages(outcome=1.0, lines=(1.5,))
    """
    rule = rule or Rule()
    if len(totals) != len(steps):
        raise UsageError(f"{len(totals)} totals and the steps of {len(steps)} completions")
    outcomes = deviations(totals, rule)
    if rule.estimator == "return_to_go":
        returns = [list(accumulate(reversed(each)))[::-1] for each in steps]
        lines = _over_group(returns, rule)
    else:
        added = _over_group(steps, rule) if rule.estimator == "per_step" else steps
        weight = 0.0 if rule.estimator == "outcome" else rule.weight
        lines = [
            [outcome + weight * step for step in each] for outcome, each in zip(outcomes, added, strict=True)
        ]
    return [Advantages(outcome, tuple(each)) for outcome, each in zip(outcomes, lines, strict=True)]


def deviations(values: Sequence[float], rule: Rule) -> list[float]:
    """``(value - mean) / (deviation + epsilon)``; all 0.0 where all are equal."""
    if not values:
        return []
    mean = math.fsum(values) / len(values)
    gaps = [value - mean for value in values]
    if max(map(abs, gaps)) <= NEARLY * max(1e-3, *map(abs, values)):
        return [0.0] * len(values)
    degrees = len(values) - (rule.deviation == "sample")
    size = math.sqrt(math.fsum(gap * gap for gap in gaps) / degrees) + rule.epsilon
    return [gap / size for gap in gaps]


def spread(
    given: Advantages, lines: Sequence[tuple[int, int]], tokens: Sequence[tuple[int, int]]
) -> list[float]:
    """The advantage of every token of a completion.

    `lines` and `tokens` are characters of its text, from and to; both in order. A token belongs to the line
    in which it begins. One outside of any (the end of the sequence, which begins where the text ends, or a
    blank line) gets the outcome. Raises UsageError when lines and advantages differ in number.
    """
    if len(lines) != len(given.lines):
        raise UsageError(f"{len(lines)} lines, and advantages of {len(given.lines)}")
    starts = [start for start, _ in lines]
    found = []
    for start, _ in tokens:
        place = bisect_right(starts, start) - 1
        within = place >= 0 and start < lines[place][1]
        found.append(given.lines[place] if within else given.outcome)
    return found


def _over_group(steps: Sequence[Sequence[float]], rule: Rule) -> list[list[float]]:
    flat = iter(deviations(list(chain.from_iterable(steps)), rule))
    return [[next(flat) for _ in each] for each in steps]
