"""Does the confidence of a run mean what it says, and is it worth keeping only what is confident?

Two questions, over two sets of cases:

- Reliability (``ece``, ``brier``, ``bins``, ``equal_mass_bins``) is over every candidate, asserted or not:
  its probability against whether the relation is in gold.
- Risk and coverage (``curve``, ``aurc``, ``excess_aurc``, ``coverage_at_risk``) are over the relations that
  the run asserted, ranked by probability: the risk of a cut is the share of wrong ones among those kept
  (one less precision). Unasserted candidates are left out: most of them are rightly and easily denied, and
  their number would make any ranking look good.

A gold pair that was never asked about is in neither: confidence says nothing about what was not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from apothecary.documents import Document
from apothecary.metrics.calibration import brier, expected_calibration_error
from apothecary.metrics.selective import (
    RiskPoint,
    aurc,
    coverage_at_risk,
    equal_mass_bins,
    equal_width_bins,
    excess_aurc,
    risk_coverage,
)
from apothecary.tasks.relations.candidates import Candidate, read_candidates
from apothecary.tasks.relations.evaluators import gold_relations, undirected_types

__all__ = ["RISKS", "confidence_report"]

RISKS = (0.05, 0.1, 0.2, 0.3)
"""Shares of wrong relations at which the coverage is told."""
MOST_POINTS = 100
"""Points of a curve that are kept: enough to draw it, whatever the size of the run."""


def confidence_report(
    pairs: Iterable[tuple[Document, Mapping[str, object] | None]],
) -> dict[str, object]:
    """``{"all": FIGURES, "by_type": {relation type: FIGURES}}``; empty when no record holds odds.

    FIGURES: ``candidates``, ``positives`` (of them in gold), ``ece`` (10 bins of equal width), ``brier``,
    ``bins``, ``equal_mass_bins``, ``asserted``, ``aurc``, ``excess_aurc`` (None when nothing is asserted),
    ``coverage_at_risk`` (by risk) and ``curve`` (at most `MOST_POINTS` points). A candidate is in gold when
    it maps to a gold pair under the ``concept`` evaluator. Raises DataError for gold relations that are no
    pairs.
    """
    by_type: dict[str, list[Candidate]] = {}
    for document, record in pairs:
        if record is not None:
            gold = gold_relations(document, undirected_types(document.id, record))
            for candidate in read_candidates(gold, record):
                by_type.setdefault(candidate.relation, []).append(candidate)
    if not by_type:
        return {}
    every = [candidate for members in by_type.values() for candidate in members]
    return {
        "all": _figures(every),
        "by_type": {type_: _figures(members) for type_, members in sorted(by_type.items())},
    }


def _figures(candidates: Sequence[Candidate]) -> dict[str, object]:
    judged = [(each.probability, bool(each.gold)) for each in candidates]
    probabilities, outcomes = [p for p, _ in judged], [right for _, right in judged]
    kept = [(each.probability, bool(each.gold)) for each in candidates if each.asserted]
    return {
        "candidates": len(judged),
        "positives": sum(outcomes),
        "ece": expected_calibration_error(probabilities, outcomes),
        "brier": brier(probabilities, outcomes),
        "bins": [each.as_dict() for each in equal_width_bins(judged)],
        "equal_mass_bins": [each.as_dict() for each in equal_mass_bins(judged)],
        "asserted": len(kept),
        "aurc": aurc(kept),
        "excess_aurc": excess_aurc(kept),
        "coverage_at_risk": {str(risk): coverage_at_risk(kept, risk) for risk in RISKS},
        "curve": [point.as_dict() for point in _thinned(risk_coverage(kept))],
    }


def _thinned(points: Sequence[RiskPoint]) -> list[RiskPoint]:
    """At most `MOST_POINTS`, evenly spread, the first and the last among them."""
    last = len(points) - 1
    if last < MOST_POINTS:
        return list(points)
    return [points[round(place * last / (MOST_POINTS - 1))] for place in range(MOST_POINTS)]
