"""Scores of predicted relations against gold documents, under the four evaluators of `evaluators`.

Every evaluator reports ``micro`` (counts summed over documents, with 95 % bootstrap intervals over
documents, paired across evaluators), ``macro`` (mean over relation types), ``macro_by_document`` (mean over
documents) and ``by_type``. Means pass over types and documents that have neither gold nor predictions under
that evaluator; a type that occurs in predictions alone is a member and scores 0.0.

Gold against gold gives 1.0 under all evaluators when the predictions give ids. With strings alone the
``concept`` evaluators can fall short, as a composite mention maps to all its ids (F1 99.2 and 99.3 on the
CDR training and development parts). A gold argument marked as not linked (``-1``) can never be matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from apothecary.documents import Document
from apothecary.errors import FormatError, UsageError
from apothecary.metrics.counts import Counts, by_label, macro, total
from apothecary.metrics.tables import micro_and_types
from apothecary.tasks.relations.evaluators import (
    ConceptOutcome,
    GoldRelations,
    Pair,
    Prediction,
    Side,
    cluster_overlap_counts,
    concept_outcomes,
    gold_relations,
    linked_ids,
    normalised,
    string_pair_counts,
    undirected_types,
)

__all__ = [
    "EVALUATORS",
    "RelationError",
    "document_counts",
    "error_row",
    "errors",
    "read_predictions",
    "score",
]

EVALUATORS = ("concept", "concept_mapped", "string_pair", "cluster_overlap")

Record = Mapping[str, object]


@dataclass(frozen=True, order=True)
class RelationError:
    """One error under the ``concept`` evaluator.

    `kind` is ``fp`` (a wrong pair of ids), ``fn`` (a missing one) or ``unmapped`` (a predicted relation with
    a side that maps to no id; its ids are empty). Names are the gold texts of an id in the document, or the
    predicted strings where there are none and for ``unmapped``.
    """

    document_id: str
    kind: Literal["fn", "fp", "unmapped"]
    type: str
    head_names: tuple[str, ...]
    tail_names: tuple[str, ...]
    head_ids: tuple[str, ...]
    tail_ids: tuple[str, ...]


def score(
    pairs: Iterable[tuple[Document, Record | None]],
    *,
    excuse_broader: bool = False,
    broader: Literal["keep", "drop"] = "keep",
    seed: int = 0,
    resamples: int = 1000,
    list_errors: bool = False,
) -> dict[str, object]:
    """All evaluators over gold documents, each with its prediction record (None: nothing predicted).

    `broader="drop"` removes predictions with a side flagged as broader before anything is scored.
    `excuse_broader` reproduces the released scorer, which forgives such predictions when they are wrong; it
    changes ``cluster_overlap`` alone. `list_errors` adds every error of every document under ``errors``.
    ``undirected`` lists the relation types that were compared unordered (see `evaluators`).
    Raises FormatError naming document, index and field of a malformed prediction, DataError for
    gold relations that are no pairs, UsageError for an unknown `broader`.
    """
    if broader not in ("keep", "drop"):
        raise UsageError(f"broader is {broader!r}", hint="use keep or drop")
    rows: dict[str, list[Mapping[str, Counts]]] = {name: [] for name in EVALUATORS}
    listing: list[dict[str, object]] = []
    unordered: set[str] = set()
    predicted_documents = gold_pairs = 0
    for document, record in pairs:
        gold, predictions = _read(document, record)
        if broader == "drop":
            predictions = [each for each in predictions if not (each.head.broader or each.tail.broader)]
        for name, counts in document_counts(gold, predictions, excuse_broader=excuse_broader).items():
            rows[name].append(counts)
        unordered |= gold.undirected & rows["concept"][-1].keys()
        if list_errors:
            listing += [error_row(each) for each in _errors(gold, predictions)]
        predicted_documents += record is not None
        gold_pairs += sum(map(len, gold.pairs.values()))
    return {
        "evaluators": _tables(rows, resamples=resamples, seed=seed),
        "documents": len(rows["concept"]),
        "predicted_documents": predicted_documents,
        "gold_pairs": gold_pairs,
        "undirected": sorted(unordered),
        "settings": {
            "excuse_broader": excuse_broader,
            "broader": broader,
            "seed": seed,
            "resamples": resamples,
        },
    } | ({"errors": listing} if list_errors else {})


def document_counts(
    gold: GoldRelations, predictions: Sequence[Prediction], *, excuse_broader: bool = False
) -> dict[str, dict[str, Counts]]:
    """For one document: evaluator -> relation type -> counts."""
    outcomes = concept_outcomes(gold, predictions)
    return {
        "concept": {type_: each.counts(mapped_only=False) for type_, each in outcomes.items()},
        "concept_mapped": {type_: each.counts(mapped_only=True) for type_, each in outcomes.items()},
        "string_pair": string_pair_counts(gold, predictions),
        "cluster_overlap": cluster_overlap_counts(gold, predictions, excuse_broader=excuse_broader),
    }


def errors(document: Document, record: Record | None) -> list[RelationError]:
    """Every error of a document under ``concept``, sorted. Raises as `score`."""
    return _errors(*_read(document, record))


def error_row(error: RelationError) -> dict[str, object]:
    """An error as JSON holds it: names and ids are lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(error).items()}


