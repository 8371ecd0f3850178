"""Rows of corpora of drug combinations: JSON Lines, one sentence each, in the three forms they come in.

    spans    DrugComb of its authors: "sentence", "paragraph", "spans" with offsets, "rels" of span ids
    strings  DrugComb of RexDrug: "sentence", "paragraph", "entities", "rels" of names
    ddi      DDI 2013 of RexDrug: "context", "entities", "relations" of two names, "other" included

The form is told by the keys of each row. For the documents see `drug_sentences`; beside that a relation of
DrugComb says whether it needs the paragraph ("context_needed"), one of the form "spans" which mentions it
names ("mentions", positions in the document), and a document its "corpus" and "form".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apothecary.documents import Document, Span
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats import jsonl
from apothecary.formats.drug_sentences import (
    DrugRelation,
    Sentence,
    drug_mention,
    find_drugs,
    sentence_document,
)
from apothecary.formats.fields import Fields
from apothecary.formats.lines import printable

__all__ = [
    "Combination",
    "CombinationRow",
    "CombinationType",
    "DrugSpan",
    "Form",
    "PairRow",
    "ddi_type",
    "document_of",
    "form_of",
    "looks_like_rows",
    "pair_row",
    "read",
    "spans_row",
]

Form = Literal["spans", "strings", "ddi"]
CombinationType = Literal["POS", "NEG", "COMB"]
"""Given together: with benefit; with harm or without benefit; with no word on which."""

_TYPES: tuple[CombinationType, ...] = ("POS", "NEG", "COMB")
_PAIR_TYPES = ("other", "effect", "mechanism", "advise", "int")
_A_ROW = re.compile(r'\{\s*"')
_KEYS = (
    (re.compile(r'"sentence"\s*:'), re.compile(r'"rels"\s*:')),
    (re.compile(r'"context"\s*:'), re.compile(r'"ent_sets"\s*:')),
)


@dataclass(frozen=True)
class DrugSpan:
    """A drug mention: code points, end-exclusive, into the sentence. `text` is that of the file."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Combination:
    """Drugs given together: two or more positions in `CombinationRow.spans`, in the order of the file.

    `context_needed` is true when the sentence alone does not show it.
    """

    type: CombinationType
    spans: tuple[int, ...]
    context_needed: bool = False


@dataclass(frozen=True)
class CombinationRow:
    """One sentence. No combination means that its drugs are not given together.

    `paragraph` contains `sentence`; `source` is the address of the abstract, None where unknown.
    """

    doc_id: str
    sentence: str
    paragraph: str
    spans: tuple[DrugSpan, ...]
    combinations: tuple[Combination, ...]
    source: str | None


