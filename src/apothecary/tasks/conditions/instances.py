"""An instance: one abstract, one therapeutic pair of drug and disease, and the conditions that hold for it.

Training, prompts and scores see instances, never documents. A document of `formats.condition_rows` holds a
target as text, since reading that is this task's; here it becomes conditions. What a target does not say
is not made up: one that cannot be read leaves an instance that nobody annotated, not one without conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.formats.condition_files import Values
from apothecary.formats.condition_rows import ConditionRow, row_of, row_of_document
from apothecary.formats.condition_rows import document_of as document_of_row
from apothecary.formats.condition_text import join_text
from apothecary.metrics.condition_match import Item
from apothecary.tasks.conditions.answers import (
    Condition,
    read_output,
    read_reference,
    reference_item,
    render_item,
)
from apothecary.tasks.conditions.labels import TYPES, canonical
from apothecary.tasks.conditions.pairs import is_row

__all__ = [
    "Gold",
    "Instance",
    "document_of",
    "instance_of",
    "instance_of_document",
    "instance_of_row",
    "instance_record",
    "released_gold",
    "with_gold",
]

Gold = Literal["given", "salvaged", "malformed", "none"]
"""How the conditions were come by: as fields or as a sound target; from a target that had to be mended or
lost an item; not at all, as the target is unreadable; not at all, as there is none."""


@dataclass(frozen=True)
class Instance:
    """One question of the task with its answer; the answer counts only where `annotated`.

    `pmid` is empty where it is unknown, `extra` holds fields of the row that are not used.
    """

    id: str
    pmid: str
    title: str
    abstract: str
    drug: str
    disease: str
    conditions: tuple[Condition, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    gold: Gold = "given"

    @property
    def text(self) -> str:
        """Title, a blank, abstract: the text of its document, and what offsets are into."""
        return join_text(self.title, self.abstract)

    @property
    def annotated(self) -> bool:
        """Whether `conditions` is an answer; an empty one says that there are none."""
        return self.gold in ("given", "salvaged")


def instance_of(record: Mapping[str, object], *, where: str = "", strict: bool = False) -> Instance:
    """The instance of a JSON object in any form of `formats.condition_rows`; its "id" is needed.

    Raises FormatError that names the field, and with `strict` as `instance_of_row` does.
    """
    where = where or f"instance {record.get('id')}"
    if record.get("id") in (None, ""):
        raise FormatError("field id is missing", where=where, hint='give every record an "id"')
    return instance_of_row(row_of(Values(record, where, 0)), strict=strict)


def instance_of_document(document: Document, *, strict: bool = False) -> Instance:
    """The instance that a document stands for.

    Raises DataError for a document that is none, and with `strict` as `instance_of_row` does.
    """
    return instance_of_row(row_of_document(document), strict=strict)


def instance_of_row(row: ConditionRow, *, strict: bool = False) -> Instance:
    """The instance of a row, its target read and its types in canonical spelling.

    With `strict` it raises FormatError, with the row's file and line, for a row without conditions or
    target, a target that is not a whole list of whole items, and an unknown type.
    """
    conditions, gold = _conditions(row)
    if strict:
        _check(row, conditions, gold)
    return Instance(
        id=row.id,
        pmid=row.pmid,
        title=row.title,
        abstract=row.abstract,
        drug=row.drug,
        disease=row.disease,
        conditions=conditions,
        extra=row.extra,
        gold=gold,
    )


def instance_record(instance: Instance) -> dict[str, object]:
    """An instance as a JSON object, `extra` beside the fields; `instance_of` is its inverse.

    One that is not annotated has no "conditions"; how it came to that is not kept.
    """
    record: dict[str, object] = {"id": instance.id}
    if instance.pmid:
        record["pmid"] = instance.pmid
    record |= {
        "title": instance.title,
        "abstract": instance.abstract,
        "drug": instance.drug,
        "disease": instance.disease,
    }
    if instance.annotated:
        record["conditions"] = [{"span": each.span, "type": each.type} for each in instance.conditions]
    return {**instance.extra, **record}


def document_of(instance: Instance) -> Document:
    """The document of an instance: as `formats.condition_rows` makes it, its target read."""
    given = tuple((each.span, each.type) for each in instance.conditions)
    return document_of_row(
        ConditionRow(
            id=instance.id,
            title=instance.title,
            abstract=instance.abstract,
            drug=instance.drug,
            disease=instance.disease,
            pmid=instance.pmid,
            conditions=given if instance.annotated else None,
            extra=instance.extra,
        )
    )


def released_gold(document: Document) -> tuple[Item, ...] | None:
    """The gold of a row's document as the published scorer reads it: types as they are spelled there.

    None for a target that it could not read, or not whole. Raises DataError for a document that is no row's.
    """
    row = row_of_document(document)
    if row.conditions is not None:
        items = [Condition(span.strip(), type_.strip()) for span, type_ in row.conditions]
        return tuple(reference_item(render_item(each)) for each in items)
    return read_reference(row.target or "") if _conditions(row)[1] == "given" else None


def with_gold(document: Document) -> Document:
    """The document of a row with its target read and its types in canonical spelling; any other as it is.

    A target that cannot be read stays text; one that had to be mended or lost an item gives the attribute
    "mended" (true). Raises DataError for a document that says it is of a row and is not.
    """
    if not is_row(document):
        return document
    instance = instance_of_document(document)
    if not instance.annotated:
        return document
    read = document_of(instance)
    if instance.gold != "salvaged" and "mended" not in document.attributes:
        return read
    return replace(read, attributes={**read.attributes, "mended": "true"})


def _conditions(row: ConditionRow) -> tuple[tuple[Condition, ...], Gold]:
    if row.conditions is not None:
        pairs = [(span.strip(), type_.strip()) for span, type_ in row.conditions]
        return tuple(Condition(span, canonical(type_) or type_) for span, type_ in pairs), "given"
    if row.target is None:
        return (), "none"
    read = read_output(row.target)
    if read.status == "malformed":
        return (), "malformed"
    return read.items, "salvaged" if read.dropped or read.status == "salvaged" else "given"


def _check(row: ConditionRow, conditions: tuple[Condition, ...], gold: Gold) -> None:
    if gold == "none":
        raise FormatError("neither conditions nor target", where=row.where, hint="[] says there are none")
    if gold != "given":
        raise FormatError(
            f"field target is not a list of 'Span: ... | Label: ...' ({gold})",
            where=row.where,
            hint="mend it, or leave the row out",
        )
    for each in conditions:
        if canonical(each.type) is None:
            raise FormatError(
                f"unknown type {each.type!r} of a condition",
                where=row.where,
                hint=f"types: {', '.join(TYPES)}",
            )
