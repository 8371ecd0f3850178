"""Scores of predicted mentions against gold documents.

Two evaluators, each with counts over all documents and by type:

- ``strict``: a mention is right when its start, end and type equal those of a gold mention.
- ``concept_found``: a gold concept (vocabulary id and type) is found when any one of its mentions is
  predicted strictly. A predicted cluster that hits no gold mention is one false positive.

Example. Gold: "aspirin" at 0-7 and "ASA" at 20-23, both Chemical D001241. Predicted: 0-7 Chemical and
9-15 Chemical "caused". Right, wrong and missing are 1, 1, 1 under ``strict`` and 1, 1, 0 under
``concept_found``.

Rules that the names do not say:

1. Repeated mentions (same start, end and type) count once, in gold and in predictions. A discontinuous
   mention is compared by its first and last code point.
2. A composite mention belongs to the concept of each of its ids. A mention without a linked id
   is a concept of its own for each distinct lower-cased string and type.
3. Predicted clusters follow ``concepts`` (``[{"mentions": [index, ...]}]``) where the record has them; every
   mention outside them is clustered by its lower-cased slice of the text. Members of different types
   are different clusters, and the cluster's type is theirs.
4. True positives of ``concept_found`` are gold concepts and its false positives predicted clusters, as in
   the released scorer of the two-stage method; two clusters that hit one concept count once.

Source: Zhao et al. 2025 (arXiv 2505.01077), entity metric of the released code. Departures:
(1) concepts are vocabulary ids with all ids of composite mentions, not the first one; (2) wrong mentions that
are flagged as broader are not excused; (3) positions are characters, not sentence and token numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.metrics.counts import Counts
from apothecary.metrics.spans import TypedSpan, strict_span_counts
from apothecary.metrics.tables import micro_and_types

__all__ = ["UNLINKED", "concept_found_counts", "predicted_spans", "score"]

UNLINKED = frozenset({"", "-", "-1"})
"""What corpora write where a mention has no vocabulary id."""

Record = Mapping[str, object]


def score(
    pairs: Iterable[tuple[Document, Record | None]], *, seed: int = 0, resamples: int = 1000
) -> dict[str, object]:
    """Both evaluators over gold documents, each with its prediction record (None: nothing predicted).

    Intervals are 95 % percentile bootstrap over documents, drawn with `seed`.
    Raises FormatError naming the document, the index and the field of a malformed mention.
    """
    strict, found = [], []
    predicted_documents = 0
    for document, record in pairs:
        spans: list[TypedSpan] = []
        clusters: list[frozenset[TypedSpan]] = []
        if record is not None:
            predicted_documents += 1
            spans = predicted_spans(document, record)
            clusters = _predicted_clusters(document, record, spans)
        gold = [(mention.start, mention.end, mention.type) for mention in document.mentions]
        strict.append(strict_span_counts(gold, spans))
        found.append(concept_found_counts(document, clusters))
    tables = micro_and_types({"strict": strict, "concept_found": found}, resamples=resamples, seed=seed)
    return {**tables, "documents": len(strict), "predicted_documents": predicted_documents}


def concept_found_counts(document: Document, clusters: Iterable[frozenset[TypedSpan]]) -> dict[str, Counts]:
    """The ``concept_found`` counts of one document by type; each cluster holds spans of one type."""
    concepts: dict[tuple[str, str, str], set[TypedSpan]] = {}
    for mention in document.mentions:
        span = (mention.start, mention.end, mention.type)
        linked = [each for each in mention.ids if each not in UNLINKED]
        keys = [("id", each) for each in linked] or [("text", mention.text.lower())]
        for kind, name in keys:
            concepts.setdefault((kind, name, mention.type), set()).add(span)
    gold = {span for spans in concepts.values() for span in spans}
    clusters = set(clusters)
    predicted = {span for cluster in clusters for span in cluster}
    counts: dict[str, Counts] = {}
    for (_, _, type_), spans in concepts.items():
        one = Counts(fn=1) if spans.isdisjoint(predicted) else Counts(tp=1)
        counts[type_] = counts.get(type_, Counts()) + one
    for cluster in clusters:
        if cluster.isdisjoint(gold):
            type_ = min(cluster)[2]
            counts[type_] = counts.get(type_, Counts()) + Counts(fp=1)
    return counts


def predicted_spans(document: Document, record: Record) -> list[TypedSpan]:
    """The mentions of a record in its order, checked against the text.

    Raises FormatError naming document, index and field.
    """
    return [
        _span(document, index, mention)
        for index, mention in enumerate(_list(document, record.get("mentions"), "mentions"))
    ]


def _span(document: Document, index: int, mention: object) -> TypedSpan:
    place = f"mentions[{index}]"
    if not isinstance(mention, Mapping):
        raise _wrong(document, place, "is not an object")
    start, end, type_ = mention.get("start"), mention.get("end"), mention.get("type")
    if not _is_offset(start) or start < 0:
        raise _wrong(document, f"{place}.start", "is missing or not a whole number of 0 or more")
    if not _is_offset(end):
        raise _wrong(document, f"{place}.end", "is missing or not a whole number")
    if end <= start:
        raise _wrong(document, f"{place}.end", f"is {end}, not beyond its start {start}")
    if end > len(document.text):
        raise _wrong(
            document, f"{place}.end", f"is {end}, beyond the text of {len(document.text)} characters"
        )
    if not isinstance(type_, str):
        raise _wrong(document, f"{place}.type", "is missing or not a string")
    return start, end, type_


def _predicted_clusters(
    document: Document, record: Record, spans: list[TypedSpan]
) -> list[frozenset[TypedSpan]]:
    clusters: dict[tuple[str, str], set[TypedSpan]] = {}
    clustered: set[int] = set()
    for number, members in enumerate(_concept_members(document, record, len(spans))):
        clustered.update(members)
        for index in members:
            clusters.setdefault((f"concept {number}", spans[index][2]), set()).add(spans[index])
    for index, span in enumerate(spans):
        if index not in clustered:
            start, end, type_ = span
            clusters.setdefault((f"text {document.text[start:end].lower()}", type_), set()).add(span)
    return [frozenset(members) for members in clusters.values()]


def _concept_members(document: Document, record: Record, size: int) -> Iterator[list[int]]:
    for number, concept in enumerate(_list(document, record.get("concepts", []), "concepts")):
        place = f"concepts[{number}]"
        if not isinstance(concept, Mapping):
            raise _wrong(document, place, "is not an object")
        members: list[int] = []
        for index in _list(document, concept.get("mentions"), f"{place}.mentions"):
            if not _is_offset(index) or not 0 <= index < size:
                raise _wrong(document, f"{place}.mentions", "names no mention of the record")
            members.append(index)
        yield members


def _list(document: Document, value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise _wrong(document, place, "is missing or not a list")
    return value


def _is_offset(value: object) -> TypeGuard[int]:
    # JSON true is a Python int.
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(document: Document, place: str, problem: str) -> FormatError:
    return FormatError(
        f"{place} {problem}",
        where=f"document {document.id}",
        hint='a mention is {"start": 0, "end": 7, "type": "Chemical"} with offsets into the gold text',
    )
