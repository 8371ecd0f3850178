"""Rewards of a task in the form that TRL's GRPO trainer calls. Needs neither torch nor TRL.

A task is found by the name of its folder, and its rewards in the module ``reward`` there: `parts` scores a
completion, `WEIGHTS` and `weights_of` weigh the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Protocol

from apothecary.errors import UsageError
from apothecary.tasks import catalog

__all__ = ["RewardFunction", "completion_text", "reward_functions"]

_Weights = Mapping[str, float] | Sequence[float]


class RewardFunction(Protocol):
    """A reward as TRL calls it; its log shows `__name__`."""

    __name__: str

    def __call__(self, completions: Sequence[object], **columns: object) -> list[float]:
        """One reward for each completion. `columns` hold one value for each, too.

        The trainer passes every column of its data set, and more of its own from version to version, by
        keyword: this is the one signature of the package that takes what it does not name.
        """
        ...


class _Parts(Protocol):
    def __call__(
        self, completion: str, solution: str, corpus: str, profile: str, sentence: str | None
    ) -> Mapping[str, float]: ...


def reward_functions(
    corpus: str | None = None,
    profile: str = "strict",
    weights: _Weights | None = None,
    *,
    task: str = "combinations",
) -> list[RewardFunction]:
    """One function for each part, in the order of the weights; their plain sum is the whole reward.

    Each gives its part times its weight, so the trainer needs no `reward_weights`. Without `weights` they are
    the published ones; a weight of 1 for each shows the bare parts. Columns: ``solution`` is needed,
    ``sentence`` is used where it is there; ``corpus`` says of each row which it is, unless `corpus` is given.

    Raises UsageError for an unknown task, corpus, profile or part; the functions raise it for a column that
    is missing, of another length, or holds no solution. No completion raises.
    """
    if task not in catalog.names():
        raise UsageError(f"there is no task '{task}'", hint=f"tasks: {', '.join(catalog.names())}")
    name = f"apothecary.tasks.{task}.reward"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError(f"the task '{task}' has no rewards") from error
    parts: _Parts = module.parts
    weigh: Callable[[_Weights], dict[str, float]] = module.weights_of
    published: Mapping[str, float] = module.WEIGHTS
    # A wrong corpus or profile is told at once and not in the first step of training.
    parts("", "<answer>[]</answer>", corpus or "drugcomb", profile, None)
    named = weigh(published if weights is None else weights)
    return [_function(part, weight, parts, corpus, profile) for part, weight in named.items()]


def _function(part: str, weight: float, parts: _Parts, corpus: str | None, profile: str) -> RewardFunction:
    def reward(completions: Sequence[object], **columns: object) -> list[float]:
        rows = len(completions)
        solutions = _texts(columns, "solution", rows)
        corpora = [corpus] * rows if corpus else _texts(columns, "corpus", rows)
        sentences = _texts(columns, "sentence", rows) if columns.get("sentence") else [""] * rows
        return [
            weight * parts(completion_text(each), solution, of, profile, sentence or None)[part]
            for each, solution, of, sentence in zip(completions, solutions, corpora, sentences, strict=True)
        ]

    reward.__name__ = part
    return reward


def completion_text(completion: object) -> str:
    """The text of a completion: a string, or a chat whose last message holds it. Raises UsageError."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, list) and completion and isinstance(completion[-1], Mapping):
        content = completion[-1].get("content")
        if content is None:
            return ""
        if isinstance(content, str):
            return content
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, Mapping)]
            return "".join(part for part in parts if isinstance(part, str))
    raise UsageError(
        f"a completion is a {type(completion).__name__} without text", hint="use text or chat messages"
    )


def _texts(columns: Mapping[str, object], name: str, rows: int) -> list[str]:
    """A column, checked. A missing sentence is an empty one."""
    values = columns.get(name)
    if not isinstance(values, list | tuple):
        raise UsageError(
            f"the rewards need the column '{name}', which the trainer did not pass",
            hint=f"keep '{name}' in the data set, with remove_unused_columns=False",
        )
    if len(values) != rows:
        raise UsageError(f"the column '{name}' has {len(values)} values for {rows} completions")
    texts = ["" if value is None and name == "sentence" else value for value in values]
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(f"the column '{name}' holds {type(text).__name__} instead of text")
    return texts
