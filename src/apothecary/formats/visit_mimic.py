"""What MIMIC-III and MIMIC-IV share as tables: patients, admissions, coded diagnoses and procedures,
prescriptions.

Kept of the prescriptions: DRUG_TYPE MAIN (BASE and ADDITIVE are what it is dissolved in), as in the published
pipeline. Not kept: patients with two admissions only (that filter loses most of the data, and visits with one
table missing, which the caller decides).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apothecary.formats.visit_stays import Given, code_event, drug_event
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import find_table, need_table, read_table
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code

__all__ = ["DRUGS", "MimicColumns", "add_codes", "add_drugs", "read_titles"]

DRUGS = "prescriptions"
"""The table of the drugs."""

_MAIN = "main"


@dataclass(frozen=True)
class MimicColumns:
    """Names of columns that differ: of a code, of the version of its classification, of stamps.

    Without a version every code is ICD-9.
    """

    code: str
    version: str
    performed: str
    begun: str


def add_codes(folder: Path, store: EventStore, columns: MimicColumns, tally: Tally) -> None:
    """Events of both tables of codes. Diagnoses are coded after discharge, so they have no stamp."""
    for table, kind in (("diagnoses_icd", "diagnosis"), ("procedures_icd", "procedure")):
        path = need_table(folder, table)
        needed = ("subject_id", "hadm_id", "seq_num", columns.code)
        optional = (columns.version, columns.performed)
        rows = read_table(path, needed, optional, tally=tally)
        store.add(kind, _codes(rows, kind, table, tally))


def add_drugs(folder: Path, store: EventStore, columns: MimicColumns, tally: Tally) -> None:
    """Events of the prescriptions."""
    needed = ("subject_id", "hadm_id", "drug")
    optional = ("ndc", "drug_type", columns.begun)
    rows = read_table(need_table(folder, DRUGS), needed, optional, tally=tally)
    store.add("drug", _drugs(rows, tally))


def read_titles(folder: Path, columns: MimicColumns, tally: Tally) -> dict[tuple[str, str], str]:
    """The titles of codes, where the folder has the tables for them."""
    titles: dict[tuple[str, str], str] = {}
    for table, kind in (("d_icd_diagnoses", "diagnosis"), ("d_icd_procedures", "procedure")):
        path = find_table(folder, table)
        if path is None:
            continue
        for code, title, version in read_table(
            path, (columns.code, "long_title"), (columns.version,), tally=tally
        ):
            titles[system(kind, version), code] = title
    return titles


def system(kind: str, version: str) -> str:
    """The classification of a code, by the kind of its table and its version (9, 10, or "" for 9)."""
    if kind == "diagnosis":
        return "icd10" if version == "10" else "icd9"
    return "icd10pcs" if version == "10" else "icd9proc"


def _codes(rows: Iterator[tuple[str, ...]], kind: str, table: str, tally: Tally) -> Iterator[tuple[str, ...]]:
    for patient, visit, place, code, version, stamp in rows:
        if not code:
            tally.lose(table, "no code")
        elif not patient or not visit:
            tally.lose(table, "no visit")
        else:
            yield code_event(patient, visit, Code(system(kind, version), code), stamp, place)


def _drugs(rows: Iterator[tuple[str, ...]], tally: Tally) -> Iterator[tuple[str, ...]]:
    for patient, visit, text, ndc, kind, stamp in rows:
        if kind and kind.casefold() != _MAIN:
            tally.lose(DRUGS, "other drug type")
        elif not patient or not visit:
            tally.lose(DRUGS, "no visit")
        else:
            yield drug_event(patient, visit, Given(text, ndc), stamp)