@dataclass(frozen=True)
class PairRow:
    """One sentence of the DDI corpus: the names of its drugs, and every annotated pair (type, two names).

    A pair of the type "other" does not interact.
    """

    id: str
    sentence: str
    drugs: tuple[str, ...]
    pairs: tuple[tuple[str, tuple[str, str]], ...]


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the documents of a file; a bad row comes as a DataError value with file and line.

    Raises FormatError when the file cannot be read. Repeated ids are not looked for here.
    """
    for item in jsonl.read_rows(path, encoding=encoding):
        if isinstance(item, FormatError):
            yield item
            continue
        number, values = item
        where = f"{printable(path)}:{number}"
        try:
            yield document_of(values, where=where, line=number)
        except OffsetError as error:
            yield OffsetError(error.message, where=where, hint=error.hint)
        except DataError as error:
            yield error


def form_of(row: Mapping[str, object]) -> Form | None:
    """The form of a row by its keys; None for what is none of these rows."""
    if "context" in row and ("relations" in row or "entities" in row):
        return "ddi"
    if "sentence" not in row or "text" in row:
        return None
    if "spans" in row:
        return "spans"
    return "strings" if "rels" in row else None


def looks_like_rows(start: str) -> bool:
    """Does a file that begins so hold rows of one of the forms? Its first line decides."""
    line = start.lstrip().partition("\n")[0]
    if not _A_ROW.match(line):
        return False
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError):
        # Cut off by who looks at the start only, or damaged: the other rows may be whole.
        return any(all(key.search(line) for key in keys) for keys in _KEYS)
    return isinstance(row, dict) and form_of(row) is not None


def document_of(row: Mapping[str, object], *, where: str, line: int) -> Document:
    """The document of one row; `line` is its 1-based number in the file, for rows without an id.

    Raises FormatError or OffsetError that names the field.
    """
    fields = Fields(row, where)
    form = form_of(row)
    if form == "spans":
        return _spans_document(spans_row(fields))
    if form == "strings":
        return _strings_document(fields, line)
    if form == "ddi":
        return _pairs_document(pair_row(fields, line))
    raise FormatError(
        "is no row of drug combinations",
        where=where,
        hint="give sentence, paragraph, spans (or entities) and rels; or context, entities and relations",
    )


def spans_row(fields: Fields) -> CombinationRow:
    """A row of the form "spans". Raises as `document_of`."""
    doc_id, sentence = fields.text("doc_id"), _sentence(fields, "sentence")
    if not doc_id:
        raise fields.error("doc_id", "is empty")
    spans = tuple(_span(each, place, sentence) for place, each in enumerate(_objects(fields, "spans")))
    return CombinationRow(
        doc_id=doc_id,
        sentence=sentence,
        paragraph=fields.text("paragraph"),
        spans=spans,
        combinations=tuple(_combination(each, len(spans)) for each in _objects(fields, "rels")),
        source=fields.text("source", "") or None,
    )


def pair_row(fields: Fields, line: int) -> PairRow:
    """A row of the form "ddi". Raises as `document_of`."""
    return PairRow(
        id=_identity(fields, line),
        sentence=_sentence(fields, "context"),
        drugs=tuple(each.text("entity") for each in _objects(fields, "entities")),
        pairs=tuple(_pair(each) for each in _objects(fields, "relations")),
    )


def ddi_type(fields: Fields, key: str) -> str:
    """A type of the DDI corpus, "other" included, in lower case; "advice" is "advise". Raises FormatError."""
    given = fields.text(key).strip().lower()
    type_ = "advise" if given == "advice" else given
    if type_ not in _PAIR_TYPES:
        raise fields.error(key, f"is {given!r}, not one of {', '.join(_PAIR_TYPES)}")
    return type_


def _spans_document(row: CombinationRow) -> Document:
    mentions = [drug_mention(row.sentence, Span(each.start, each.end), each.text) for each in row.spans]
    relations = [
        DrugRelation(
            each.type,
            tuple(mentions[place].text for place in each.spans),
            _attributes(each.context_needed) | {"mentions": " ".join(map(str, each.spans))},
        )
        for each in row.combinations
    ]
    attributes = {"corpus": "drugcomb", "form": "spans"} | ({"source": row.source} if row.source else {})
    return sentence_document(
        Sentence(row.doc_id, row.sentence, row.paragraph, attributes), mentions, relations
    )


def _strings_document(fields: Fields, line: int) -> Document:
    sentence = _sentence(fields, "sentence")
    names = [each.text("entity_text") for each in _objects(fields, "entities")]
    relations = []
    for each in _objects(fields, "rels"):
        members = each.texts("entities")
        if len(members) < 2:
            raise each.error("entities", "does not name two or more drugs")
        relations.append(DrugRelation(_type(each), _named(each, "entities", members), _context(each)))
    mentions, missing = find_drugs(sentence, names)
    attributes = {"corpus": "drugcomb", "form": "strings"}
    return sentence_document(
        Sentence(_identity(fields, line), sentence, fields.text("paragraph", ""), attributes),
        mentions,
        relations,
        missing=missing,
    )


def _pairs_document(row: PairRow) -> Document:
    mentions, missing = find_drugs(row.sentence, row.drugs, every=True)
    relations = [
        DrugRelation(type_, names)
        for type_, names in row.pairs
        # What is left of a pair that names one drug twice is no pair.
        if type_ != "other" and names[0] != names[1]
    ]
    attributes = {"corpus": "ddi", "form": "strings"}
    return sentence_document(
        Sentence(row.id, row.sentence, attributes=attributes), mentions, relations, missing=missing
    )


def _identity(fields: Fields, line: int) -> str:
    for key in ("doc_id", "id"):
        value = fields.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not (isinstance(value, str) and value):
            raise fields.error(key, "is neither a string nor a whole number")
        if isinstance(value, str):
            return value
    return str(line - 1)


def _sentence(fields: Fields, key: str) -> str:
    text = fields.text(key)
    if not text.strip():
        raise fields.error(key, "is empty")
    return text


def _objects(fields: Fields, key: str) -> list[Fields]:
    # Absent is not empty: a row without "rels" would pass for one without a combination.
    if not fields.has(key):
        raise fields.error(key, "is missing")
    return fields.objects(key)


def _span(fields: Fields, place: int, sentence: str) -> DrugSpan:
    if fields.values.get("span_id") != place:
        raise fields.error("span_id", f"is {fields.values.get('span_id')!r}, not its position {place}")
    start, end = fields.offsets(len(sentence))
    if start == end:
        raise OffsetError(f"{fields.name} {start}-{end} is empty", where=fields.where)
    return DrugSpan(fields.text("text"), start, end)


def _combination(fields: Fields, spans: int) -> Combination:
    members = fields.wholes("spans")
    if len(members) < 2 or len(set(members)) < len(members):
        raise fields.error("spans", "does not name two or more different mentions")
    if not all(0 <= member < spans for member in members):
        raise fields.error("spans", f"names a mention that is not there: the row has {spans}")
    return Combination(_type(fields), members, _context_needed(fields))


def _type(fields: Fields) -> CombinationType:
    fields.text("class")
    return fields.option("class", _TYPES, "POS")


def _context(fields: Fields) -> dict[str, str]:
    return _attributes(_context_needed(fields))


def _context_needed(fields: Fields) -> bool:
    context = fields.values.get("is_context_needed", False)
    if not isinstance(context, bool):
        raise fields.error("is_context_needed", "is neither true nor false")
    return context


def _attributes(context_needed: bool) -> dict[str, str]:
    return {"context_needed": "true" if context_needed else "false"}


def _pair(fields: Fields) -> tuple[str, tuple[str, str]]:
    names = fields.texts("ent_sets")
    if len(names) != 2:
        raise fields.error("ent_sets", "does not name two drugs")
    first, second = _named(fields, "ent_sets", names)
    return ddi_type(fields, "type"), (first, second)


def _named(fields: Fields, key: str, names: tuple[str, ...]) -> tuple[str, ...]:
    stripped = tuple(name.strip() for name in names)
    if not all(stripped):
        raise fields.error(key, "holds an empty name")
    return stripped
