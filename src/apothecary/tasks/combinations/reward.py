"""What a completion is worth against its solution, in four parts and in all.

`format` (tags and JSON), `think` (the headed sections), `coverage` (drug sets whatever their type) and
`accuracy` (sets with their types). Two profiles: ``strict`` is for training, ``reference`` computes what
the published training did. Pure functions of texts: no framework is needed to compute a reward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from apothecary.errors import UsageError
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.combinations.reward_reference import reference_parts
from apothecary.tasks.combinations.reward_strict import strict_parts

__all__ = ["BARE_WEIGHTS", "PARTS", "WEIGHTS", "Profile", "parts", "total", "weights_of"]

Profile = Literal["reference", "strict"]

PARTS = ("format", "think", "coverage", "accuracy")

WEIGHTS: Mapping[str, float] = {"format": 0.05, "think": 0.05, "coverage": 0.10, "accuracy": 0.80}
"""The weights of the published training scripts, for both corpora. The documentation of its reward functions
names others (.1 .1 .3 .5), which no script uses."""

BARE_WEIGHTS: Mapping[str, float] = {"format": 0.1, "coverage": 0.3, "accuracy": 0.6}
"""The published weights for completions without thinking."""


def parts(
    completion: str,
    solution: str,
    corpus: str = "drugcomb",
    profile: Profile = "strict",
    sentence: str | None = None,
) -> dict[str, float]:
    """The four parts by name: format and think in 0..1, coverage in -1..1, accuracy in 0..1.

    `solution` is the right completion, with tags. `sentence` is where the drugs stand: ``strict`` takes off
    for drugs that it does not hold, ``reference`` knows no such rule. See `reward_strict` for what it mends.
    Raises UsageError for an unknown corpus or profile and, when strict, for a solution that is no answer;
    never for what the completion holds.
    """
    labels = label_set(corpus)
    if profile == "strict":
        return strict_parts(completion, solution, labels, sentence)
    if profile == "reference":
        return reference_parts(completion, solution, labels)
    raise UsageError(f"there is no reward profile '{profile}'", hint="use strict or reference")


def total(
    parts: Mapping[str, float], weights: Mapping[str, float] | Sequence[float] = tuple(WEIGHTS.values())
) -> float:
    """The weighted sum. Weights come by name, or one for each of `PARTS` in this order.

    Raises UsageError for weights that are not of these parts.

    >>> round(total({"format": 1.0, "think": 1.0, "coverage": -1.0, "accuracy": 0.5}), 4)
    0.4
    """
    return sum(weight * parts[name] for name, weight in weights_of(weights).items())


def weights_of(weights: Mapping[str, float] | Sequence[float]) -> dict[str, float]:
    """Weights by name, checked. A part that is not named weighs nothing. Raises UsageError."""
    by_name = isinstance(weights, Mapping)
    named = dict(weights) if isinstance(weights, Mapping) else dict(zip(PARTS, weights, strict=False))
    if not named or not set(named) <= set(PARTS) or not (by_name or len(weights) == len(PARTS)):
        raise UsageError(f"these are no weights of rewards: {weights!r}", hint=f"parts: {', '.join(PARTS)}")
    return named
