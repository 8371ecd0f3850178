"""How the scenarios of this task are measured when they are left out one by one.

The loop itself is in `apothecary.tasks.ablation`; here is what it needs to know of relations: the steps
that read scenarios, the counts of one document, and what counts as an answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from apothecary.documents import Document
from apothecary.metrics.counts import Counts, total
from apothecary.tasks.ablation import Ablatable
from apothecary.tasks.relations.evaluators import gold_relations, undirected_types
from apothecary.tasks.relations.score import EVALUATORS, document_counts, read_predictions
from apothecary.tasks.relations.steps import PAIRS
from apothecary.tasks.relations.together import PAIRS_TOGETHER

__all__ = ["ABLATION", "answers", "count", "held"]

ANSWERED = ("head", "tail", "template", "relation", "answer", "relations")
"""What is compared of a candidate: its log-odds move with every word of a prompt and are left out."""


def count(document: Document, record: Mapping[str, object] | None, evaluator: str) -> Counts:
    """Counts of one document under one of `EVALUATORS`, all relation types together. Raises as `score`."""
    predictions = [] if record is None else read_predictions(document.id, record)
    gold = gold_relations(document, undirected_types(document.id, record))
    return total(document_counts(gold, predictions)[evaluator].values())


def answers(record: Mapping[str, object] | None) -> str:
    """SHA-256 over the code that answered each pair and what was accepted; empty for a failed document."""
    if record is None:
        return ""
    candidates = record.get("candidates")
    rows = [
        [each.get(key) for key in ANSWERED]
        for each in (candidates if isinstance(candidates, list) else [])
        if isinstance(each, Mapping)
    ]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()


def held(settings: Mapping[str, object]) -> dict[str, str]:
    """The thresholds of the full schema as a file: fitted ones are found by their wording, which varies."""
    found = settings.get("thresholds")
    fitted = found if isinstance(found, Mapping) else {}
    return {"thresholds": json.dumps({key: each for key, each in fitted.items() if key != "origin"}) + "\n"}


ABLATION = Ablatable(
    steps=(PAIRS.name, PAIRS_TOGETHER.name),
    evaluators=EVALUATORS,
    count=count,
    answers=answers,
    held=held,
)