def read_predictions(document_id: str, record: Record) -> list[Prediction]:
    """The relations of a prediction record; a repeated relation comes out once.

    Raises FormatError naming the document, the index and the field.
    """
    relations = record.get("relations")
    if not isinstance(relations, list):
        raise _wrong(document_id, "relations", "is missing or not a list")
    unordered = undirected_types(document_id, record)
    found: dict[Prediction, None] = {}
    for index, relation in enumerate(relations):
        place = f"relations[{index}]"
        if not isinstance(relation, Mapping):
            raise _wrong(document_id, place, "is not an object")
        type_ = relation.get("type")
        if not isinstance(type_, str) or not type_:
            raise _wrong(document_id, f"{place}.type", "is missing or not a string")
        sides = [_side(document_id, f"{place}.{role}", relation.get(role)) for role in ("head", "tail")]
        if type_ in unordered:
            sides.sort(key=lambda side: (sorted(side.texts), sorted(side.ids)))
        found[Prediction(type_, *sides)] = None
    return list(found)


def _read(document: Document, record: Record | None) -> tuple[GoldRelations, list[Prediction]]:
    gold = gold_relations(document, undirected_types(document.id, record))
    return gold, [] if record is None else read_predictions(document.id, record)


def _side(document_id: str, place: str, side: object) -> Side:
    if not isinstance(side, Mapping):
        raise _wrong(document_id, place, "is missing or not an object")
    texts = _strings(document_id, f"{place}.texts", side.get("texts", []))
    ids = _strings(document_id, f"{place}.ids", side.get("ids", []))
    broader = side.get("broader", False)
    if not isinstance(broader, bool):
        raise _wrong(document_id, f"{place}.broader", "is neither true nor false")
    result = Side(frozenset(map(normalised, texts)) - {""}, linked_ids(ids), broader)
    if not result.texts and not result.ids:
        raise _wrong(document_id, place, "names nothing: it has neither texts nor ids")
    return result


def _strings(document_id: str, place: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(document_id, place, "is not a list of strings")
    return value


def _wrong(document_id: str, place: str, problem: str) -> FormatError:
    return FormatError(
        f"{place} {problem}",
        where=f"document {document_id}",
        hint='write {"type": "CID", "head": SIDE, "tail": SIDE} with SIDE {"texts": ["aspirin"], "ids": []}',
    )


def _tables(
    rows: Mapping[str, Sequence[Mapping[str, Counts]]], *, resamples: int, seed: int
) -> dict[str, dict[str, object]]:
    tables = micro_and_types(rows, resamples=resamples, seed=seed)
    for name, documents in rows.items():
        tables[name]["macro"] = macro(by_label(documents).values())
        tables[name]["macro_by_document"] = macro(total(row.values()) for row in documents)
    return tables


def _errors(gold: GoldRelations, predictions: Sequence[Prediction]) -> list[RelationError]:
    found: list[RelationError] = []
    for type_, outcome in concept_outcomes(gold, predictions).items():
        found += _pair_errors(gold, type_, outcome)
        found += _unmapped_errors(gold, type_, outcome)
    return sorted(found)


def _pair_errors(gold: GoldRelations, type_: str, outcome: ConceptOutcome) -> list[RelationError]:
    wrong = outcome.predicted.keys() - outcome.gold
    missing = outcome.gold - outcome.predicted.keys()
    kinds: list[tuple[Literal["fp", "fn"], Pair]] = [("fp", pair) for pair in wrong]
    kinds += [("fn", pair) for pair in missing]
    return [
        RelationError(
            document_id=gold.document_id,
            kind=kind,
            type=type_,
            head_names=_names(gold, pair[0], outcome.predicted.get(pair, ())),
            tail_names=_names(gold, pair[1], outcome.predicted.get(pair, ())),
            head_ids=(pair[0],),
            tail_ids=(pair[1],),
        )
        for kind, pair in kinds
    ]


def _unmapped_errors(gold: GoldRelations, type_: str, outcome: ConceptOutcome) -> list[RelationError]:
    return [
        RelationError(
            document_id=gold.document_id,
            kind="unmapped",
            type=type_,
            head_names=_side_names(gold, prediction.head),
            tail_names=_side_names(gold, prediction.tail),
            head_ids=tuple(sorted(heads)),
            tail_ids=tuple(sorted(tails)),
        )
        for prediction, (heads, tails) in outcome.unmapped.items()
    ]


def _names(gold: GoldRelations, identifier: str, predictions: Sequence[Prediction]) -> tuple[str, ...]:
    """The gold texts of an id; else the strings of the predicted sides that give this id themselves."""
    names = gold.names.get(identifier)
    if names is None:
        sides = [side for each in predictions for side in (each.head, each.tail) if identifier in side.ids]
        names = frozenset(text for side in sides for text in side.texts)
    return tuple(sorted(names))


def _side_names(gold: GoldRelations, side: Side) -> tuple[str, ...]:
    if side.texts:
        return tuple(sorted(side.texts))
    return tuple(sorted({name for each in side.ids for name in gold.names.get(each, ())}))
