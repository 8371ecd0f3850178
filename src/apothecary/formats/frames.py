"""Documents as flat tables for analysis: Arrow, and pandas by way of it.

Rows name their document and, in it, their mention, relation or concept, so that tables can be joined. Columns
and types do not depend on the documents: none at all give a table without rows. Needs the extra ``parquet``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import ModuleType
from typing import TYPE_CHECKING, Literal, get_args

from apothecary.documents import Concept, Document
from apothecary.errors import UsageError
from apothecary.formats.parquet import pyarrow_module, writable

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]
    import pyarrow

__all__ = ["Table", "to_arrow", "to_pandas"]

Table = Literal["documents", "mentions", "relations", "arguments", "conditions"]
Row = tuple[object, ...]

ROWS = 4096
"""Rows that are held at once as Python objects."""

_JUDGED = ("confidence", "polarity", "setting")
_COLUMNS: Mapping[Table, tuple[str, ...]] = {
    "documents": ("document", "text", "mention_count", "concept_count", "relation_count", "condition_count"),
    "mentions": (
        *("document", "mention", "start", "end", "text", "type", "ids", "concepts", "alignment"),
        "confidence",
    ),
    "relations": ("document", "relation", "type", "roles", "concepts", "names", *_JUDGED, "evidence"),
    "arguments": ("document", "relation", "relation_type", "role", "concept", "name", "type", "ids"),
    "conditions": ("document", "relation", "type", "start", "end", "text", "alignment", *_JUDGED),
}
_WHOLE = {"mention", "start", "end", "mention_count", "concept_count", "relation_count", "condition_count"}
_TEXTS = {"ids", "concepts", "roles", "names", "evidence"}


def to_arrow(documents: Iterable[Document], table: Table = "relations") -> pyarrow.Table:
    """A table of a stream of documents.

    ``documents`` has texts and counts, ``mentions`` a row for each mention, ``relations`` one for each
    relation with its arguments as lists, ``arguments`` one for each of them, ``conditions`` one for each
    condition; a concept's name is its first. Raises UsageError for another table, and without the extra.
    """
    if table not in _COLUMNS:
        raise UsageError(f"there is no table '{table}'", hint=", ".join(get_args(Table)))
    arrow = pyarrow_module()
    kinds = dict.fromkeys(_COLUMNS[table], arrow.string()) | {"confidence": arrow.float64()}
    kinds |= dict.fromkeys(_WHOLE, arrow.int64()) | dict.fromkeys(_TEXTS, arrow.list_(arrow.string()))
    schema = arrow.schema([(name, kinds[name]) for name in _COLUMNS[table]])
    rows = chain.from_iterable(map(_ROWS[table], documents))
    parts = [schema.empty_table()]
    while some := list(islice(rows, ROWS)):
        columns = zip(schema, zip(*some, strict=True), strict=True)
        parts.append(arrow.table([_column(arrow, field, values) for field, values in columns], schema=schema))
    return arrow.concat_tables(parts)


def to_pandas(documents: Iterable[Document], table: Table = "relations") -> pandas.DataFrame:
    """The same table as a data frame. Raises UsageError, also where pandas is not installed."""
    if importlib.util.find_spec("pandas") is None:
        raise UsageError("pandas is not installed", hint="pip install pandas")
    return to_arrow(documents, table).to_pandas()


def _column(arrow: ModuleType, field: pyarrow.Field, values: Sequence[object]) -> pyarrow.Array:
    try:
        return arrow.array(values, field.type)
    except UnicodeEncodeError:
        return arrow.array(writable(list(values)), field.type)


def _documents(document: Document) -> Iterator[Row]:
    found = document.mentions, document.concepts, document.relations, document.conditions
    yield (document.id, document.text, *map(len, found))


def _mentions(document: Document) -> Iterator[Row]:
    of: list[list[str]] = [[] for _ in document.mentions]
    for concept in document.concepts:
        for place in concept.mentions:
            of[place].append(concept.id)
    for place, (mention, concepts) in enumerate(zip(document.mentions, of, strict=True)):
        where = (document.id, place, mention.start, mention.end, mention.text)
        yield (*where, mention.type, list(mention.ids), concepts, mention.alignment, mention.confidence)


def _relations(document: Document) -> Iterator[Row]:
    names = {concept.id: _name(concept) for concept in document.concepts}
    for relation in document.relations:
        arguments = relation.arguments
        yield (
            document.id,
            relation.id,
            relation.type,
            [argument.role for argument in arguments],
            [argument.concept for argument in arguments],
            [names[argument.concept] for argument in arguments],
            relation.confidence,
            relation.status.polarity,
            relation.status.setting,
            [evidence.quote for evidence in relation.evidence],
        )


def _arguments(document: Document) -> Iterator[Row]:
    concepts = {concept.id: concept for concept in document.concepts}
    for relation in document.relations:
        for argument in relation.arguments:
            concept = concepts[argument.concept]
            named = (argument.role, concept.id, _name(concept), concept.type, list(concept.ids))
            yield (document.id, relation.id, relation.type, *named)


def _conditions(document: Document) -> Iterator[Row]:
    for each in document.conditions:
        where = (each.span.start, each.span.end, each.text, each.alignment)
        judged = (each.confidence, each.status.polarity, each.status.setting)
        yield (document.id, each.relation, each.type, *where, *judged)


def _name(concept: Concept) -> str | None:
    return next(iter(concept.names), None)


_ROWS: Mapping[Table, Callable[[Document], Iterator[Row]]] = {
    "documents": _documents,
    "mentions": _mentions,
    "relations": _relations,
    "arguments": _arguments,
    "conditions": _conditions,
}
