"""Rows of instances of applicability conditions: one abstract, one drug that treats one disease, and when.

Three forms, told by the names of the fields, whatever their case:

    fields   "title", "abstract", "drug", "disease" and "conditions": [{"span", "type"}]; with a title, "text"
             is another name of the abstract (the title may stand at its beginning), without one, of both
    target   the same with "target": what a model is to write, as a text or a list
    text     Drug-ACE of its authors: "text", which holds the pair in a line of its own, and "target"

Files are JSON Lines, a JSON array of such objects, or a table with headings (CSV, TSV). "id" and "pmid" may
be missing: the id is then the 0-based number of the row (of the line in JSON Lines). Neither "conditions" nor
"target" means that nobody looked; ``[]`` that there are none. Other fields are kept as `extra`.

The document of a row: its text is title, a blank and abstract, which are passages; the pair is a relation
"therapeutic" of the arguments "drug" and "disease", whose concepts have names and no mentions (where they
stand is for `align.roles` to say). Conditions that stand in the text limit this relation, the others
are listed as not located. Attributes: "corpus" (conditions), "pmid", "annotated" (true, false), "target" (its
text as it came: reading that is the task's), "unlocated" (positions among the conditions), "extra" (JSON).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apothecary.documents import (
    Alignment,
    Argument,
    Concept,
    Condition,
    Document,
    Passage,
    Relation,
    Span,
    Unlocated,
)
from apothecary.errors import DataError, FormatError
from apothecary.formats.condition_files import Values, read_values
from apothecary.formats.condition_text import How, join_text, pair_of, place_of, split_text
from apothecary.formats.fields import Fields
from apothecary.formats.seen import Seen

__all__ = [
    "CORPUS",
    "RELATION",
    "ConditionRow",
    "document_of",
    "read",
    "read_rows",
    "row_of",
    "row_of_document",
]

CORPUS = "conditions"
"""The attribute "corpus" of every document here."""

RELATION = "r1"
"""The id of the relation that conditions limit."""

_KNOWN = frozenset({"id", "pmid", "title", "abstract", "text", "drug", "disease", "conditions", "target"})
_ALIGNMENTS: Mapping[How, Alignment] = {"exact": "exact", "spaces": "normalised", "case": "normalised"}


@dataclass(frozen=True)
class ConditionRow:
    """One instance as its file has it.

    `pmid` is empty where it is unknown. `conditions` are pairs of span and type as they are written; None
    where the row has none, because `target` says them in one text or because nobody looked. `where` is
    the place in the file.
    """

    id: str
    title: str
    abstract: str
    drug: str
    disease: str
    pmid: str = ""
    conditions: tuple[tuple[str, str], ...] | None = None
    target: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    where: str = field(default="", compare=False)

    @property
    def text(self) -> str:
        """The text of its document: offsets are into it."""
        return join_text(self.title, self.abstract)


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the documents of a file; a bad row comes as a DataError value with file and line.

    A row whose id an earlier one has is a bad row. Raises FormatError when the file cannot be read.
    """
    seen = Seen()
    for row in read_rows(path, encoding=encoding):
        if isinstance(row, DataError):
            yield row
            continue
        earlier = seen.add(row.id, int(row.where.rpartition(":")[2]))
        if earlier is None:
            try:
                yield document_of(row)
            except FormatError as error:
                yield error
        else:
            problem = f"id {row.id} was already used at line {earlier}"
            yield FormatError(problem, where=row.where, hint="ids must be unique over all inputs")


def read_rows(path: Path, *, encoding: str = "utf-8") -> Iterator[ConditionRow | DataError]:
    """Yield the rows of a file as `read` does; ids may repeat."""
    for item in read_values(path, encoding=encoding):
        try:
            yield item if isinstance(item, FormatError) else row_of(item)
        except FormatError as error:
            yield error


def row_of(row: Values) -> ConditionRow:
    """The instance of one row. Raises FormatError that names the field."""
    names = _names(row)
    fields = Fields({name: row.values[key] for name, key in names.items()}, row.where, row.name)
    _refuse_nul(fields)
    title, abstract = _texts(fields)
    drug, disease = _pair(fields)
    conditions, target = _gold(fields)
    return ConditionRow(
        id=_identity(fields, "id") or str(row.number),
        title=title,
        abstract=abstract,
        drug=drug,
        disease=disease,
        pmid=_identity(fields, "pmid"),
        conditions=conditions,
        target=target,
        extra=_others(row, names),
        where=row.where,
    )


def document_of(row: ConditionRow) -> Document:
    """The document of an instance, as the module says; `row_of_document` is its inverse.

    Raises FormatError for `extra` that is nested too deeply to be written as JSON.
    """
    text = row.text
    conditions: list[Condition] = []
    lost: dict[int, Unlocated] = {}
    for position, (span, type_) in enumerate(row.conditions or ()):
        place = place_of(span, text)
        if place is None:
            lost[position] = Unlocated(span, type_, "not in the text")
        else:
            at = Span(place.start, place.end)
            conditions.append(Condition(type_, at, span, RELATION, alignment=_ALIGNMENTS[place.how]))
    return Document(
        id=row.id,
        text=text,
        passages=_passages(row),
        concepts=(Concept("c1", "Drug", (), (row.drug,)), Concept("c2", "Disease", (), (row.disease,))),
        relations=(Relation(RELATION, "therapeutic", (Argument("drug", "c1"), Argument("disease", "c2"))),),
        conditions=tuple(conditions),
        unlocated=tuple(lost.values()),
        attributes=_attributes(row, tuple(lost)),
    )


