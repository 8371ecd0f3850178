"""Fit a scorer of drugs on visits whose lists are known.

A kind is added by a branch of `fit_scorer`; how its folder is read: `networks.scorer_files`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.networks.visit_scorers import Neighbours, Popularity, Rows, Scorer
from apothecary.training.logistic_fitting import fit_logistic
from apothecary.training.recommender_settings import RecommenderSettings

__all__ = ["NETWORKS", "Lessons", "fit_scorer", "given_matrix", "need_fitting"]

Matrix = NDArray[np.float64]
Given = NDArray[np.bool_]

NETWORKS = ("safedrug", "gamenet")
"""Kinds that read the earlier visits one by one and need torch."""


@dataclass(frozen=True)
class Lessons:
    """Visits to learn from: their features by name, the drugs that each had, and which of these interact.

    Shapes: given visits x drugs, interacting drugs x drugs.
    """

    rows: Rows
    features: tuple[str, ...]
    given: Given
    interacting: Given


def need_fitting(kind: str) -> None:
    """Raise UsageError where what a kind of scorer needs is not installed."""
    if kind in NETWORKS and importlib.util.find_spec("torch") is None:
        hint = "pip install 'apothecary[train]'; or kind = \"logistic\", which needs nothing"
        raise UsageError(f"torch is not installed: a scorer of the kind {kind} needs it", hint=hint)


def given_matrix(lists: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Given:
    """Which drugs of a vocabulary each list has. Shapes: result lists x drugs."""
    places = {name: place for place, name in enumerate(vocabulary)}
    given = np.zeros((len(lists), len(vocabulary)), dtype=np.bool_)
    for row, names in enumerate(lists):
        given[row, [places[name] for name in names if name in places]] = True
    return given


def fit_scorer(lessons: Lessons, settings: RecommenderSettings) -> Scorer:
    """A scorer of the kind that the settings name. Raises UsageError."""
    rows, given = lessons.rows, lessons.given
    shares: Matrix = given.mean(axis=0)
    if settings.kind == "popularity":
        return Popularity(shares)
    if settings.kind == "knn":
        counts = np.bincount(rows.columns, minlength=rows.width)
        weights = np.log(len(rows) / np.maximum(counts, 1))
        return Neighbours(rows, given, weights, shares, settings.neighbours, settings.prior)
    if settings.kind == "logistic":
        return fit_logistic(rows, given, settings.strength)
    need_fitting(settings.kind)
    networks = import_module("apothecary.training.visit_networks")
    known = networks.Known(lessons.features, lessons.interacting)
    fitted: Scorer = networks.fit_network(
        settings.kind, rows, given, known, settings.network, seed=settings.seed
    )
    return fitted
