"""Recommending lists for visits, as runs and trainings see it: what a task says of cases and of lists.

The task that knows of drugs is found by the name of its folder, whose ``lists.py`` exports ``LISTS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.networks.list_editor import ListEditor
from apothecary.networks.visit_scorers import DrugScorer, Rows
from apothecary.tasks.flow import Problem
from apothecary.visits import Visit
from apothecary.vocab.drug_names import DrugNames
from apothecary.vocab.interactions import InteractionTable

__all__ = [
    "Case",
    "CaseEditor",
    "CaseScorer",
    "Draft",
    "Edit",
    "Evidence",
    "Knowledge",
    "ListTask",
    "Lister",
    "Policy",
    "Proposed",
    "Reason",
    "Recommended",
    "Scores",
    "Space",
    "load_lists",
]


@dataclass(frozen=True)
class Case:
    """A visit with the earlier ones of its patient, in their order."""

    visit: Visit
    history: tuple[Visit, ...] = ()


class Space(Protocol):
    """The features that a training knew."""

    @property
    def names(self) -> tuple[str, ...]:
        """One for each column."""
        ...

    @property
    def titles(self) -> Mapping[str, str]:
        """Some of the names in words."""
        ...

    def rows(self, cases: Sequence[Case], drugs: Sequence[str] | None = None) -> Rows:
        """The features of cases; those that the training did not know are left out.

        With `drugs` the earlier visits come too, each with those of the drugs that it had (`Rows.earlier`).
        """
        ...

    def bare(self, rows: Rows) -> NDArray[np.bool_]:
        """For each row whether it says next to nothing of its visit."""
        ...


Reason = dict[str, object]
"""Why a drug is in a list, as a program reads it."""


class Evidence(Protocol):
    """Says what speaks most for and against drugs in one of the cases that were scored."""

    def __call__(self, place: int, drugs: Sequence[int], most: int) -> list[list[Reason]]:
        """For each drug at most `most` things."""
        ...


@dataclass(frozen=True)
class Scores:
    """Probabilities of the drugs of a vocabulary for cases; `bare` cases of which nothing is known.

    Shapes: probabilities cases x drugs, bare cases.
    """

    probabilities: NDArray[np.float64]
    bare: NDArray[np.bool_]
    evidence: Evidence | None = None


class CaseScorer(Protocol):
    """What gives the drugs of its vocabulary probabilities, however it comes to them.

    From `threshold` on a drug is in the first list; `shares` are what is said where nothing is known.
    """

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The drugs that it scores."""
        ...

    @property
    def threshold(self) -> float:
        """A probability."""
        ...

    @property
    def shares(self) -> NDArray[np.float64]:
        """For each drug the share of the training visits in which it was given."""
        ...

    def score(self, cases: Sequence[Case]) -> Scores:
        """Of visits of any patient, known to a training or not."""
        ...


@dataclass(frozen=True)
class Draft:
    """A list that is to be edited: its drugs, those that must not be added, and how many edits are allowed.

    `safety` is the weight of interactions.
    """

    case: Case
    drugs: tuple[str, ...]
    barred: frozenset[str]
    budget: int
    safety: float


Edit = tuple[Literal["add", "remove"], str]


class CaseEditor(Protocol):
    """What edits lists by names of drugs; an edit that is not legal is left out by its caller."""

    def edit(self, drafts: Sequence[Draft]) -> list[tuple[Edit, ...]]:
        """The edits of each list in their order."""
        ...


@dataclass(frozen=True)
class Policy:
    """What lists are made by: probabilities, and what edits the lists of them (None: no editor of its own).

    Both may be networks as they are kept in files, which the task knows how to use.
    """

    kind: str
    scorer: DrugScorer | CaseScorer
    editor: ListEditor | CaseEditor | None = None
    about: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Knowledge:
    """What is known of drugs beside the visits.

    `names` has other names of drugs (None: none), `classes` pairs of drug and class, of which a list may hold
    no two drugs; `excluded` are drugs or classes that are never recommended.
    """

    interactions: InteractionTable
    names: DrugNames | None = None
    classes: tuple[tuple[str, str], ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recommended:
    """The list for one visit: `record` is its row of predictions, `remarks` name what is to be counted, and
    `problems` are questions that went wrong: the list stands without their answers."""

    record: Mapping[str, object]
    remarks: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Proposed:
    """The list for one visit at one weight of interactions; `expected` is its expected Jaccard index."""

    drugs: tuple[str, ...]
    edits: int
    expected: float


class Lister(Protocol):
    """A policy that is ready for visits."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the policy and what it was given."""
        ...

    def recommend(self, cases: Sequence[Case]) -> list[Recommended]:
        """A list for each case, every drug of it with its reasons."""
        ...

    def along(self, cases: Sequence[Case], safeties: Sequence[float]) -> list[list[Proposed]]:
        """For each weight of interactions the lists of all cases."""
        ...


class Learn(Protocol):
    """Makes a `Space` of cases: features of fewer than `least` cases are left out."""

    def __call__(self, cases: Iterable[Case], least: int) -> Space:
        """The space of the cases."""
        ...


class Prepare(Protocol):
    """Makes a `Lister`. Raises UsageError for settings that are wrong."""

    def __call__(
        self, policy: Policy, knowledge: Knowledge, settings: Mapping[str, object]
    ) -> tuple[Lister, Mapping[str, object]]:
        """The lister, and all settings as they are used."""
        ...


@dataclass(frozen=True)
class ListTask:
    """How a task makes lists for visits."""

    name: str
    learn: Learn
    prepare: Prepare = field(repr=False)


def load_lists(name: str) -> ListTask:
    """The task of that name. Raises UsageError where it makes no lists, or there is no such task."""
    if not name.isidentifier() or not files("apothecary.tasks").joinpath(name, "lists.py").is_file():
        raise UsageError(f"there is no task '{name}' that recommends lists")
    found: ListTask = import_module(f"apothecary.tasks.{name}.lists").LISTS
    return found
