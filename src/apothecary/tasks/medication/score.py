"""Scores of lists of medication: averages over visits, with intervals over patients.

| figure | what it is |
|---|---|
| `jaccard`, `precision`, `recall`, `f1` | mean over visits; 0.0 where a visit's is undefined |
| `prauc` | mean over visits of average precision; a drug without a score is never found |
| `ddi_rate_macro` | mean over visits of the share of interacting pairs; 0.0 for fewer than two drugs |
| `ddi_rate_micro` | interacting pairs over pairs, of all visits together |
| `ddi_rate_gold` | `ddi_rate_macro` of the gold lists |
| `mean_drugs`, `mean_gold` | drugs in a list |
| `edit_precision` | edits towards gold (a drug of it added, another removed), over edits |
| `refusal_rate` | lines that named no drug of the vocabulary, over these and edits |
| `ece` | expected calibration error of the scores, ten bins, where all are probabilities |

A visit without a prediction has an empty list. A figure is None where nothing was given to measure it by.
Source: the evaluation of FLAME (arXiv 2505.20218). Departures: 1. Names are compared without regard to case,
blanks and hyphens. 2. Intervals, by patients: the visits of one are not independent. 3. Both ways to average
the rate of interactions, by source of interactions, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator

from apothecary.errors import DataError, first_few
from apothecary.metrics.clusters import clustered, drawn_clusters, swapped_clusters
from apothecary.metrics.lists import pairs, share
from apothecary.metrics.resampling import Table, interval
from apothecary.tasks.flow import ScoreOptions
from apothecary.tasks.medication.scored import (
    Drugs,
    Gold,
    Predicted,
    Visits,
    read_gold,
    read_predictions,
)
from apothecary.tasks.medication.sums import FIGURES, linked_pairs, measured_of, visit_sums
from apothecary.tasks.rows import Rows
from apothecary.tasks.settings import bind
from apothecary.vocab.drug_names import read_drug_names
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.interactions import InteractionTable

__all__ = ["ScoreSettings", "compare", "score", "table"]

NEARLY = 1e-12
"""Two figures can be equal and differ in the last bit; such a difference is none."""

_LENGTHS = ("mean_drugs", "mean_gold")
_SAME = (*_LENGTHS, "ddi_rate_gold")


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class ScoreSettings:
    """What a user may set: `interactions` are files that `vocab.interaction_files` reads, `names` is one of
    other names of drugs (`vocab.drug_names`), by which interactions are found too."""

    interactions: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    names: str = ""


@dataclass(frozen=True)
class Compared:
    """Visits with what one system predicted for each, in their order."""

    visits: Visits
    predictions: Sequence[Predicted]
    given: int

    @property
    def gold(self) -> Sequence[Gold]:
        """The visits with gold."""
        return self.visits.rows


def score(gold: Rows, predictions: Rows, options: ScoreOptions) -> dict[str, object]:
    """Every figure of the table above as ``{"value", "low", "high"}``, or None; and what was scored.

    ``interactions`` says what table was used, and the rates by its sources. Raises DataError for rows that
    are wrong and without a visit that has gold, UsageError for a setting that there is not.
    """
    interactions, drugs = _interactions(options), Drugs()
    visits = _visits(gold, drugs)
    system = _system(visits, predictions, drugs)
    sums = visit_sums(system.gold, system.predictions, drugs.names, interactions)
    by_patient = clustered(sums, [each.patient for each in system.gold])
    drawn = drawn_clusters(by_patient, resamples=options.resamples, seed=options.seed)
    measured = measured_of(system.predictions, interactions is not None)
    found: dict[str, object] = {
        "visits": len(system.gold),
        "patients": len(by_patient),
        "predicted_visits": system.given,
        "left_out": visits.left_out,
    }
    total = _total(by_patient)
    for name, figure in FIGURES.items():
        known = measured.has(name)
        found[name] = interval(float(figure(total)[0]), figure(drawn)).as_dict() if known else None
    missing = len(system.gold) - system.given
    warnings = [f"visits without a prediction: {missing}"] if missing else []
    found["interactions"] = None
    if interactions is not None:
        found["interactions"] = _described(interactions, system, drugs.names)
        warnings += _warnings(interactions, drugs.names)
    return {**found, "warnings": warnings}


def compare(
    gold: Rows, predictions: Rows, against: Rows, options: ScoreOptions
) -> dict[str, dict[str, object]]:
    """For each figure ``{"difference": {"value", "low", "high"}, "p"}``: of `predictions` less `against`.

    Bounds are a paired bootstrap's, p is two-sided, of a randomization test, both over patients. Lengths of
    lists are left out, and a figure that one of the two lacks. Raises as `score`.
    """
    interactions, drugs = _interactions(options), Drugs()
    visits = _visits(gold, drugs)
    systems = [_system(visits, rows, drugs) for rows in (predictions, against)]
    owners = [each.patient for each in visits.rows]
    a, b = (
        clustered(visit_sums(each.gold, each.predictions, drugs.names, interactions), owners)
        for each in systems
    )
    count, seed = options.resamples, options.seed
    drawn = [drawn_clusters(each, resamples=count, seed=seed) for each in (a, b)]
    swapped = swapped_clusters(a, b, resamples=count, seed=seed)
    measured = [measured_of(each.predictions, interactions is not None) for each in systems]
    found: dict[str, dict[str, object]] = {}
    for name, figure in FIGURES.items():
        if name in _SAME or not all(each.has(name) for each in measured):
            continue
        value = float(figure(_total(a))[0] - figure(_total(b))[0])
        chance = np.abs(figure(swapped[0]) - figure(swapped[1]))
        as_large = int(np.count_nonzero(chance >= abs(value) - NEARLY))
        bounds = interval(value, figure(drawn[0]) - figure(drawn[1]))
        found[name] = {"difference": bounds.as_dict(), "p": (as_large + 1) / (count + 1)}
    return found


def table(found: Mapping[str, object]) -> list[list[str]]:
    """A score as rows of text: shares in per cent."""
    rows = [["", "value", "95 % interval"]]
    for name in FIGURES:
        each = found[name]
        if isinstance(each, Mapping):
            scale = 1 if name in _LENGTHS else 100
            value, low, high = (f"{scale * each[key]:.1f}" for key in ("value", "low", "high"))
            rows.append([name.replace("_", " "), value, f"{low}-{high}"])
    described = found["interactions"]
    if isinstance(described, Mapping):
        rows += [
            [f"ddi rate macro, {source}", f"{100 * each['ddi_rate_macro']:.1f}", ""]
            for source, each in described["by_source"].items()
        ]
    return rows


def _interactions(options: ScoreOptions) -> InteractionTable | None:
    settings = bind(ScoreSettings, options.settings)
    names = read_drug_names(Path(settings.names)) if settings.names else None
    return read_interactions(settings.interactions, names) if settings.interactions else None


def _visits(gold: Rows, drugs: Drugs) -> Visits:
    visits = read_gold(gold, drugs)
    if not visits.rows:
        raise DataError("no visit has gold", hint='rows are {"visit_id": "...", "gold": ["...", ...]}')
    return visits


def _system(visits: Visits, rows: Rows, drugs: Drugs) -> Compared:
    said = read_predictions(rows, drugs, visits.ids)
    predictions = [said.get(each.id, Predicted()) for each in visits.rows]
    return Compared(visits, predictions, sum(each.id in said for each in visits.rows))


def _described(interactions: InteractionTable, system: Compared, names: Sequence[str]) -> dict[str, object]:
    """What the rates are by: sources, files, pairs, and the rates by each source alone."""
    sources = interactions.sources
    sides = [each.drugs for each in system.predictions], [each.drugs for each in system.gold]
    every = [pairs(np.array([len(drugs) for drugs in side], dtype=np.int64)) for side in sides]
    tables = [interactions.of_source(source) for source in sources]
    by_source: dict[str, dict[str, float]] = {}
    for source, linked in zip(sources, linked_pairs(sides, names, tables), strict=True):
        said, given = (float(share(*each).mean()) for each in zip(linked, every, strict=True))
        pooled = float(linked[0].sum() / max(1, every[0].sum()))
        by_source[source] = {"ddi_rate_macro": said, "ddi_rate_micro": pooled, "ddi_rate_gold": given}
    return {
        "pairs": len(interactions),
        "versions": sorted({row.version for row in interactions.rows}),
        "drugs_known": sum(interactions.knows(name) for name in names),
        "drugs": len(names),
        "by_source": by_source,
    }


def _warnings(interactions: InteractionTable, names: Sequence[str]) -> list[str]:
    outside = interactions.outside(names)
    if not outside:
        return []
    total, few = len(interactions.names), first_few(outside)
    return [f"{len(outside)} of {total} drugs of the interactions are in no list: {few}"]


def _total(sums: Table) -> Table:
    total: Table = sums.sum(axis=0, keepdims=True)
    return total
