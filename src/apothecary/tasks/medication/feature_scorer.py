"""A scorer of sets of features (`networks.visit_scorers`) as one of visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from apothecary.networks.visit_scorers import DrugScorer, Rows
from apothecary.tasks.medication.features import FeatureSpace
from apothecary.tasks.recommending import Case, Reason, Scores

__all__ = ["FeatureScorer"]

_DIGITS = 6


@dataclass(frozen=True)
class FeatureScorer:
    """Scores visits by their features. Visits of which it knows nothing get the shares."""

    kept: DrugScorer

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The drugs of the training."""
        return self.kept.vocabulary

    @property
    def threshold(self) -> float:
        """That of the training."""
        return self.kept.threshold

    @property
    def shares(self) -> NDArray[np.float64]:
        """Those of the training visits."""
        return self.kept.shares

    def score(self, cases: Sequence[Case]) -> Scores:
        """The calibrated probabilities, with the features of each visit as evidence."""
        rows = self._space.rows(cases, self.vocabulary if self.kept.scorer.reads_earlier else None)
        probabilities = self.kept.probabilities(rows)
        # Of what a training never met it says nothing, though its numbers would.
        bare = np.diff(rows.starts) == 0 if self._knows_bare else self._space.bare(rows)
        probabilities[bare] = self.shares

        def evidence(place: int, drugs: Sequence[int], most: int) -> list[list[Reason]]:
            return [[] for _ in drugs] if bare[place] else self._evidence(rows, place, drugs, most)

        return Scores(probabilities, bare, evidence)

    @cached_property
    def _space(self) -> FeatureSpace:
        return FeatureSpace(self.kept.features, self.kept.titles)

    @cached_property
    def _knows_bare(self) -> bool:
        """Whether the training had visits without codes and history."""
        count = self.kept.about.get("bare_visits")
        return isinstance(count, int) and count > 0

    def _evidence(self, rows: Rows, place: int, drugs: Sequence[int], most: int) -> list[list[Reason]]:
        columns = rows.row(place)
        found = self.kept.evidence(columns, drugs)
        if found is None or not most:
            return [[] for _ in drugs]
        order = np.argsort(-np.abs(found), axis=0, kind="stable")[:most]
        names = self._features
        values = np.take_along_axis(found, order, axis=0).round(_DIGITS).T.tolist()
        return [
            [{**names[column], "log_odds": value} for column, value in zip(named, told, strict=True)]
            for named, told in zip(columns[order].T.tolist(), values, strict=True)
        ]

    @cached_property
    def _features(self) -> list[Reason]:
        """How each is named in a reason."""
        titles = self.kept.titles
        rows: list[Reason] = [{"feature": name} for name in self.kept.features]
        for row, name in zip(rows, self.kept.features, strict=True):
            if name in titles:
                row["title"] = titles[name]
        return rows
