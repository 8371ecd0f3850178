"""Fit a scorer of drugs on visits whose lists are known.

A kind is added by a branch of `fit_scorer`; how its folder is read: `networks.scorer_files`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import UsageError
from apothecary.networks.visit_scorers import Neighbours, Popularity, Rows, Scorer
from apothecary.training.logistic_fitting import fit_logistic
from apothecary.training.recommender_settings import RecommenderSettings
from apothecary.vocab.interactions import InteractionTable, drug_key

__all__ = ["NETWORKS", "DrugFacts", "Lessons", "fit_scorer", "given_matrix", "need_fitting"]

Matrix = NDArray[np.float64]
Given = NDArray[np.bool_]

NETWORKS = ("safedrug", "gamenet")
"""Kinds that read the earlier visits one by one and need torch."""


@dataclass(frozen=True)
class DrugFacts:
    """What is known of drugs beside the visits: which interact, and (drug, part) pairs of their molecules."""

    interactions: InteractionTable = field(default_factory=lambda: InteractionTable.of(()))
    parts: tuple[tuple[str, str], ...] = ()

    def interacting(self, vocabulary: Sequence[str]) -> Given:
        """Which drugs interact. Shapes: result drugs x drugs."""
        return np.asarray(self.interactions.matrix(vocabulary) > 0)

    def having(self, vocabulary: Sequence[str]) -> Given | None:
        """Which drugs have which part; None where no part of any of them is known. Shapes: parts x drugs."""
        places = {drug_key(name): place for place, name in enumerate(vocabulary)}
        known = [(part, places[drug_key(name)]) for name, part in self.parts if drug_key(name) in places]
        rows = {part: row for row, part in enumerate(sorted({part for part, _ in known}))}
        found = np.zeros((len(rows), len(vocabulary)), dtype=np.bool_)
        for part, place in known:
            found[rows[part], place] = True
        return found if known else None


@dataclass(frozen=True)
class Lessons:
    """Visits to learn from: their features by name, the drugs that each had, and what is known of these.

    `parts` are those of molecules, where they are known. Shapes: given visits x drugs, interacting drugs x
    drugs, parts parts x drugs.
    """

    rows: Rows
    features: tuple[str, ...]
    given: Given
    interacting: Given
    parts: Given | None = None


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
    known = networks.Known(lessons.features, lessons.interacting, lessons.parts)
    fitted: Scorer = networks.fit_network(
        settings.kind, rows, given, known, settings.network, seed=settings.seed
    )
    return fitted
