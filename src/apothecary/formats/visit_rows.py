"""The package's own visits: JSON Lines, one visit on a line, both ways.

    {"visit_id": "v1", "patient_id": "p1", "order": 0.0, "age": 71.0, "sex": "female",
     "diagnoses": ["icd9:4019", {"system": "icd9", "code": "4280", "title": "...", "hours": -2.0}],
     "procedures": [], "allergies": ["penicillin"], "exclusions": ["warfarin"], "note": "...",
     "gold": ["aspirin", {"name": "heparin", "hours": 3.5}]}

Only ``visit_id`` is needed. Without ``patient_id`` the visit is of a patient of its own. ``gold`` are the
drugs that were given; without it they are not known, ``[]`` says that there were none. ``history`` may list
the visits that count as earlier ones; without it they are all earlier visits of the patient. It and every
field that is not known here stay in `Visit.extra`.

An error names file, line and visit, and what is wrong with which field; it never quotes a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from apothecary.errors import DataError, FormatError
from apothecary.formats import jsonl
from apothecary.formats.fields import Fields
from apothecary.formats.lines import printable
from apothecary.formats.seen import Seen
from apothecary.visits import OLDEST, Code, Drug, Sex, Visit

__all__ = [
    "HISTORY",
    "code_values",
    "codes_of",
    "drug_values",
    "drugs_of",
    "read",
    "read_whole",
    "to_row",
    "visit_of",
    "write",
]

HISTORY = "history"
"""The field of `Visit.extra` that lists earlier visits by id."""

_OWN = frozenset(
    {"visit_id", "patient_id", "order", "age", "sex", "diagnoses", "procedures", "allergies", "exclusions"}
    | {"note", "gold"}
)
_SEXES: Mapping[str, Sex] = {
    "female": "female",
    "f": "female",
    "male": "male",
    "m": "male",
    "other": "other",
    "unknown": "unknown",
    "": "unknown",
}
_ID_LENGTH = 80


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Visit | DataError]:
    """Yield the visits of a file; a bad row, or one whose visit_id came before, comes as a DataError value.

    Raises FormatError when the file cannot be read.
    """
    seen = Seen()
    for item in jsonl.read_rows(path, encoding=encoding):
        if isinstance(item, FormatError):
            yield item
            continue
        number, values = item
        where = f"{printable(path)}:{number}"
        try:
            visit = visit_of(values, where=where)
        except DataError as error:
            yield error
            continue
        first = seen.add(visit.id, number)
        if first is None:
            yield visit
        else:
            hint = "give every visit an id of its own"
            yield FormatError(
                f"this visit_id stands at line {first} too", where=_place(where, visit.id), hint=hint
            )


def read_whole(path: Path) -> list[Visit]:
    """All visits of a file. Raises DataError for the first bad row, and for a file without any."""
    visits: list[Visit] = []
    for item in read(path):
        if isinstance(item, DataError):
            raise item
        visits.append(item)
    if not visits:
        raise DataError("holds no visit", where=printable(path), hint="apothecary visits import")
    return visits


def write(visits: Iterable[Visit], stream: TextIO) -> None:
    """Write visits, one on a line; `read` gives the same ones. Raises DataError as `to_row` does."""
    for visit in visits:
        stream.write(json.dumps(to_row(visit), ensure_ascii=False) + "\n")


def visit_of(values: Mapping[str, object], *, where: str = "") -> Visit:
    """The visit of one row. Raises FormatError that names the field."""
    name = _identity(values, "visit_id", where)
    if not name:
        hint = 'give every row a "visit_id"'
        raise FormatError("field visit_id is missing or empty", where=where, hint=hint)
    fields = Fields(values, _place(where, name))
    if fields.has(HISTORY):
        fields.texts(HISTORY)
    age = fields.number("age")
    if age is not None and not 0 <= age <= OLDEST:
        raise fields.error("age", f"is not between 0 and {OLDEST:g}")
    sex = _SEXES.get(fields.text("sex", "").strip().casefold())
    if sex is None:
        raise fields.error("sex", "is none of female, male, other, unknown")
    return Visit(
        id=name,
        patient=_identity(values, "patient_id", fields.where) or name,
        order=fields.number("order") or 0.0,
        age=age,
        sex=sex,
        diagnoses=codes_of(fields, "diagnoses"),
        procedures=codes_of(fields, "procedures"),
        drugs=drugs_of(fields, "gold") if fields.has("gold") else None,
        allergies=fields.texts("allergies"),
        exclusions=fields.texts("exclusions"),
        note=fields.text("note", ""),
        extra={key: value for key, value in values.items() if key not in _OWN},
    )


def to_row(visit: Visit) -> dict[str, object]:
    """The row of a visit, without what is empty. Raises DataError for a field of `extra` that is one of
    ours."""
    taken = sorted(_OWN & visit.extra.keys())
    if taken:
        raise DataError(f"extra holds {taken[0]}, a field of the visit itself", where=f"visit {visit.id}")
    row: dict[str, object] = {"visit_id": visit.id, "patient_id": visit.patient, "order": visit.order}
    if visit.age is not None:
        row["age"] = visit.age
    row["sex"] = visit.sex
    lists: dict[str, list[object]] = {
        "diagnoses": code_values(visit.diagnoses),
        "procedures": code_values(visit.procedures),
        "allergies": list(visit.allergies),
        "exclusions": list(visit.exclusions),
    }
    row |= {key: value for key, value in lists.items() if value}
    if visit.note:
        row["note"] = visit.note
    if visit.drugs is not None:
        row["gold"] = drug_values(visit.drugs)
    return row | dict(visit.extra)


def codes_of(fields: Fields, key: str) -> tuple[Code, ...]:
    """A list of codes, each ``"system:code"`` or an object. Raises FormatError."""
    return tuple(_code(each, fields, f"{key}[{place}]") for place, each in enumerate(_items(fields, key)))


def code_values(codes: Iterable[Code]) -> list[object]:
    """Codes as `codes_of` reads them: short where there is neither title nor time."""
    return [_code_value(code) for code in codes]


def drugs_of(fields: Fields, key: str) -> tuple[Drug, ...]:
    """A list of drugs, each a name or an object with name and hours. Raises FormatError."""
    found = []
    for place, each in enumerate(_items(fields, key)):
        inner = _inner(each, "name", fields, f"{key}[{place}]")
        found.append(Drug(_word(inner, "name"), inner.number("hours")))
    return tuple(found)


def drug_values(drugs: Iterable[Drug]) -> list[object]:
    """Drugs as `drugs_of` reads them: a bare name where the time is not known."""
    return [drug.name if drug.hours is None else {"name": drug.name, "hours": drug.hours} for drug in drugs]


def _items(fields: Fields, key: str) -> list[object]:
    value = fields.values.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise fields.error(key, "is not a list")
    return value


def _inner(value: object, key: str, fields: Fields, name: str) -> Fields:
    """An item as an object; a text is its field `key` alone."""
    if isinstance(value, str):
        return Fields({key: value}, fields.where, fields.path(name))
    if not isinstance(value, dict):
        raise fields.error(name, "is neither a text nor an object")
    return Fields(value, fields.where, fields.path(name))


def _code(value: object, fields: Fields, name: str) -> Code:
    if isinstance(value, str):
        system, colon, code = value.partition(":")
        if not colon or not system.strip() or not code.strip():
            raise fields.error(name, "is not SYSTEM:CODE")
        return Code(system, code)
    inner = _inner(value, "code", fields, name)
    return Code(_word(inner, "system"), _word(inner, "code"), inner.text("title", ""), inner.number("hours"))


def _code_value(code: Code) -> object:
    short = f"{code.system}:{code.code}"
    if not code.title and code.hours is None and ":" not in code.system:
        return short
    value: dict[str, object] = {"system": code.system, "code": code.code}
    if code.title:
        value["title"] = code.title
    return value if code.hours is None else value | {"hours": code.hours}


def _word(fields: Fields, key: str) -> str:
    text = fields.text(key)
    if not text.strip():
        raise fields.error(key, "is empty")
    return text


def _identity(values: Mapping[str, object], key: str, where: str) -> str:
    """An id as text; a whole number counts; "" for none."""
    value = values.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise FormatError(f"field {key} is neither a text nor a whole number", where=where)
    return "" if value is None or not value.strip() else value


def _place(where: str, name: str) -> str:
    return f"{where} (visit {name[:_ID_LENGTH]})" if where else f"visit {name[:_ID_LENGTH]}"
