"""MIMIC-IV (CSV, plain or gzip; the release or its folder ``hosp``) to stays. Traps:

1. Years are shifted by patient; the age follows from anchor_age and anchor_year. Above 89 it is 91.
2. Diagnoses have no date (they are given at discharge), procedures a date without time.
3. An NDC of 0 stands for none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.formats.visit_mimic import DRUGS, MimicColumns, add_codes, add_drugs, read_titles
from apothecary.formats.visit_stays import Stay, patient_event, read_stays, visit_event
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import need_table, read_table
from apothecary.formats.visit_tally import Tally

__all__ = ["DRUGS", "read"]

_COLUMNS = MimicColumns(code="icd_code", version="icd_version", performed="chartdate", begun="starttime")


def read(folder: Path, store: EventStore, tally: Tally) -> Iterator[Stay]:
    """Yield the stays of a folder of tables. Raises FormatError for a missing table or column."""
    needed = ("subject_id", "gender", "anchor_age", "anchor_year")
    patients = read_table(need_table(folder, "patients"), needed, tally=tally)
    store.add("patient", (patient_event(patient, sex, _birth(*age)) for patient, sex, *age in patients))
    needed = ("subject_id", "hadm_id", "admittime", "dischtime")
    admissions = read_table(need_table(folder, "admissions"), needed, tally=tally)
    store.add("visit", (visit_event(*row) for row in admissions))
    add_codes(folder, store, _COLUMNS, tally)
    add_drugs(folder, store, _COLUMNS, tally)
    yield from read_stays(store.patients(), tally, drugs=DRUGS, titles=read_titles(folder, _COLUMNS, tally))


def _birth(age: str, year: str) -> str:
    """A first of January that gives the age of the anchor year; "" where they are no numbers."""
    if not (age.isdecimal() and year.isdecimal() and len(age + year) < 9):
        return ""
    born = int(year) - int(age)
    return f"{born:04}-01-01" if 0 < born < 10_000 else ""
