"""What a user may set, what it binds to, and what a flow notes on its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from apothecary.tasks.linking import Linking
from apothecary.tasks.notes import FlowNotes
from apothecary.tasks.relations.clusters import Conflict
from apothecary.tasks.relations.thresholds import Thresholds
from apothecary.tasks.schema import Schema

__all__ = ["Bound", "Notes", "Settings"]


@dataclass(frozen=True)
class Settings:
    """What a user may set.

    `stages`: ``one`` asks a single question for everything, the baseline. `without` leaves out scenarios,
    written ``template/scenario`` and separated by commas. `names` says which pairs of names a model is
    asked about (those that rules leave open): none, those that look alike, or all. `contradictions` says
    what becomes of relations that cannot hold together. `thresholds` is a file; empty takes the shipped
    ones. `window` is in characters. `max_questions` bounds the names and the pairs of one document that
    are asked about. `vocabulary` links names to ids: ``own`` (the dictionary that ships), ``none``, or
    files beside it.

    `batch` is how many questions share a call; above 1 a reply tells codes but no odds. With `screen`, a
    probability, pairs are first asked about alone, and together only those that were less sure. `samples`
    above 1 asks each pair so often at `temperature` and takes a vote. `novelty` asks of every relation
    found whether it is new.
    """

    schema: str = "cdr"
    stages: Literal["two", "one"] = "two"
    without: str = ""
    oracle_mentions: bool = False
    names: Literal["none", "lexical", "all"] = "all"
    broader: Literal["drop", "keep"] = "drop"
    contradictions: Literal["surest", "drop", "keep"] = "surest"
    decide: Literal["log_odds", "argmax"] = "log_odds"
    thresholds: str = ""
    batch: Annotated[int, Field(ge=1, le=200)] = 1
    screen: Annotated[float, Field(ge=0, lt=1)] = 0.0
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    temperature: Annotated[float, Field(gt=0, le=2)] = 0.7
    novelty: bool = False
    window: Annotated[int, Field(ge=1)] = 6000
    max_questions: Annotated[int, Field(ge=0, le=1_000_000_000)] = 2000
    vocabulary: str = "own"


@dataclass(frozen=True)
class Bound:
    """Settings with all they refer to; `engines` are the names of the engines by step."""

    settings: Settings
    schema: Schema
    thresholds: Thresholds
    engines: Mapping[str, str]
    linking: Linking


@dataclass
class Notes(FlowNotes):
    """What a flow collects on its way beside its result."""

    conflicts: list[Conflict] = field(default_factory=list)
    names: list[dict[str, object]] = field(default_factory=list)
    candidates: list[dict[str, object]] = field(default_factory=list)
    links: Sequence[dict[str, object]] = ()
