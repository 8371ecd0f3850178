"""What a frontier is made of: lists at several weights of interactions, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.metrics.bootstrap import Interval

__all__ = ["Frontier", "Point"]


@dataclass(frozen=True)
class Point:
    """The lists at one weight of interactions; `jaccard` and `f1` are None where no list is known.

    `ddi_rate` is the mean over visits of the share of interacting pairs, `ddi_rate_micro` that of the
    pairs of all visits, `by_source` the first for each source alone.
    """

    safety: float
    visits: int
    compared: int
    jaccard: Interval | None
    f1: Interval | None
    expected_jaccard: float
    ddi_rate: Interval
    ddi_rate_micro: float
    by_source: Mapping[str, float]
    mean_drugs: float
    mean_edits: float


@dataclass(frozen=True)
class Frontier:
    """All points, and the rate of interactions of the lists that are known (None: none is)."""

    folder: Path
    points: tuple[Point, ...]
    gold_rate: float | None
    gold_by_source: Mapping[str, float]
    failed: int
    warnings: tuple[str, ...]
