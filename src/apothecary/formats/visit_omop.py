"""OMOP CDM 5 (CSV, plain or gzip) to stays: person, visit_occurrence, condition_, procedure_ and drug_
tables.

A visit is a row of visit_occurrence. Traps:

1. A concept is named by its row in concept.csv where that is there: its classification, its code and title.
   Without it a code is ``omop`` and the number of the concept, or the value of the source where that is 0.
2. Many sources stamp the codes of a bill with the beginning of the visit, though they are given after it. So
   only conditions whose type says that they come from the record itself have a time, the others none.
3. Drugs are named by concept.csv, else by the value of the source, which may be words or an NDC. A code
   ``rxnorm:NUMBER`` or ``omop:CONCEPT`` can be an alias of the vocabulary.
4. person has a year of birth, seldom more: the age may be wrong by one.
5. Rows without a visit are taken to the one at their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.formats.visit_stays import (
    Given,
    Stay,
    code_event,
    drug_event,
    patient_event,
    read_stays,
    visit_event,
)
from apothecary.formats.visit_store import EventStore, PatientEvents
from apothecary.formats.visit_tables import find_table, need_table, read_table
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code

__all__ = ["DRUGS", "read"]

DRUGS = "drug_exposure"
"""The table of the drugs."""

_RECORD_TYPES = frozenset({"32817", "32827", "32840", "38000245"})
"""EHR, EHR encounter record, EHR problem list (and its number before version 6)."""

_SYSTEMS = {
    "ICD9CM": "icd9",
    "ICD10CM": "icd10",
    "ICD9Proc": "icd9proc",
    "ICD10PCS": "icd10pcs",
    "SNOMED": "snomed",
    "RxNorm": "rxnorm",
    "RxNorm Extension": "rxnorm extension",
}
_ICD = frozenset({"icd9", "icd10", "icd9proc", "icd10pcs"})
_SOURCE = "omop source"

Concepts = dict[str, Code | None]
"""What is said of each concept that the tables use; None until concept.csv is read."""


def read(folder: Path, store: EventStore, tally: Tally) -> Iterator[Stay]:
    """Yield the visits of a folder of tables. Raises FormatError for a missing table or column."""
    concepts: Concepts = {}
    _add_people(folder, store, tally)
    for table, kind in (("condition", "diagnosis"), ("procedure", "procedure")):
        path = find_table(folder, f"{table}_occurrence")
        if path is not None:
            store.add(kind, _codes(path, table, concepts, tally))
    store.add("drug", _drugs(need_table(folder, DRUGS), concepts, tally))
    _name_concepts(folder, concepts, tally)
    named = ((patient, _named(events, concepts)) for patient, events in store.patients())
    yield from read_stays(named, tally, drugs=DRUGS)


def _add_people(folder: Path, store: EventStore, tally: Tally) -> None:
    needed = ("person_id", "gender_concept_id", "year_of_birth")
    optional = ("month_of_birth", "day_of_birth")
    people = read_table(need_table(folder, "person"), needed, optional, tally=tally)
    store.add("patient", (patient_event(person, sex, _birth(*date)) for person, sex, *date in people))
    days = ("person_id", "visit_occurrence_id", "visit_start_date", "visit_end_date")
    times = ("visit_start_datetime", "visit_end_datetime")
    visits = read_table(need_table(folder, "visit_occurrence"), days, times, tally=tally)
    store.add(
        "visit",
        (
            visit_event(person, visit, start_time or start, end_time or end)
            for person, visit, start, end, start_time, end_time in visits
        ),
    )


def _birth(year: str, month: str, day: str) -> str:
    parts = [part.split(".")[0] for part in (year, month, day)]
    if not (parts[0].isdecimal() and len(parts[0]) <= 4):
        return ""
    month, day = (part if part.isdecimal() and 0 < len(part.lstrip("0")) <= 2 else "1" for part in parts[1:])
    return f"{int(parts[0]):04}-{int(month):02}-{int(day):02}"


def _codes(path: Path, table: str, concepts: Concepts, tally: Tally) -> Iterator[tuple[str, ...]]:
    begun = "condition_start" if table == "condition" else "procedure"
    needed = ("person_id", "visit_occurrence_id", f"{table}_concept_id")
    optional = (
        *(f"{table}_source_concept_id", f"{table}_source_value", f"{table}_type_concept_id"),
        *(f"{begun}_date", f"{begun}_datetime"),
    )
    for row in read_table(path, needed, optional, tally=tally):
        person, visit, standard, origin, value, type_, day, time = row
        concepts.setdefault(standard, None)
        concepts.setdefault(origin, None)
        stamp = (time or day) if table == "procedure" or type_ in _RECORD_TYPES else ""
        if standard in ("", "0") and origin in ("", "0") and not value:
            tally.lose(f"{table}_occurrence", "no code")
            continue
        # Which of the two concepts speaks is known when concept.csv has been read.
        yield code_event(person, visit, Code(f"{origin} {standard}", value), stamp)


def _drugs(path: Path, concepts: Concepts, tally: Tally) -> Iterator[tuple[str, ...]]:
    needed = ("person_id", "visit_occurrence_id", "drug_concept_id")
    optional = ("drug_source_value", "drug_exposure_start_date", "drug_exposure_start_datetime")
    for person, visit, concept, value, day, time in read_table(path, needed, optional, tally=tally):
        concepts.setdefault(concept, None)
        yield drug_event(person, visit, Given(value, value, concept), time or day)


def _name_concepts(folder: Path, concepts: Concepts, tally: Tally) -> None:
    path = find_table(folder, "concept")
    if path is None:
        tally.remarks["concept.csv is not there: codes and drugs go by number or by the source"] += 1
        return
    needed = ("concept_id", "concept_name", "vocabulary_id", "concept_code")
    for number, name, vocabulary, code in read_table(path, needed, tally=tally):
        if number in concepts and number != "0":
            system = _SYSTEMS.get(vocabulary, vocabulary.casefold())
            concepts[number] = Code(system, code.replace(".", "") if system in _ICD else code, name)


def _named(events: PatientEvents, concepts: Concepts) -> PatientEvents:
    """The events of a patient with concepts in the place of their numbers."""
    for kind in ("diagnosis", "procedure"):
        events[kind] = [_named_code(row, concepts) for row in events.get(kind, [])]
    events["drug"] = [_named_drug(row, concepts) for row in events.get("drug", [])]
    return events


def _named_code(row: tuple[str, ...], concepts: Concepts) -> tuple[str, ...]:
    visit, numbers, value, _, stamp, place = row
    origin, _, standard = numbers.partition(" ")
    own, common = concepts.get(origin), concepts.get(standard)
    if own is not None and own.system in _ICD:
        code = own
    elif common is not None:
        code = common
    elif standard not in ("", "0"):
        code = Code("omop", standard)
    else:
        code = Code("omop", origin) if origin not in ("", "0") else Code(_SOURCE, value)
    return (visit, code.system, code.code, code.title, stamp, place)


def _named_drug(row: tuple[str, ...], concepts: Concepts) -> tuple[str, ...]:
    visit, value, ndc, number, stamp = row
    concept = concepts.get(number)
    if concept is None:
        return (visit, value, ndc, f"omop:{number}" if number not in ("", "0") else "", stamp)
    return (visit, concept.title, ndc, f"{concept.system}:{concept.code}", stamp)