def row_of_document(document: Document) -> ConditionRow:
    """The instance that a document stands for. Raises DataError for a document that is none."""
    where = f"document {document.id}"
    attributes = document.attributes
    names = {concept.id: concept.names for concept in document.concepts}
    if attributes.get("corpus") != CORPUS or not (names.get("c1") and names.get("c2")):
        raise DataError(
            "is no instance of the corpus 'conditions'",
            where=where,
            hint="give rows with title, abstract, drug and disease",
        )
    sections = {passage.section: document.passage_text(passage) for passage in document.passages}
    conditions = [(each.text, each.type) for each in document.conditions]
    for position, lost in zip(_positions(document, where), document.unlocated, strict=True):
        conditions.insert(position, (lost.text, lost.type))
    target = attributes.get("target")
    given = attributes.get("annotated") == "true" and target is None
    return ConditionRow(
        id=document.id,
        title=sections.get("title", ""),
        abstract=sections.get("abstract", ""),
        drug=names["c1"][0],
        disease=names["c2"][0],
        pmid=attributes.get("pmid", ""),
        conditions=tuple(conditions) if given else None,
        target=target,
        extra=_extra(attributes, where),
        where=where,
    )


# --- fields ---------------------------------------------------------------------------------------


def _names(row: Values) -> dict[str, str]:
    """The keys of the fields that are read, by their names in lower case."""
    names: dict[str, str] = {}
    for key in row.values:
        name = key.strip().lower()
        if name in names:
            raise FormatError(f"the field {name} occurs twice", where=row.where, hint="rename one")
        if name in _KNOWN and row.values[key] is not None:
            names[name] = key
    if "abstract" in names:
        names.pop("text", None)
    elif "text" in names and not {"drug", "disease"} & names.keys():
        names.pop("title", None)
    if "conditions" in names:
        names.pop("target", None)
    return names


def _refuse_nul(fields: Fields) -> None:
    """A NUL is a sign of another encoding or of damage, and some programs end a text there."""
    for key, value in fields.values.items():
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise fields.error(key, "holds a NUL, which is no text")


def _others(row: Values, names: Mapping[str, str]) -> dict[str, object]:
    """The fields that are not read, null ones of ours left out."""
    read_ones = set(names.values())
    return {
        key: value
        for key, value in row.values.items()
        if key not in read_ones and (value is not None or key.strip().lower() not in _KNOWN)
    }


def _texts(fields: Fields) -> tuple[str, str]:
    title, text = fields.text("title", ""), fields.text("text", "")
    if title and text:
        found = title, text.strip().removeprefix(title.strip()).strip()
    else:
        found = split_text(text) if text else (title, fields.text("abstract", ""))
    if not any(part.strip() for part in found):
        raise fields.error("abstract", "is missing, and so is title")
    return found


def _pair(fields: Fields) -> tuple[str, str]:
    if not (fields.has("drug") or fields.has("disease")) and fields.has("text"):
        pair = pair_of(fields.text("text"))
        if pair is None:
            raise fields.error("text", "has no line '[Drug-Disease]: DRUG - DISEASE'")
        return pair
    for key in ("drug", "disease"):
        if not fields.text(key).strip():
            raise fields.error(key, "is empty")
    return fields.text("drug").strip(), fields.text("disease").strip()


def _gold(fields: Fields) -> tuple[tuple[tuple[str, str], ...] | None, str | None]:
    """The conditions, or the text that says them, or neither."""
    key = "conditions" if fields.has("conditions") else "target"
    value = fields.values.get(key)
    if value is None or isinstance(value, str):
        return None, value if value and value.strip() else None
    if isinstance(value, list) and any(isinstance(each, str) for each in value):
        if not all(isinstance(each, str) for each in value):
            raise fields.error(key, "holds texts and other values: write all its items in one way")
        return None, json.dumps(value, ensure_ascii=False)
    return tuple(_condition(each) for each in fields.objects(key)), None


def _condition(fields: Fields) -> tuple[str, str]:
    key = "type" if fields.has("type") else "label" if fields.has("label") else "type"
    _refuse_nul(fields)
    found = fields.text("span"), fields.text(key)
    for name, text in zip(("span", key), found, strict=True):
        if not text.strip():
            raise fields.error(name, "is empty")
    return found


def _identity(fields: Fields, key: str) -> str:
    value = fields.values.get(key, "")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise fields.error(key, "is neither a string nor a whole number")
    return value.strip()


# --- documents ------------------------------------------------------------------------------------


def _passages(row: ConditionRow) -> tuple[Passage, ...]:
    end = len(row.text)
    title = (Passage("title", 0, len(row.title)),) if row.title else ()
    return (*title, Passage("abstract", end - len(row.abstract), end)) if row.abstract else title


def _attributes(row: ConditionRow, lost: tuple[int, ...]) -> dict[str, str]:
    annotated = row.conditions is not None or row.target is not None
    found = {"corpus": CORPUS, "annotated": "true" if annotated else "false"}
    if row.pmid:
        found["pmid"] = row.pmid
    if row.target is not None:
        found["target"] = row.target
    if lost:
        found["unlocated"] = " ".join(map(str, lost))
    if row.extra:
        try:
            found["extra"] = json.dumps(dict(row.extra), ensure_ascii=False)
        except RecursionError as error:
            raise FormatError("a further field is nested too deeply", where=row.where) from error
    return found


def _positions(document: Document, where: str) -> list[int]:
    said = document.attributes.get("unlocated", "").split()
    count = len(document.unlocated)
    if len(said) != count or not all(each.isdecimal() and len(each) < 10 for each in said):
        raise DataError(f"attribute unlocated does not say the positions of {count} conditions", where=where)
    return sorted(map(int, said))


def _extra(attributes: Mapping[str, str], where: str) -> dict[str, object]:
    try:
        value: object = json.loads(attributes.get("extra", "{}"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DataError("attribute extra is no JSON object", where=where)
    return value
