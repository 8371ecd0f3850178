"""What a run recorded of the pairs it asked about, beside what gold says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from apothecary.metrics.calibration import probability
from apothecary.tasks.relations.evaluators import (
    GoldRelations,
    Pair,
    Prediction,
    Side,
    concept_outcomes,
    linked_ids,
    normalised,
)

__all__ = ["LARGEST", "Candidate", "read_candidates", "rows"]

LARGEST = 1e9
"""Odds beyond are none; no float holds a whole number of 400 digits."""


@dataclass(frozen=True)
class Candidate:
    """Two concepts and a relation type that a model was asked about, with the odds it told.

    `probability` is that of the relation holding, `asserted` whether the run gave it as a relation;
    `gold` holds the gold pairs it maps to (as the ``concept`` evaluator maps): none means that it is wrong.
    """

    relation: str
    odds: float
    probability: float
    asserted: bool
    gold: frozenset[Pair]


def read_candidates(gold: GoldRelations, record: Mapping[str, object]) -> Iterator[Candidate]:
    """The candidates of a record that have odds, in order.

    A row's ``confidence`` is its probability; without one it is the logistic of the odds. Rows without
    odds, with odds beyond `LARGEST`, or with a side that is no concept of the record are left out.
    """
    sides = {str(concept.get("id")): _side(concept) for concept in rows(record, "concepts")}
    asked: list[tuple[Prediction, float, Mapping[str, object]]] = []
    for row in rows(record, "candidates"):
        odds = row.get("log_odds")
        head, tail = sides.get(str(row.get("head"))), sides.get(str(row.get("tail")))
        if isinstance(odds, int | float) and abs(odds) <= LARGEST and head is not None and tail is not None:
            asked.append((Prediction(str(row.get("relation")), head, tail), float(odds), row))
    right = _right(gold, [prediction for prediction, _, _ in asked])
    for prediction, odds, row in asked:
        asserted = row.get("relations")
        yield Candidate(
            prediction.type,
            odds,
            _probability(row.get("confidence"), odds),
            asserted=isinstance(asserted, list) and prediction.type in asserted,
            gold=frozenset(right.get(prediction, ())),
        )


def rows(record: Mapping[str, object], key: str) -> Sequence[Mapping[str, object]]:
    """The objects of a list in a record; anything else in its place counts as none."""
    found = record.get(key, [])
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _right(gold: GoldRelations, predictions: Sequence[Prediction]) -> dict[Prediction, set[Pair]]:
    found: dict[Prediction, set[Pair]] = {}
    for outcome in concept_outcomes(gold, predictions).values():
        for pair in outcome.gold & outcome.predicted.keys():
            for prediction in outcome.predicted[pair]:
                found.setdefault(prediction, set()).add(pair)
    return found


def _side(concept: Mapping[str, object]) -> Side:
    names, ids = concept.get("names", []), concept.get("ids", [])
    texts = frozenset(normalised(str(name)) for name in names) if isinstance(names, list) else frozenset()
    return Side(texts, linked_ids(map(str, ids)) if isinstance(ids, list) else frozenset())


def _probability(given: object, odds: float) -> float:
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    return probability(odds, 1.0, 0.0)
