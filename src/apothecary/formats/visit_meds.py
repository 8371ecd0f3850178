"""MEDS (Parquet, one file or a folder of shards) to stays, with the codes that MIMIC-IV has there.

Read: HOSPITAL_ADMISSION, HOSPITAL_DISCHARGE, DIAGNOSIS//ICD//9|10//code, PROCEDURE//ICD//9|10//code,
MEDICATION//START//name, GENDER//x, MEDS_BIRTH. Everything else (laboratory, infusions, single
administrations, stops) is passed over. Needs the extra ``parquet``. Traps:

1. Events belong to an admission by hadm_id where the file has that column, else by their time; what is dated
   by day belongs to the admission that holds the day. A medication may begin before its admission in a file
   without hadm_id (in the emergency department): such rows have no visit.
2. Diagnoses are stamped with the discharge and procedures with a day, so at admission neither is known.
3. Names of drugs are as they were written, without NDC; "UNK" is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType

from apothecary.errors import FormatError, UsageError
from apothecary.formats.lines import printable
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
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code

__all__ = ["DRUGS", "read"]

DRUGS = "medication"
"""What drug rows are counted under."""

_ROWS = 1 << 16
_PATTERN = (
    r"^(MEDS_BIRTH$|GENDER//|HOSPITAL_ADMISSION|HOSPITAL_DISCHARGE|MEDICATION//START//|"
    r"DIAGNOSIS//ICD//|PROCEDURE//ICD//)"
)
_NEEDED = ("subject_id", "time", "code")
_SYSTEMS = {
    ("DIAGNOSIS", "9"): "icd9",
    ("DIAGNOSIS", "10"): "icd10",
    ("PROCEDURE", "9"): "icd9proc",
    ("PROCEDURE", "10"): "icd10pcs",
}


Row = tuple[str, tuple[str, ...]]


def read(source: Path, store: EventStore, tally: Tally) -> Iterator[Stay]:
    """Yield the stays of a file or folder. Raises FormatError, and UsageError without the extra."""
    arrow = _arrow()
    files = 0
    for path in _files(source):
        for events in _batches(path, arrow, tally):
            files += 1
            kinds: dict[str, list[tuple[str, ...]]] = {}
            for kind, row in events:
                kinds.setdefault(kind, []).append(row)
            for kind, rows in kinds.items():
                store.add(kind, rows)
    if not files:
        hint = "give a file or a folder of Parquet files with subject_id, time and code"
        raise FormatError("no MEDS events in it", where=printable(source), hint=hint)
    with_visits = ((patient, _with_visits(patient, events, tally)) for patient, events in store.patients())
    yield from read_stays(with_visits, tally, drugs=DRUGS)


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise FormatError("no such file or folder", where=printable(source), hint="check the path")
    return sorted(source.rglob("*.parquet")) if source.is_dir() else [source]


def _batches(path: Path, arrow: ModuleType, tally: Tally) -> Iterator[list[Row]]:
    """The events of a file that are read, some ten thousand at a time; none for a file of another kind."""
    try:
        with arrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if not set(_NEEDED) <= set(names):
                return
            columns = [*_NEEDED, *(["hadm_id"] if "hadm_id" in names else [])]
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                tally.read["events"] += len(batch)
                kept = arrow.compute.match_substring_regex(batch["code"].cast(arrow.string()), _PATTERN)
                rows = batch.filter(kept).to_pylist()
                yield [event for row in rows if (event := _event(row, tally)) is not None]
    except (arrow.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        raise FormatError(
            f"is not Parquet that can be read: {type(error).__name__}",
            where=printable(path),
            hint="fetch the file again",
        ) from error


def _event(row: dict[str, object], tally: Tally) -> Row | None:
    """An event by its kind; None for one that says nothing."""
    patient, code = _number(row["subject_id"]), str(row["code"])
    time = row["time"]
    stamp = time.isoformat(sep=" ") if isinstance(time, datetime) else ""
    visit = _number(row.get("hadm_id"))
    head, _, rest = code.partition("//")
    if head == "GENDER":
        return "gender", (patient, rest)
    if head == "MEDS_BIRTH":
        return "birth", (patient, stamp)
    if head in ("HOSPITAL_ADMISSION", "HOSPITAL_DISCHARGE"):
        return head.lower(), (patient, visit, stamp)
    if head == "MEDICATION":
        tally.read[DRUGS] += 1
        return "drug", drug_event(patient, visit, Given(rest.partition("//")[2]), stamp)
    _, version, number = rest.split("//", 2) if rest.count("//") == 2 else ("", "", "")
    system = _SYSTEMS.get((head, version))
    kind = head.lower()
    tally.read[kind] += 1
    if system is None or not number:
        tally.lose(kind, "no code")
        return None
    return kind, code_event(patient, visit, Code(system, number), stamp)


def _number(value: object) -> str:
    """An id as text; "" for none. Whole numbers come as floats where a column has gaps."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    return "" if value is None else str(value)


def _with_visits(patient: str, events: PatientEvents, tally: Tally) -> PatientEvents:
    """The events of a patient with its admissions as visits, each up to its discharge."""
    sex = events.pop("gender", [("",)])[0][0]
    birth = events.pop("birth", [("",)])[0][0]
    admitted = sorted(events.pop("hospital_admission", []), key=lambda row: row[1])
    left = sorted(events.pop("hospital_discharge", []), key=lambda row: row[1])
    starts = [*(stamp for _, stamp in admitted), "~"]
    visits = []
    for place, (name, start) in enumerate(admitted):
        # A transfer is a discharge at the moment of the next admission: each discharge ends one alone.
        own = [row for row in left if (row[0] == name if name else start <= row[1] <= starts[place + 1])]
        if own:
            left.remove(own[0])
        else:
            tally.remarks["admission without a discharge"] += 1
        end = own[0][1] if own else ""
        visits.append(visit_event(patient, name or f"{patient}-{place + 1}", start, end))
    events["patient"] = [patient_event(patient, sex, birth)[1:]]
    events["visit"] = [row[1:] for row in visits]
    return events


def _arrow() -> ModuleType:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet is not installed", hint="pip install 'apothecary[parquet]'") from error
    module: ModuleType = pyarrow
    return module
