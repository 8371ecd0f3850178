"""eICU (CSV, plain or gzip) to stays: patient, medication, diagnosis. A visit is a stay in one unit. Traps:

1. There are no dates, only minutes from the admission to the unit. The order of a patient's stays follows
   from the year of discharge and from how long after the admission to the hospital a unit stay began. Where a
   year holds several hospital stays, their order is not known: these stays get the same place, and none is
   history of another.
2. A diagnosis may carry codes of ICD-9, ICD-10 or both in one text; each becomes a code, without the point.
   One that carries none is kept by its path, in the system "eicu".
3. A third of the medications have no name, only a number of a licensed list (HICL): they cannot be named.
4. Orders that were cancelled are left out.
5. The table treatment is not read: it names drugs that were given, so it would tell what is asked for.
6. Ages above 89 are "> 89": given as 90.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from apothecary.formats.visit_stays import (
    CAPPED_AGE,
    Given,
    Stay,
    after,
    code_event,
    drug_event,
    patient_event,
    read_stays,
    visit_event,
)
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tables import need_table, read_table
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code

__all__ = ["DRUGS", "read"]

DRUGS = "medication"
"""The table of the drugs."""

DAYS_A_YEAR = 366
_ICD9 = re.compile(r"(?:\d{3}|V\d{2}|E\d{3})(?:\.\d{1,2})?")
_ICD10 = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")


def read(folder: Path, store: EventStore, tally: Tally) -> Iterator[Stay]:
    """Yield the unit stays of a folder of tables. Raises FormatError for a missing table or column."""
    owners = _add_stays(folder, store, tally)
    needed = ("patientunitstayid", "diagnosisoffset", "diagnosisstring", "icd9code")
    diagnoses = read_table(need_table(folder, "diagnosis"), needed, tally=tally)
    store.add("diagnosis", _diagnoses(diagnoses, owners, tally))
    needed = ("patientunitstayid", "drugname", "drugordercancelled", "drugstartoffset")
    drugs = read_table(need_table(folder, DRUGS), needed, tally=tally)
    store.add("drug", _drugs(drugs, owners, tally))
    yield from read_stays(store.patients(), tally, drugs=DRUGS)


def _add_stays(folder: Path, store: EventStore, tally: Tally) -> Mapping[str, str]:
    """Add patients and their unit stays; the patient of each stay (some 200,000 in the whole data set)."""
    needed = (
        *("patientunitstayid", "patienthealthsystemstayid", "uniquepid", "gender", "age"),
        *("hospitaldischargeyear", "hospitaladmitoffset", "unitdischargeoffset"),
    )
    path = need_table(folder, "patient")
    rows = [row for row in read_table(path, needed, tally=tally) if row[0] and row[2]]
    hospital_stays = Counter(
        (patient, year) for _, _, patient, year in {(row[1], "", row[2], row[5]) for row in rows}
    )
    patients, visits = [], []
    for unit, _, patient, sex, age, year, admitted, length in rows:
        several = hospital_stays[patient, year] > 1
        if several:
            tally.remarks["unit stay whose order within its year is unknown"] += 1
        if age.startswith(">"):
            tally.remarks["age above 89, hidden by the source"] += 1
            age = f"{CAPPED_AGE:g}"
        # Days, as everywhere, from a point that does not matter; within a stay in hospital they are right.
        hours = 0.0 if several else -float(_minutes(admitted) or "0")
        order = f"{DAYS_A_YEAR * int(year) + hours / 24:.4f}" if year.isdecimal() and len(year) == 4 else "0"
        patients.append(patient_event(patient, sex))
        visits.append(visit_event(patient, unit, "", _minutes(length), age=age, order=order))
    store.add("patient", patients)
    store.add("visit", visits)
    return {row[0]: row[2] for row in rows}


def _diagnoses(
    rows: Iterator[tuple[str, ...]], owners: Mapping[str, str], tally: Tally
) -> Iterator[tuple[str, ...]]:
    for unit, minutes, path, codes in rows:
        if unit not in owners:
            tally.lose("diagnosis", "no visit")
            continue
        found = [code for part in codes.split(",") if (code := _code(part.strip().upper(), path)) is not None]
        if not found and path:
            found = [Code("eicu", path)]
        if not found:
            tally.lose("diagnosis", "no code")
        for code in found:
            yield code_event(owners[unit], unit, code, _minutes(minutes))


def _code(text: str, path: str) -> Code | None:
    title = path.rsplit("|", 1)[-1]
    if _ICD9.fullmatch(text):
        return Code("icd9", text.replace(".", ""), title)
    return Code("icd10", text.replace(".", ""), title) if _ICD10.fullmatch(text) else None


def _drugs(
    rows: Iterator[tuple[str, ...]], owners: Mapping[str, str], tally: Tally
) -> Iterator[tuple[str, ...]]:
    for unit, text, cancelled, minutes in rows:
        if unit not in owners:
            tally.lose(DRUGS, "no visit")
        elif cancelled.casefold() in ("yes", "true", "1"):
            tally.lose(DRUGS, "cancelled")
        else:
            yield drug_event(owners[unit], unit, Given(text), _minutes(minutes))


def _minutes(text: str) -> str:
    """A stamp of whole minutes after the beginning; "" for what is none."""
    number = text.removeprefix("-")
    return after(int(text)) if number.isdecimal() and number.isascii() and len(number) < 10 else ""
