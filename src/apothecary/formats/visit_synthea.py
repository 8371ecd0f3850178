"""Synthea to stays: its own CSV export, or the edge tables of the package medmodels. Patients are invented.

The export: patients, encounters, conditions, procedures, medications, allergies (if there). A visit is an
encounter. The edge tables: patients, patient_diagnosis, patient_procedure, patient_drug and the tables of
their codes; they know no encounters, so a visit is what a patient got in one year. Traps:

1. Drugs are clinical products of RxNorm in words ("amlodipine 2.5 MG Oral Tablet"); ``rxnorm:NUMBER`` can be
   an alias of the vocabulary.
2. Conditions include findings and social facts; none is left out here.
3. A condition has a date without time: it counts as known at the end of that day. As long as it lasts it is a
   diagnosis of every later visit too.
4. In the edge tables the day that an age was counted at is not said: the age is left out. A year has no
   admission: see `has_admissions`.
5. Lists are short (two drugs a year) and hardly interact: good for trying programs, not for safety.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from apothecary.formats.visit_stays import (
    Given,
    Stay,
    code_event,
    drug_event,
    moment,
    patient_event,
    problem_event,
    read_stays,
    visit_event,
)
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import find_table, need_table, read_table
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code

__all__ = ["DRUGS", "EDGE_DRUGS", "has_admissions", "read"]

DRUGS, EDGE_DRUGS = "medications", "patient_drug"
"""The table of the drugs, in the export and in the edge tables."""

_EDGES = (
    ("patient_diagnosis", "diagnosis_codes", "diagnosis"),
    ("patient_procedure", "procedure_codes", "procedure"),
)


def has_admissions(folder: Path) -> bool:
    """Whether visits begin at some moment, as encounters do and years of the edge tables do not."""
    return find_table(folder, "encounters") is not None


def read(folder: Path, store: EventStore, tally: Tally) -> Iterator[Stay]:
    """Yield the encounters, or the years of patients. Raises FormatError for a missing table or column."""
    if has_admissions(folder):
        _add_export(folder, store, tally)
    else:
        _add_edges(folder, store, tally)
    table = DRUGS if has_admissions(folder) else EDGE_DRUGS
    yield from read_stays(store.patients(), tally, drugs=table)


# --- the export -----------------------------------------------------------------------------------


def _add_export(folder: Path, store: EventStore, tally: Tally) -> None:
    patients = read_table(need_table(folder, "patients"), ("id", "gender", "birthdate"), tally=tally)
    store.add("patient", (patient_event(*row) for row in patients))
    encounters = read_table(need_table(folder, "encounters"), ("patient", "id", "start", "stop"), tally=tally)
    store.add("visit", (visit_event(*row) for row in encounters))
    for table, kind in (("conditions", "diagnosis"), ("procedures", "procedure")):
        path = need_table(folder, table)
        # Older exports of procedures say DATE for START.
        needed = ("patient", "encounter", "code", "description")
        rows = read_table(path, needed, ("start", "date"), tally=tally)
        store.add(
            kind,
            (
                code_event(patient, visit, Code("snomed", code, title), start or date)
                for patient, visit, code, title, start, date in rows
                if code
            ),
        )
    lasting = ("patient", "code", "description", "start", "stop")
    problems = read_table(need_table(folder, "conditions"), lasting, tally=Tally())
    store.add(
        "problem",
        (
            problem_event(patient, Code("snomed", code, title), start, stop)
            for patient, code, title, start, stop in problems
            if code
        ),
    )
    columns = ("patient", "encounter", "description", "code", "start")
    drugs = read_table(need_table(folder, DRUGS), columns, tally=tally)
    store.add(
        "drug",
        (
            drug_event(patient, visit, Given(text, "", f"rxnorm:{code}" if code else ""), start)
            for patient, visit, text, code, start in drugs
        ),
    )
    if (found := find_table(folder, "allergies")) is not None:
        store.add("allergy", read_table(found, ("patient", "description", "start"), tally=tally))


# --- the edge tables ------------------------------------------------------------------------------


def _add_edges(folder: Path, store: EventStore, tally: Tally) -> None:
    patients = read_table(need_table(folder, "patients"), ("patient", "gender"), tally=tally)
    store.add("patient", (patient_event(patient, sex) for patient, sex in patients))
    years: set[tuple[str, str]] = set()
    for table, names, kind in _EDGES:
        path = find_table(folder, table)
        if path is None:
            continue
        titles = _titles(folder, names, tally)
        rows = read_table(path, ("patient", "code", "time"), tally=tally)
        store.add(kind, _year_codes(rows, titles, years, (table, tally)))
        if kind == "diagnosis":
            lasting = read_table(path, ("patient", "code", "time", "duration_days"), tally=Tally())
            store.add("problem", _lasting(lasting, titles))
    path = need_table(folder, EDGE_DRUGS)
    titles = _titles(folder, "drug_codes", tally)
    rows = read_table(path, ("patient", "code", "time"), tally=tally)
    store.add("drug", _year_drugs(rows, titles, years, tally))
    store.add(
        "visit",
        (
            visit_event(patient, f"{patient}-{year}", f"{year}-01-01", f"{year}-12-31")
            for patient, year in sorted(years)
        ),
    )


def _titles(folder: Path, table: str, tally: Tally) -> dict[str, str]:
    path = find_table(folder, table)
    if path is None:
        return {}
    rows = read_table(path, ("code", "description"), tally=tally)
    return {row[0]: row[1] for row in rows}


def _year(time: str) -> str:
    found = moment(time)
    return "" if found is None else f"{found.year:04}"


def _year_codes(
    rows: Iterator[tuple[str, ...]],
    titles: dict[str, str],
    years: set[tuple[str, str]],
    lost: tuple[str, Tally],
) -> Iterator[tuple[str, ...]]:
    for patient, code, time in rows:
        year = _year(time)
        if not year or not patient:
            lost[1].lose(lost[0], "no time" if patient else "no visit")
            continue
        years.add((patient, year))
        yield code_event(patient, f"{patient}-{year}", Code("snomed", code, titles.get(code, "")), time)


def _lasting(rows: Iterator[tuple[str, ...]], titles: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for patient, code, time, days in rows:
        begun = moment(time)
        try:
            ended = begun + timedelta(days=float(days)) if begun is not None and days else None
        except (ValueError, OverflowError):
            ended = None
        if begun is not None and code:
            stop = "" if ended is None else ended.isoformat()
            yield problem_event(patient, Code("snomed", code, titles.get(code, "")), time, stop)


def _year_drugs(
    rows: Iterator[tuple[str, ...]], titles: dict[str, str], years: set[tuple[str, str]], tally: Tally
) -> Iterator[tuple[str, ...]]:
    for patient, code, time in rows:
        year = _year(time)
        if not year or not patient:
            tally.lose(EDGE_DRUGS, "no time" if patient else "no visit")
            continue
        years.add((patient, year))
        given = Given(titles.get(code, ""), "", f"rxnorm:{code}" if code else "")
        yield drug_event(patient, f"{patient}-{year}", given, time)
