"""Documents as records in the shape of BioC JSON; what is read of such records, and how: see `bioc`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from apothecary.documents import Concept, Document, Mention, Passage, Relation
from apothecary.errors import FormatError

__all__ = ["to_record"]

Record = dict[str, object]


def to_record(document: Document) -> Record:
    """The record of a document, in the key order of the XML.

    Text between passages becomes a passage without a type, unless it is blank; a passage that overlaps
    an earlier one is left out. A mention without ids is written with those of its concepts. Raises
    FormatError for an id that would not be read again: blank, or with characters that do not print.
    """
    if not document.id.isprintable() or document.id != document.id.strip() or not document.id:
        raise FormatError(f"BioC cannot hold the id {document.id!r}", hint="use letters and digits")
    pieces = _pieces(document)
    # One list for each passage; the last one is the document's own.
    below: list[list[Record]] = [[] for _ in range(len(pieces) + 1)]
    names = _names(document)
    for index, mention in enumerate(document.mentions):
        home = bisect_right(pieces, mention.spans[0].start, key=lambda piece: piece.start) - 1
        inside = home >= 0 and mention.spans[0].end <= pieces[home].end
        below[home if inside else -1].append(_annotation_record(index, mention, *names[index]))
    refids = {concept.id: _refid(concept, names) for concept in document.concepts}
    return {
        "id": document.id,
        "infons": dict(document.attributes),
        "passages": [
            {
                "infons": {"type": piece.section} if piece.section else {},
                "offset": piece.start,
                "text": document.passage_text(piece),
                "sentences": [],
                "annotations": annotations,
                "relations": [],
            }
            for piece, annotations in zip(pieces, below[:-1], strict=True)
        ],
        "annotations": below[-1],
        "relations": [_relation_record(relation, refids) for relation in document.relations],
    }


def _pieces(document: Document) -> list[Passage]:
    """Passages in order, and what lies between them."""
    pieces: list[Passage] = []
    position, end = 0, len(document.text)
    for passage in sorted(document.passages, key=lambda passage: (passage.start, passage.end)):
        if passage.start < position:
            continue
        gap = Passage("", position, passage.start)
        pieces.extend([gap] if document.passage_text(gap).strip() else [])
        pieces.append(passage)
        position = passage.end
    return pieces if pieces and position == end else [*pieces, Passage("", position, end)]


def _names(document: Document) -> list[tuple[Sequence[str], list[str]]]:
    """For each mention its vocabulary ids, and its concepts that have none."""
    names: list[tuple[list[str], list[str]]] = [([], []) for _ in document.mentions]
    for concept in document.concepts:
        for index in concept.mentions:
            names[index][0 if concept.ids else 1].append(_written_id(concept))
    return [(m.ids or linked, others) for m, (linked, others) in zip(document.mentions, names, strict=True)]


def _written_id(concept: Concept) -> str:
    return concept.id if concept.id in concept.ids or not concept.ids else concept.ids[0]


def _refid(concept: Concept, names: Sequence[tuple[Sequence[str], list[str]]]) -> str:
    """An annotation that stands for the concept and for nothing else, or the concept's own id."""
    own = _written_id(concept)
    alone = (f"T{index + 1}" for index in concept.mentions if {own} == {*names[index][0], *names[index][1]})
    return next(alone, own)


def _annotation_record(index: int, mention: Mention, ids: Sequence[str], clusters: Sequence[str]) -> Record:
    infons = {"type": mention.type, "identifier": "|".join(ids), "concept": "|".join(clusters)}
    infons["alignment"] = "" if mention.alignment == "exact" else mention.alignment
    infons["confidence"] = "" if mention.confidence is None else str(mention.confidence)
    return {
        "id": f"T{index + 1}",
        "infons": {key: value for key, value in infons.items() if value},
        "locations": [{"offset": span.start, "length": span.end - span.start} for span in mention.spans],
        "text": mention.text,
    }


def _relation_record(relation: Relation, refids: Mapping[str, str]) -> Record:
    confidence = {} if relation.confidence is None else {"confidence": str(relation.confidence)}
    infons = {**relation.attributes, "type": relation.type, **confidence}
    nodes = [{"refid": refids[argument.concept], "role": argument.role} for argument in relation.arguments]
    return {"id": relation.id, "infons": infons, "nodes": nodes}
