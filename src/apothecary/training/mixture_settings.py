"""What a user writes to mix data sets into one file of instructions: one TOML file, checked before use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from apothecary.errors import UsageError
from apothecary.examples import Language, Sourced, TaskName
from apothecary.formats.toml_settings import checked, toml_table
from apothecary.tasks.instruct_records import Policy, SplitTypes

__all__ = [
    "AgainstSettings",
    "FloorSettings",
    "MixtureSettings",
    "SetSettings",
    "cap_of",
    "check_mixture_settings",
    "policy_of",
    "published_policy",
    "read_mixture_settings",
]

Count = Annotated[int, Field(ge=1)]
Expand = Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]
Treatment = Literal["drop", "keep"]
"""drop: left out and listed; keep: listed only."""

JUDGED = frozenset({"dev", "development", "valid", "validation", "val", "eval", "test"})
"""Splits that no mixture is made of, whatever a file says."""


@dataclass(frozen=True)
class SetSettings:
    """A file of typed examples, as ``instruct build`` writes them, and how much of it is taken.

    Only what is of `tasks` and of `datasets` counts, all where none is named. `cap` is how many examples of
    each data set, task and language are drawn at most, `expand` and `split_types` how often each is asked
    then (`tasks.instruct_records.Policy`); `weight` scales the share of the set in a mixture of a given
    size. `splits` are those of the mixture, unless told.
    """

    file: Name
    tasks: tuple[TaskName, ...] = ()
    datasets: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    cap: Count | None = None
    expand: Expand | None = None
    split_types: SplitTypes | None = None
    weight: Positive = 1.0


@dataclass(frozen=True)
class FloorSettings:
    """At least so many instructions of a task, of a language, or of a task in a language ("": of any)."""

    least: Count
    task: TaskName | Literal[""] = ""
    language: Language | Literal[""] = ""


@dataclass(frozen=True)
class AgainstSettings:
    """A file whose examples judge models: no text of it may be learnt from.

    Without `splits` all that the mixture does not learn from are meant.
    """

    file: Name
    splits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MixtureSettings:
    """What goes into a mixture.

    `total` is the number of instructions (None: all there are). Shares of data sets in it are
    ``proportional`` to their sizes after `cap` and `expand`, ``equal``, or go with the size to the power of
    one over `temperature`; what a set cannot give, the others do. `preset` ``taiyi`` caps and repeats sets as
    the published mixture seems to (`published_policy`), where they say nothing else.

    Of `against`, and unless `own_splits` is false of the other splits of the same files, every text that is
    the same as one to be learnt from, or shares `containment` of the n-grams of the shorter, is
    `contamination`. `duplicates` are texts that one task would learn from twice. `held_out` is a list of ids.
    """

    set: Annotated[tuple[SetSettings, ...], Field(min_length=1)]
    floor: tuple[FloorSettings, ...] = ()
    against: tuple[AgainstSettings, ...] = ()
    preset: Literal["", "taiyi"] = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 13
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("train",)
    total: Count | None = None
    weights: Literal["proportional", "equal", "temperature"] = "proportional"
    temperature: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    held_out: str = ""
    own_splits: bool = True
    contamination: Treatment = "drop"
    duplicates: Treatment = "drop"
    containment: Annotated[float, Field(gt=0, le=1)] = 0.8

    def splits_of(self, each: SetSettings) -> tuple[str, ...]:
        """The splits that are learnt from in a file."""
        return each.splits or self.splits

    @property
    def power(self) -> float:
        """The power of its size that the share of a set goes with."""
        return {"proportional": 1.0, "equal": 0.0, "temperature": 1 / self.temperature}[self.weights]


_MIXTURE = TypeAdapter(MixtureSettings)
CAP = 10_000


def read_mixture_settings(path: Path) -> MixtureSettings:
    """Read and check a configuration of ``instruct mix``. Raises UsageError, FormatError."""
    return check_mixture_settings(toml_table(path), str(path))


def check_mixture_settings(table: Mapping[str, object], where: str) -> MixtureSettings:
    """Settings from plain values. Raises UsageError that names the key."""
    settings = checked(_MIXTURE, table, where)
    for split in (*settings.splits, *(split for each in settings.set for split in each.splits)):
        if split.casefold() in JUDGED:
            hint = "a mixture is made of training parts; name others under splits"
            raise UsageError(f"the split {split} is kept to judge models by", where=where, hint=hint)
    if settings.total is None and (settings.weights != "proportional" or settings.floor):
        missing = "weights" if settings.weights != "proportional" else "floors"
        raise UsageError(f"{missing} without a total", where=where, hint="total = 20000")
    if settings.total is not None and sum(each.least for each in settings.floor) > settings.total:
        raise UsageError("the floors are more than the total", where=where, hint="raise total")
    return settings


def published_policy(sourced: Sourced) -> Policy:
    """How often an example is asked in the published mixture, as far as its sizes tell.

    Inferred from published and original sizes: names of several types 1.3 times, relations of several types
    1.6, classification, choices and pairs 1.1, all else once.
    """
    several = len(sourced.labels) > 1
    if several and sourced.task == "mentions":
        return Policy(1.3, "extra")
    if several and sourced.task in ("relations", "triples"):
        return Policy(1.6, "extra")
    return Policy(1.1 if sourced.task in ("classification", "choice", "text_pairs") else 1.0)


def policy_of(settings: MixtureSettings, each: SetSettings, sourced: Sourced) -> Policy:
    """How often an example is asked: as its set says, else the preset."""
    preset = published_policy(sourced) if settings.preset else Policy()
    return Policy(
        preset.expand if each.expand is None else each.expand,
        preset.split_types if each.split_types is None else each.split_types,
    )


def cap_of(settings: MixtureSettings, each: SetSettings) -> int | None:
    """How many examples are drawn at most: as the set says, else the preset."""
    return each.cap if each.cap is not None or not settings.preset else CAP
