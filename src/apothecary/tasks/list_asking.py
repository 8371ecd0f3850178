"""Lists for visits by a language model, as runs and trainings see it: what a task asks, and what it teaches.

The task that knows of drugs is found by the name of its folder, whose ``asking.py`` exports ``ASKING``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from typing import Literal, Protocol, TypeVar

from apothecary.messages import Flow, Message, Request, SoftToken
from apothecary.networks.visit_encoder import VectorTable
from apothecary.tasks.recommending import Case, Lister, Policy
from apothecary.tasks.rows import Rows

__all__ = ["Asked", "Asking", "Drive", "FirstList", "Lesson", "Teaching", "load_asking"]

R = TypeVar("R")


class Drive(Protocol):
    """Walks flows to their ends by an engine."""

    def __call__(self, flows: Sequence[Flow[R]]) -> list[R]:
        """The results in the order of the flows. Raises EngineError and RunError."""
        ...


@dataclass(frozen=True)
class Asked:
    """A policy that asks an engine.

    `told` wraps the lister of that policy: its rows say how many lines were refused and which questions had
    no answer. `rest` are the settings that are not of the asking, `record` those that are, as they are used.
    """

    policy: Policy
    told: Callable[[Lister], Lister]
    rest: Mapping[str, object]
    record: Mapping[str, object]


@dataclass(frozen=True)
class FirstList:
    """A visit whose list is known, and the list that a scorer made for it that saw nothing of its patient."""

    case: Case
    listed: tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """A question about a list with its answer; `start` is the list that is asked about.

    `later` tells a turn that follows another from a first one; `soft` is what the marks in it stand for.
    """

    id: str
    messages: tuple[Message, ...]
    answer: str
    start: tuple[str, ...]
    gold: tuple[str, ...]
    mode: Literal["add", "remove", "edit"]
    later: bool = False
    soft: tuple[SoftToken, ...] = ()


@dataclass(frozen=True)
class Teaching:
    """What lessons are made of: first lists of training visits, the vocabulary, and how many to draw.

    `passes` as in the settings of the asking; `note` as there. `soft` are the kinds of soft tokens to mark.
    """

    first: Sequence[FirstList]
    vocabulary: tuple[str, ...]
    draws: int
    seed: int = 0
    passes: Literal["loop", "two"] = "loop"
    note: bool = False
    soft: tuple[str, ...] = ()


class MakeTables(Protocol):
    """Makes the vectors of soft tokens, by kind."""

    def __call__(
        self, cases: Sequence[Case], kinds: Sequence[str], width: int, given: VectorTable | None
    ) -> dict[str, VectorTable]:
        """From the cases of a training alone; `given` are vectors of drugs by the user. Raises UsageError."""
        ...


@dataclass(frozen=True)
class Asking:
    """How a task asks a language model for lists.

    `steps` are all that it may ask. `prepare` takes the policy that lists begin with, the settings of a user
    and what drives flows; it raises UsageError. `asked` says which steps settings need. `fit` takes gold and
    the predictions of a run. `questions` are lessons of single drugs, `lists` those of lists with figures of
    how they were corrupted. `tables` makes the vectors of soft tokens. `prompts` are SHA-256 of prompt files.
    """

    name: str
    steps: tuple[str, ...]
    asked: Callable[[Mapping[str, object]], tuple[str, ...]] = field(repr=False)
    prepare: Callable[[Policy, Mapping[str, object], Drive], Asked] = field(repr=False)
    fit: Callable[[Rows, Rows], dict[str, object]] = field(repr=False)
    lists: Callable[[Teaching], tuple[Iterator[Lesson], Mapping[str, object]]] = field(repr=False)
    questions: Callable[[Teaching], Iterable[tuple[Request, str]]] = field(repr=False)
    tables: MakeTables = field(repr=False)
    prompts: Mapping[str, str] = field(default_factory=dict, repr=False)


def load_asking(name: str) -> Asking | None:
    """The task of that name; None where it asks no language model for lists, or there is no such task."""
    if not name.isidentifier() or not files("apothecary.tasks").joinpath(name, "asking.py").is_file():
        return None
    found: Asking = import_module(f"apothecary.tasks.{name}.asking").ASKING
    return found
