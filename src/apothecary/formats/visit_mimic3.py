"""MIMIC-III (CSV, plain or gzip) to stays: PATIENTS, ADMISSIONS, DIAGNOSES_ICD, PROCEDURES_ICD,
PRESCRIPTIONS.

Titles come from D_ICD_DIAGNOSES and D_ICD_PROCEDURES where they are there. Traps:

1. Patients above 89 are born 300 years before their first admission: their age is given as 90.
2. Codes have no date: they are given at discharge. What is known at admission is the reason in words
   (ADMISSIONS.diagnosis), which stays a code of the system "admission".
3. Prescriptions have a date without time, so the first 24 hours of a stay reach into the second day.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.formats.visit_mimic import DRUGS, MimicColumns, add_codes, add_drugs, read_titles
from apothecary.formats.visit_stays import (
    ADMISSION_TEXT,
    Stay,
    after,
    code_event,
    patient_event,
    read_stays,
    visit_event,
)
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import need_table, read_table
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code

__all__ = ["DRUGS", "read"]

_COLUMNS = MimicColumns(code="icd9_code", version="icd_version", performed="chartdate", begun="startdate")


def read(folder: Path, store: EventStore, tally: Tally) -> Iterator[Stay]:
    """Yield the stays of a folder of tables. Raises FormatError for a missing table or column."""
    patients = read_table(need_table(folder, "patients"), ("subject_id", "gender", "dob"), tally=tally)
    store.add("patient", (patient_event(*row) for row in patients))
    _add_admissions(folder, store, tally)
    add_codes(folder, store, _COLUMNS, tally)
    add_drugs(folder, store, _COLUMNS, tally)
    yield from read_stays(store.patients(), tally, drugs=DRUGS, titles=read_titles(folder, _COLUMNS, tally))


def _add_admissions(folder: Path, store: EventStore, tally: Tally) -> None:
    path = need_table(folder, "admissions")
    needed = ("subject_id", "hadm_id", "admittime", "dischtime")
    rows = read_table(path, needed, tally=tally)
    store.add("visit", (visit_event(*row) for row in rows))
    # The table is small: reading it twice is simpler than events of two kinds at once.
    reasons = read_table(path, ("subject_id", "hadm_id"), ("diagnosis",), tally=Tally())
    store.add("diagnosis", _reasons(reasons))


def _reasons(rows: Iterator[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for patient, visit, reason in rows:
        for part in reason.casefold().split(";"):
            words = " ".join(part.split())
            if words:
                yield code_event(patient, visit, Code(ADMISSION_TEXT, words), after(0))
