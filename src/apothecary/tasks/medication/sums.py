"""What every visit adds to the scores: columns of numbers, of which each figure is a quotient of sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apothecary.metrics.lists import interacting_pairs, overlap, pairs, share
from apothecary.metrics.ranking import average_precisions
from apothecary.metrics.resampling import Table
from apothecary.tasks.medication.scored import Gold, Predicted
from apothecary.vocab.interactions import InteractionTable

__all__ = ["BINS", "FIGURES", "Measured", "linked_pairs", "measured_of", "visit_sums"]

BINS = 10
"""Of probability, for the calibration error."""

_ITEMS = 1_000_000
_COLUMNS = (
    *("visits", "jaccard", "precision", "recall", "f1", "ap", "predicted", "gold"),
    *("rate", "gold_rate", "linked", "pairs", "right", "edits", "refused", "scored"),
)
_AT = {name: place for place, name in enumerate(_COLUMNS)}

Lists = Sequence[tuple[int, ...]]
Figure = Callable[[Table], NDArray[np.float64]]


@dataclass(frozen=True)
class Measured:
    """What there is to measure by; `probabilities`: no score lies outside of 0-1."""

    interactions: bool
    scores: bool
    probabilities: bool
    edits: bool
    refusals: bool

    def has(self, figure: str) -> bool:
        """Whether a figure can be told."""
        return {
            "prauc": self.scores,
            "ece": self.scores and self.probabilities,
            "edit_precision": self.edits,
            "refusal_rate": self.refusals,
        }.get(figure, self.interactions or not figure.startswith("ddi"))


def _over(above: str, *below: str) -> Figure:
    def figure(sums: Table) -> NDArray[np.float64]:
        divisor = sums[:, [_AT[name] for name in below]].sum(axis=1)
        result = np.zeros(len(sums))
        np.divide(sums[:, _AT[above]], divisor, out=result, where=divisor > 0)
        return result

    return figure


def _calibration_error(sums: Table) -> NDArray[np.float64]:
    gaps: NDArray[np.float64] = np.abs(sums[:, len(_COLUMNS) :]).sum(axis=1)
    return gaps / np.maximum(sums[:, _AT["scored"]], 1.0)


FIGURES: Mapping[str, Figure] = {
    **{name: _over(name, "visits") for name in ("jaccard", "precision", "recall", "f1")},
    "prauc": _over("ap", "visits"),
    "ddi_rate_macro": _over("rate", "visits"),
    "ddi_rate_micro": _over("linked", "pairs"),
    "ddi_rate_gold": _over("gold_rate", "visits"),
    "mean_drugs": _over("predicted", "visits"),
    "mean_gold": _over("gold", "visits"),
    "edit_precision": _over("right", "edits"),
    "refusal_rate": _over("refused", "refused", "edits"),
    "ece": _calibration_error,
}
"""Every figure of sums over visits. Shapes: argument draws x columns, result draws."""


def measured_of(predictions: Sequence[Predicted], interactions: bool) -> Measured:
    """What predictions allow to measure."""
    scored = [each.scores for each in predictions if len(each.scores)]
    return Measured(
        interactions=interactions,
        scores=bool(scored),
        probabilities=all(scores.min() >= 0 and scores.max() <= 1 for scores in scored),
        edits=any(each.edits for each in predictions),
        refusals=any(each.refused is not None for each in predictions),
    )


def visit_sums(
    gold: Sequence[Gold],
    predictions: Sequence[Predicted],
    names: Sequence[str],
    table: InteractionTable | None,
) -> Table:
    """The columns of every visit; position i of both is one visit. Shapes: result visits x columns."""
    said, given = [each.drugs for each in predictions], [each.drugs for each in gold]
    found = overlap(said, given)
    sums = np.zeros((len(gold), len(_COLUMNS) + BINS))
    columns: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "visits": np.ones(len(gold)),
        "jaccard": found.jaccard,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "predicted": found.predicted,
        "gold": found.gold,
        "pairs": pairs(found.predicted),
    }
    if table is not None:
        ((linked, gold_linked),) = linked_pairs([said, given], names, [table])
        columns["linked"] = linked
        columns["rate"] = share(linked, pairs(found.predicted))
        columns["gold_rate"] = share(gold_linked, pairs(found.gold))
    for name, column in columns.items():
        sums[:, _AT[name]] = column
    for row, (visit, prediction) in enumerate(zip(gold, predictions, strict=True)):
        edits = prediction.edits or ()
        right = sum(added == (drug in visit.drugs) for added, drug in edits)
        sums[row, _AT["right"] : _AT["refused"] + 1] = right, len(edits), prediction.refused or 0
    _add_scores(sums, gold, predictions, len(names))
    return sums


def linked_pairs(
    sides: Sequence[Lists], names: Sequence[str], tables: Sequence[InteractionTable]
) -> list[list[NDArray[np.int64]]]:
    """For each table, and in it for each side, the interacting pairs of every list."""
    known = [place for place, name in enumerate(names) if any(table.knows(name) for table in tables)]
    # Only what the tables know: names that nobody knows cost no memory.
    places = {drug: place for place, drug in enumerate(known)}
    own = [[[places[drug] for drug in drugs if drug in places] for drugs in lists] for lists in sides]
    matrices = (table.matrix([names[drug] for drug in known]) for table in tables)
    return [[interacting_pairs(lists, matrix) for lists in own] for matrix in matrices]


def _add_scores(sums: Table, gold: Sequence[Gold], predictions: Sequence[Predicted], size: int) -> None:
    if not any(len(each.scores) for each in predictions):
        return
    for part in _parts([len(each.scores) for each in predictions]):
        chosen = predictions[part]
        lengths = np.array([len(each.scores) for each in chosen], dtype=np.int64)
        wanted_in_all = np.array([len(each.drugs) for each in gold[part]], dtype=np.int64)
        scores = np.concatenate([each.scores for each in chosen])
        owners = np.repeat(np.arange(len(chosen)), lengths)
        # A drug of a visit as one number, so that all are looked up at once.
        numbers = owners * size + np.concatenate([each.scored for each in chosen])
        given = [row * size + drug for row, each in enumerate(gold[part]) for drug in each.drugs]
        wanted = np.isin(numbers, np.array(given, dtype=np.int64), assume_unique=True)
        sums[part, _AT["ap"]] = average_precisions(wanted, scores, lengths, wanted_in_all)
        sums[part, _AT["scored"]] = lengths
        bins = np.clip(scores * BINS, 0, BINS - 1).astype(np.int64)
        np.add.at(sums, (part.start + owners, len(_COLUMNS) + bins), scores - wanted)


def _parts(lengths: Sequence[int]) -> Iterator[slice]:
    """Visits in parts that fit the memory."""
    start, items = 0, 0
    for place, length in enumerate(lengths):
        if items and items + length > _ITEMS:
            yield slice(start, place)
            start, items = place, 0
        items += length
    if start < len(lengths):
        yield slice(start, len(lengths))
