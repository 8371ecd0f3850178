"""What a user writes to train a scorer of drugs: one TOML file, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from apothecary.formats.toml_settings import checked, toml_table
from apothecary.training.network_settings import NetworkSettings

__all__ = ["RecommenderSettings", "read_recommender_settings"]

Count = Annotated[int, Field(ge=1)]
Kind = Literal["popularity", "knn", "logistic", "safedrug", "gamenet"]


@dataclass(frozen=True)
class RecommenderSettings:
    """A scorer and what it learns from.

    `visits` is a file of visits with their lists. `kind` is one of `Kind`; the last two are networks.
    `min_support` is in how many training visits a drug must have been given to be in the vocabulary,
    `min_features` how many must have had a feature. `folds` are the inner parts, by patient, by which
    probabilities are calibrated and the threshold is chosen (1: neither). `held_out` is the share of
    patients that is kept out and measured on. `neighbours` and `prior` are those of ``knn``,
    `strength` is the inverse of the ridge of ``logistic`` (C). `interactions` are tables of interactions,
    relative to the same folder as the visits, that networks learn from, and `network` says how they do.
    `parts` is a table ``drug,part`` beside them, of the fragments of molecules, which ``safedrug`` reads.
    """

    visits: str
    kind: Kind = "logistic"
    task: str = "medication"
    min_support: Count = 5
    min_features: Count = 2
    folds: Count = 5
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    seed: int = 13
    neighbours: Count = 10
    prior: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    strength: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    interactions: tuple[str, ...] = ()
    parts: str = ""
    network: NetworkSettings = field(default_factory=NetworkSettings)


_ADAPTER = TypeAdapter(RecommenderSettings)


def read_recommender_settings(path: Path) -> RecommenderSettings:
    """Read and check a configuration. Raises UsageError, FormatError."""
    return checked(_ADAPTER, toml_table(path), str(path))
