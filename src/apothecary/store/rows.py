"""A document with what a run says of it -> rows of the tables, gathered into Arrow tables batch by batch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from apothecary.documents import Concept, Condition, Document, Mention, Origin, Relation
from apothecary.store.doses import parse_doses
from apothecary.store.keys import digest_of, edge_key, key_of
from apothecary.store.naming import kind_of, lookup_key, own_concept
from apothecary.store.reading import Record

if TYPE_CHECKING:
    import duckdb

__all__ = ["DOSAGE", "STATEMENTS", "Rows", "is_retracted", "says_something"]

DOSAGE = "dosage"
"""The type of condition that doses are read from, in lower case."""

Cell = str | int | float | bool | None
Row = tuple[Cell, ...]

_SHORT = 5

_INTEGER, _DOUBLE, _BOOLEAN = "INTEGER", "DOUBLE", "BOOLEAN"
_TEXT = "TEXT"
_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "documents": tuple(
        (name, _BOOLEAN if name == "retracted" else _TEXT)
        for name in ("document", "digest", "title", "text", "passages", "attributes", "retracted")
    ),
    "extractions": tuple((name, _TEXT) for name in ("document", "run", "digest")),
    "mentions": (
        *(("document", _TEXT), ("run", _TEXT), ("position", _INTEGER), ("start", _INTEGER)),
        *(("end", _INTEGER), ("spans", _TEXT), ("text", _TEXT), ("type", _TEXT), ("alignment", _TEXT)),
        *(("confidence", _DOUBLE), ("concept", _TEXT)),
    ),
    "relations": (
        *((name, _TEXT) for name in ("relation", "document", "run", "local", "type", "polarity", "setting")),
        ("confidence", _DOUBLE),
        *((name, _TEXT) for name in ("origin", "reasoning", "attributes", "edge")),
    ),
    "arguments": (
        *(("relation", _TEXT), ("position", _INTEGER), ("role", _TEXT), ("concept", _TEXT)),
        ("mentions", _TEXT),
    ),
    "evidence": (
        *(("relation", _TEXT), ("position", _INTEGER), ("start", _INTEGER), ("end", _INTEGER)),
        ("quote", _TEXT),
    ),
    "conditions": (
        *((name, _TEXT) for name in ("condition", "document", "run", "relation", "type")),
        *(("start", _INTEGER), ("end", _INTEGER), ("text", _TEXT), ("alignment", _TEXT)),
        *(("polarity", _TEXT), ("confidence", _DOUBLE)),
    ),
    "doses": (
        *(("condition", _TEXT), ("position", _INTEGER), ("low", _DOUBLE), ("high", _DOUBLE)),
        *((name, _TEXT) for name in ("unit", "per", "route", "frequency")),
    ),
    "unlinked": (
        *(("document", _TEXT), ("run", _TEXT), ("relation", _TEXT), ("position", _INTEGER)),
        ("own", _TEXT),
    ),
    "named": (
        *(("document", _TEXT), ("run", _TEXT), ("own", _TEXT), ("given", _BOOLEAN), ("kind", _TEXT)),
        *(("name", _TEXT), ("key", _TEXT), ("mentions", _INTEGER)),
    ),
}
STATEMENTS = tuple(table for table in _COLUMNS if table != "documents")
"""The tables of what runs say."""


class _Own(NamedTuple):
    """What a concept is by its record alone: a CURIE that was given, or its kind and name."""

    concept: str
    given: bool
    kind: str


def says_something(document: Document) -> bool:
    """Is there a statement in it, or only a text with its attributes?"""
    return bool(document.mentions or document.relations or document.conditions)


def is_retracted(document: Document) -> bool:
    """Has the article been retracted, or its record been withdrawn?"""
    attributes = document.attributes
    return any(
        attributes.get(key, "").strip().casefold() not in ("", "no", "false", "0")
        for key in ("retracted", "retraction", "withdrawn")
    )


class Rows:
    """Rows of some documents of one run: gathered with `add`, then inserted table by table."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.doses_unread = 0
        self._columns: dict[str, list[list[Cell]]] = {
            table: [[] for _ in columns] for table, columns in _COLUMNS.items()
        }

    def add(self, record: Record, *, with_statements: bool) -> None:
        """Take a document in, with or without what the run says of it."""
        self._put("documents", _document_row(record.document))
        if with_statements:
            self._put("extractions", (record.document.id, self.run, record.digest))
            self._add_statements(record)

    def insert(self, connection: duckdb.DuckDBPyConnection, table: str, into: str) -> None:
        """Insert the rows of a table into one of the same columns."""
        import pyarrow as pa

        kinds = {_TEXT: pa.string(), _INTEGER: pa.int32(), _DOUBLE: pa.float64(), _BOOLEAN: pa.bool_()}
        schema = pa.schema([(name, kinds[kind]) for name, kind in _COLUMNS[table]])
        arrays = [
            pa.array(column, type=field.type)
            for column, field in zip(self._columns[table], schema, strict=True)
        ]
        connection.register("batch", pa.Table.from_arrays(arrays, schema=schema))
        try:
            connection.execute(f"INSERT INTO {into} FROM batch")
        finally:
            connection.unregister("batch")

    def _put(self, table: str, row: Row) -> None:
        for column, cell in zip(self._columns[table], row, strict=True):
            column.append(cell)

    def _add_statements(self, record: Record) -> None:
        document = record.document
        owns = {each.id: _own_of(each, document) for each in document.concepts}
        of_mention: dict[int, _Own] = {}
        for concept in document.concepts:
            for position in concept.mentions:
                of_mention.setdefault(position, owns[concept.id])
        names: Counter[tuple[_Own, str]] = Counter()
        for position, mention in enumerate(document.mentions):
            own = of_mention.get(position) or _own_of_mention(mention)
            names[own, mention.text] += 1
            self._put("mentions", (document.id, self.run, position, *_mention_cells(mention), own.concept))
            if not own.given:
                self._put("unlinked", (document.id, self.run, None, position, own.concept))
        for concept in document.concepts:
            for name in concept.names or ("",):
                names[owns[concept.id], name] += 0
        for (own, name), count in names.items():
            told = (own.concept, own.given, own.kind, name, lookup_key(name), count)
            self._put("named", (document.id, self.run, *told))
        keys: dict[str, str] = {}
        for relation in document.relations:
            # An id that repeats within a record has its place added, so that no statement is lost.
            local = relation.id if relation.id not in keys else f"{relation.id}#{len(keys)}"
            keys[local] = key_of(document.id, self.run, local)
            self._add_relation(record, relation, local, owns)
        seen: set[str] = set()
        for condition in document.conditions:
            self._add_condition(document, condition, keys.get(condition.relation), seen)

    def _add_relation(self, record: Record, relation: Relation, local: str, owns: Mapping[str, _Own]) -> None:
        document = record.document
        key, kind = key_of(document.id, self.run, local), _plain(relation.type)
        roles = [(_plain(each.role), owns[each.concept]) for each in relation.arguments]
        edge = edge_key(kind, [(role, own.concept) for role, own in roles])
        self._put(
            "relations",
            (
                *(key, document.id, self.run, local, kind),
                *(relation.status.polarity, relation.status.setting, relation.confidence),
                *(_origin(relation.origin), _reasoning_of(relation, record.reasoning)),
                *(_json(dict(relation.attributes)), edge),
            ),
        )
        for position, (argument, (role, own)) in enumerate(zip(relation.arguments, roles, strict=True)):
            mentions = _json(list(document.concept(argument.concept).mentions))
            self._put("arguments", (key, position, role, own.concept, mentions))
            if not own.given:
                self._put("unlinked", (document.id, self.run, key, position, own.concept))
        for position, evidence in enumerate(relation.evidence):
            span = evidence.span
            self._put("evidence", (key, position, span.start, span.end, evidence.quote))

    def _add_condition(
        self, document: Document, condition: Condition, relation: str | None, seen: set[str]
    ) -> None:
        span = condition.span
        key = key_of(document.id, self.run, condition.relation, condition.type, span.start, span.end)
        if key in seen:
            return
        seen.add(key)
        self._put(
            "conditions",
            (
                *(key, document.id, self.run, relation, condition.type, span.start, span.end),
                *(condition.text, condition.alignment, condition.status.polarity, condition.confidence),
            ),
        )
        if condition.type.strip().casefold() != DOSAGE:
            return
        doses = parse_doses(condition.text)
        self.doses_unread += not doses
        for position, dose in enumerate(doses):
            cells = (dose.low, dose.high, dose.unit, dose.per, dose.route, dose.frequency)
            self._put("doses", (key, position, *cells))


