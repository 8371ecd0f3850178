"""The package's own format: one document as one JSON object on a line. Nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO, get_args

from apothecary.documents import (
    Alignment,
    Argument,
    Concept,
    Condition,
    Document,
    Evidence,
    Mention,
    Origin,
    Passage,
    Polarity,
    Relation,
    Setting,
    Span,
    Status,
    Unlocated,
)
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats.condition_files import names_pair
from apothecary.formats.fields import Fields, identifier
from apothecary.formats.jsonl import read_rows
from apothecary.formats.lines import printable

__all__ = ["from_record", "read", "to_record", "write"]

Record = dict[str, object]

_ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)
_POLARITIES: tuple[Polarity, ...] = get_args(Polarity)
_SETTINGS: tuple[Setting, ...] = get_args(Setting)


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the documents of a JSON Lines file; a bad line comes as a DataError value.

    Raises FormatError when the file cannot be read. Repeated ids are not looked for here.
    """
    for row in read_rows(path, encoding=encoding):
        if isinstance(row, FormatError):
            yield row
            continue
        number, record = row
        try:
            where = f"{printable(path)}:{number}"
            if names_pair(record):
                problem = "has a drug and a disease, and the first row of the file has not"
                raise FormatError(problem, where=where, hint="keep rows without a pair in another file")
            yield from_record(record, where=where)
        except DataError as error:
            yield error


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write one line per document. Raises FormatError for a number that JSON has no way to write."""
    for document in documents:
        try:
            line = json.dumps(to_record(document), ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise FormatError(
                "a confidence or log odds is not a finite number", where=f"document {document.id}"
            ) from error
        stream.write(line + "\n")


def to_record(document: Document) -> Record:
    """The document as JSON values: keys in a fixed order, those that say nothing left out."""
    return {"id": document.id, "text": document.text} | _said(
        passages=[{"section": p.section, "start": p.start, "end": p.end} for p in document.passages],
        mentions=[_mention_record(mention) for mention in document.mentions],
        concepts=[_concept_record(concept) for concept in document.concepts],
        relations=[_relation_record(relation) for relation in document.relations],
        conditions=[_condition_record(condition) for condition in document.conditions],
        unlocated=[{"text": u.text, "type": u.type, "reason": u.reason} for u in document.unlocated],
        attributes=dict(document.attributes),
    )


def from_record(record: Mapping[str, object], *, where: str) -> Document:
    """The document of a record; keys that are not of the format are ignored.

    A record with `title` or `abstract` and no `text` is a document of these passages, joined by a
    blank. A mention without `text` takes its slice; one whose slice differs from its text has
    alignment "mismatch" whatever the record says (discontinuous ones are not compared: sources
    join their parts in different ways). Raises FormatError for a field of the wrong kind and
    OffsetError for what lies outside the text; both name the field.
    """
    fields = Fields(record, where)
    document_id = identifier(record, where=where)
    text, passages = _text_and_passages(fields)
    try:
        return Document(
            id=document_id,
            text=text,
            passages=passages,
            mentions=tuple(_mention(item, text) for item in fields.objects("mentions")),
            concepts=tuple(_concept(item) for item in fields.objects("concepts")),
            relations=tuple(_relation(item, len(text)) for item in fields.objects("relations")),
            conditions=tuple(_condition(item, text) for item in fields.objects("conditions")),
            unlocated=tuple(
                Unlocated(item.text("text"), item.text("type"), item.text("reason"))
                for item in fields.objects("unlocated")
            ),
            attributes=fields.strings("attributes"),
        )
    except OffsetError as error:
        # What Document itself finds (a reference to nothing) knows the document, not the line.
        raise OffsetError(error.message, where=where, hint=f"document {document_id}") from error


def _said(**values: object) -> Record:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _mention_record(mention: Mention) -> Record:
    several = len(mention.spans) > 1
    return {
        "start": min(span.start for span in mention.spans),
        "end": max(span.end for span in mention.spans),
        "text": mention.text,
        "type": mention.type,
    } | _said(
        ids=list(mention.ids),
        individual_names=list(mention.individual_names),
        alignment=_alignment_said(mention.alignment),
        confidence=mention.confidence,
        spans=[[span.start, span.end] for span in mention.spans] if several else None,
    )


def _alignment_said(alignment: Alignment) -> str:
    return "" if alignment == "exact" else alignment


def _concept_record(concept: Concept) -> Record:
    return {
        "id": concept.id,
        "type": concept.type,
        "mentions": list(concept.mentions),
        "names": list(concept.names),
    } | _said(ids=list(concept.ids), broader_than=list(concept.broader_than))


def _relation_record(relation: Relation) -> Record:
    return {
        "id": relation.id,
        "type": relation.type,
        "arguments": [{"role": a.role, "concept": a.concept} for a in relation.arguments],
    } | _said(
        evidence=[{"start": e.span.start, "end": e.span.end, "quote": e.quote} for e in relation.evidence],
        status=_status_record(relation.status),
        confidence=relation.confidence,
        origin=_origin_record(relation.origin),
        attributes=dict(relation.attributes),
    )


def _condition_record(condition: Condition) -> Record:
    return {
        "type": condition.type,
        "start": condition.span.start,
        "end": condition.span.end,
        "text": condition.text,
        "relation": condition.relation,
    } | _said(
        alignment=_alignment_said(condition.alignment),
        status=_status_record(condition.status),
        confidence=condition.confidence,
        origin=_origin_record(condition.origin),
    )


def _status_record(status: Status) -> Record | None:
    return None if status == Status() else {"polarity": status.polarity, "setting": status.setting}


def _origin_record(origin: Origin | None) -> Record | None:
    if origin is None:
        return None
    return {"engine": origin.engine, "step": origin.step, "answer": origin.answer} | _said(
        scenarios=list(origin.scenarios), log_odds=origin.log_odds
    )


def _text_and_passages(fields: Fields) -> tuple[str, tuple[Passage, ...]]:
    if fields.has("text") or not (fields.has("title") or fields.has("abstract")):
        text = fields.text("text")
        return text, tuple(
            Passage(item.text("section"), *item.offsets(len(text))) for item in fields.objects("passages")
        )
    title = fields.text("title", "")
    if not fields.has("abstract"):
        return title, (Passage("title", 0, len(title)),)
    text = f"{title} {fields.text('abstract')}"
    return text, (Passage("title", 0, len(title)), Passage("abstract", len(title) + 1, len(text)))


def _span(pair: tuple[int, int], fields: Fields) -> Span:
    if pair[0] == pair[1]:
        raise OffsetError(f"{fields.name} {pair[0]}-{pair[1]} is empty", where=fields.where)
    return Span(*pair)


def _mention(fields: Fields, text: str) -> Mention:
    pairs = fields.pairs("spans", len(text)) or [fields.offsets(len(text))]
    spans = tuple(_span(pair, fields) for pair in pairs)
    name, alignment = _name_and_alignment(fields, text, spans)
    return Mention(
        spans=spans,
        text=name,
        type=fields.text("type"),
        ids=fields.texts("ids"),
        individual_names=fields.texts("individual_names"),
        alignment=alignment,
        confidence=fields.number("confidence"),
    )


def _name_and_alignment(fields: Fields, text: str, spans: tuple[Span, ...]) -> tuple[str, Alignment]:
    piece = " ".join(text[span.start : span.end] for span in spans)
    name = fields.text("text", piece)
    alignment = fields.option("alignment", _ALIGNMENTS, "exact")
    differs = alignment == "exact" and len(spans) == 1 and name != piece
    return name, "mismatch" if differs else alignment


def _concept(fields: Fields) -> Concept:
    return Concept(
        id=fields.text("id"),
        type=fields.text("type"),
        mentions=fields.wholes("mentions"),
        names=fields.texts("names"),
        ids=fields.texts("ids"),
        broader_than=fields.texts("broader_than"),
    )


def _relation(fields: Fields, length: int) -> Relation:
    return Relation(
        id=fields.text("id"),
        type=fields.text("type"),
        arguments=tuple(Argument(a.text("role"), a.text("concept")) for a in fields.objects("arguments")),
        evidence=tuple(
            Evidence(_span(e.offsets(length), e), e.text("quote")) for e in fields.objects("evidence")
        ),
        status=_status(fields.inner("status")),
        confidence=fields.number("confidence"),
        origin=_origin(fields.inner("origin")),
        attributes=fields.strings("attributes"),
    )


def _condition(fields: Fields, text: str) -> Condition:
    span = _span(fields.offsets(len(text)), fields)
    name, alignment = _name_and_alignment(fields, text, (span,))
    return Condition(
        type=fields.text("type"),
        span=span,
        text=name,
        relation=fields.text("relation", ""),
        alignment=alignment,
        status=_status(fields.inner("status")),
        confidence=fields.number("confidence"),
        origin=_origin(fields.inner("origin")),
    )


def _status(fields: Fields | None) -> Status:
    if fields is None:
        return Status()
    return Status(
        fields.option("polarity", _POLARITIES, "unknown"), fields.option("setting", _SETTINGS, "unknown")
    )


def _origin(fields: Fields | None) -> Origin | None:
    if fields is None:
        return None
    return Origin(
        engine=fields.text("engine"),
        step=fields.text("step"),
        answer=fields.text("answer"),
        scenarios=fields.texts("scenarios"),
        log_odds=fields.number("log_odds"),
    )
