"""Rewards by name: ``module:function`` -> functions in the form of TRL, called with what they expect.

A reward function takes ``prompts`` and ``completions`` (lists of messages) and, by keyword, every further
column of the data as a list; it gives one number for each completion, or None where it has no say.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from apothecary.errors import UsageError
from apothecary.training.chat_data import Conversation
from apothecary.training.lora_settings import RewardSettings

__all__ = ["Reward", "load_rewards", "total_rewards"]

RewardFunction = Callable[..., Sequence[float | None]]


@dataclass(frozen=True)
class Reward:
    """A reward function with its weight, and its name in the log."""

    name: str
    function: RewardFunction
    weight: float


def load_rewards(settings: Sequence[RewardSettings]) -> list[Reward]:
    """The functions that the settings name. Raises UsageError for one that there is not."""
    found: list[Reward] = []
    for each in settings:
        functions = _functions(each)
        weights = each.weights or (1.0,) * len(functions)
        if len(functions) != len(weights):
            message = f"gives {len(functions)} rewards, but there are {len(weights)} weights"
            raise UsageError(message, where=each.function)
        for function, weight in zip(functions, weights, strict=True):
            found.append(Reward(_name(function), function, weight))
    return found


def _functions(settings: RewardSettings) -> list[RewardFunction]:
    module, _, name = settings.function.partition(":")
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError as error:
        raise UsageError(f"cannot be imported: {error}", where=settings.function) from error
    if not callable(found):
        raise UsageError("there is no such function", where=settings.function, hint="module:function")
    if settings.arguments is None:
        return [found]
    try:
        made = found(**settings.arguments)
    except TypeError as error:
        raise UsageError(f"does not take these arguments: {error}", where=settings.function) from error
    functions = list(made) if isinstance(made, list | tuple) else [made]
    if not all(callable(each) for each in functions):
        raise UsageError("makes no reward function", where=settings.function)
    return functions


def _name(function: RewardFunction) -> str:
    named = getattr(function, "__name__", "")
    return named if isinstance(named, str) and named else type(function).__name__


def total_rewards(
    rewards: Sequence[Reward], asked: Sequence[Conversation], texts: Sequence[str]
) -> tuple[list[float], dict[str, float]]:
    """The weighted sum for each text, and the mean of each reward by name.

    A reward that has no say (None, or no number) adds nothing to the sum.

    Raises UsageError when a function fails or gives another number of values.
    """
    columns = _columns(asked)
    prompts = [[{"role": m.role, "content": m.content} for m in each.prompt] for each in asked]
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    totals = [0.0] * len(texts)
    means: dict[str, float] = {}
    for reward in rewards:
        try:
            values = reward.function(prompts=prompts, completions=completions, **columns)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Whatever a function of the user's raises on the data of the user's.
            message = f"the reward {reward.name} fails: {type(error).__name__}: {error}"
            raise UsageError(message, where=asked[0].where) from error
        if len(values) != len(texts):
            message = f"the reward {reward.name} gives {len(values)} values for {len(texts)} answers"
            raise UsageError(message, where=asked[0].where)
        said = [(place, float(v)) for place, v in enumerate(values) if v is not None and math.isfinite(v)]
        for place, value in said:
            totals[place] += reward.weight * value
        means[reward.name] = sum(value for _, value in said) / max(1, len(said))
    return totals, means


def _columns(asked: Sequence[Conversation]) -> Mapping[str, list[object]]:
    names = sorted({name for each in asked for name in each.columns} - {"prompts", "completions"})
    return {name: [each.columns.get(name) for each in asked] for name in names}