def _document_row(document: Document) -> Row:
    title = next((document.passage_text(each) for each in document.passages if each.section == "title"), "")
    passages = [{"section": each.section, "start": each.start, "end": each.end} for each in document.passages]
    return (
        document.id,
        digest_of(document.text),
        title,
        document.text,
        _json(passages),
        _json(dict(sorted(document.attributes.items()))),
        is_retracted(document),
    )


def _mention_cells(mention: Mention) -> Row:
    several = len(mention.spans) > 1
    spans = _json([[span.start, span.end] for span in mention.spans]) if several else None
    return (
        *(mention.start, mention.end, spans, mention.text, mention.type),
        *(mention.alignment, mention.confidence),
    )


def _own_of(concept: Concept, document: Document) -> _Own:
    """A concept by its ids, else by its commonest name; by an abbreviation only when it has no other."""
    counts = Counter(document.mentions[position].text for position in concept.mentions)
    names: Sequence[str] = [*counts, *(name for name in concept.names if name not in counts)]
    ordered = sorted(names, key=lambda name: (_is_short(name), -counts[name]))
    kind = kind_of(concept.type)
    return _Own(*own_concept(kind, concept.ids, ordered), kind)


def _own_of_mention(mention: Mention) -> _Own:
    kind = kind_of(mention.type)
    return _Own(*own_concept(kind, mention.ids, [mention.text]), kind)


def _plain(word: str) -> str:
    """A type or role without control characters: SQL and Python write these differently in a key."""
    return word if word.isprintable() else "".join(each if each >= " " else " " for each in word)


def _is_short(name: str) -> bool:
    return len(name) <= _SHORT and any(map(str.isupper, name))


def _origin(origin: Origin | None) -> str | None:
    if origin is None:
        return None
    told: dict[str, object] = {"engine": origin.engine, "step": origin.step, "answer": origin.answer}
    if origin.scenarios:
        told["scenarios"] = list(origin.scenarios)
    if origin.log_odds is not None:
        told["log_odds"] = origin.log_odds
    return _json(told)


def _reasoning_of(relation: Relation, reasoning: Mapping[tuple[int, int], str]) -> str | None:
    places = ((each.span.start, each.span.end) for each in relation.evidence)
    return "\n\n".join(reasoning[place] for place in places if place in reasoning) or None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
