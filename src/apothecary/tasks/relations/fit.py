"""Fit thresholds on the odds that a run has recorded, against gold.

A run keeps the odds of every pair it asked about (`candidates`) and of every two names (`names`);
a fit needs no engine. Fit on a training or development split, never on a test set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.metrics.thresholds import Threshold, fit_threshold, roc_auc
from apothecary.tasks.flow import Pairs
from apothecary.tasks.relations.evaluators import GoldRelations, Prediction, Side, gold_relations, normalised

__all__ = ["fit"]

Scored = list[tuple[float, bool]]
LARGEST = 1e9
"""Odds beyond are none; no float holds a whole number of 400 digits."""
NAMES_PRECISION = 0.5
"""Two names are only joined by a rule that is right more often than wrong: a false join spreads over all
relations of both concepts, a missed one costs a synonym."""


def fit(pairs: Pairs) -> dict[str, object]:
    """The thresholds that maximise F1, as a thresholds file holds them, with what they were fitted on.

    Pairs: a pair is right when it maps to a gold pair (as the ``concept`` evaluator maps); gold pairs
    that were never asked about count as missed. Names: two names are the same when gold mentions give
    them a common id, and no threshold below `NAMES_PRECISION` is taken; pairs with a name that gold does
    not know are left out. Broader and narrower have
    no gold in CDR: ``<>`` is null (never). Raises FormatError for a record without odds.
    """
    asked: dict[str, Scored] = {}
    missed: dict[str, int] = {}
    same: Scored = []
    documents = 0
    for document, record in pairs:
        gold = gold_relations(document)
        documents += 1
        if record is None:
            continue
        found = _pairs(document, record, gold, asked)
        for kind, ids in gold.pairs.items():
            missed[kind] = missed.get(kind, 0) + len(ids - found.get(kind, set()))
        same += _names(record, gold)
    if not asked and not same:
        raise FormatError(
            "the predictions hold no odds", hint="extract with an engine that tells log-probabilities"
        )
    fitted = {kind: fit_threshold(scored, extra_fn=missed.get(kind, 0)) for kind, scored in asked.items()}
    names = fit_threshold(same, min_precision=NAMES_PRECISION) if same else None
    return {
        "pairs": {kind: _finite(threshold) for kind, threshold in fitted.items()},
        "names": {"=": _finite(names) if names else None, "<>": None},
        "fit": {
            "documents": documents,
            "pairs": {kind: _row(fitted[kind], scored) for kind, scored in asked.items()},
            "names": _row(names, same) if names else None,
        },
    }


def _pairs(
    document: Document, record: Mapping[str, object], gold: GoldRelations, asked: dict[str, Scored]
) -> dict[str, set[tuple[str, str]]]:
    """Score and truth of every candidate, by relation type; returns the gold pairs that were asked about."""
    sides = {str(concept.get("id")): _side(concept) for concept in _rows(record, "concepts")}
    found: dict[str, set[tuple[str, str]]] = {}
    for row in _rows(record, "candidates"):
        odds, kind = row.get("log_odds"), str(row.get("relation"))
        head, tail = sides.get(str(row.get("head"))), sides.get(str(row.get("tail")))
        if not isinstance(odds, int | float) or abs(odds) > LARGEST or head is None or tail is None:
            continue
        heads, tails = gold.mapped_ids(Prediction(kind, head, tail))
        right = {(a, b) for a in heads for b in tails} & gold.pairs.get(kind, frozenset())
        found.setdefault(kind, set()).update(right)
        asked.setdefault(kind, []).append((float(odds), bool(right)))
    return found


def _side(concept: Mapping[str, object]) -> Side:
    names, ids = concept.get("names", []), concept.get("ids", [])
    texts = frozenset(normalised(str(name)) for name in names) if isinstance(names, list) else frozenset()
    return Side(texts, frozenset(map(str, ids)) if isinstance(ids, list) else frozenset())


def _names(record: Mapping[str, object], gold: GoldRelations) -> Scored:
    scored: Scored = []
    for row in _rows(record, "names"):
        odds = row.get("log_odds")
        value = odds.get("=") if isinstance(odds, Mapping) else None
        keys = [(str(row.get("type")), normalised(str(row.get(side)))) for side in ("first", "second")]
        ids = [gold.named.get(key, frozenset()) for key in keys]
        if isinstance(value, int | float) and abs(value) <= LARGEST and all(ids):
            scored.append((float(value), bool(ids[0] & ids[1])))
    return scored


def _rows(record: Mapping[str, object], key: str) -> Sequence[Mapping[str, object]]:
    rows = record.get(key, [])
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _finite(threshold: Threshold) -> float | None:
    return round(threshold.value, 4) if math.isfinite(threshold.value) else None


def _row(threshold: Threshold, scored: Scored) -> dict[str, object]:
    return {
        "questions": threshold.n,
        "positives": threshold.positives,
        "f1": round(threshold.f1, 4),
        "precision": round(threshold.precision, 4),
        "recall": round(threshold.recall, 4),
        "auc": roc_auc(scored),
    }
