"""A file of visits as cases: every visit with the history that its patient has in the same file.

A first pass (`survey`) sees whether the visits of each patient stand together, as importers write them. Then
no more than one patient is held in memory; else all visits are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apothecary.corpora.visit_times import earlier_visits
from apothecary.errors import DataError, FormatError
from apothecary.formats import jsonl, visit_rows
from apothecary.formats.lines import sha256_of
from apothecary.formats.seen import Seen
from apothecary.tasks.recommending import Case
from apothecary.visits import Visit

__all__ = ["Survey", "read_cases", "survey"]


@dataclass(frozen=True)
class Survey:
    """A file at first sight: its rows (bad ones too), those with a list, and in how many each drug is."""

    rows: int
    with_lists: int
    drugs: Counter[str]
    together: bool
    sha256: str


def survey(path: Path, *, encoding: str = "utf-8") -> Survey:
    """Look through a file of visits. Raises FormatError when it cannot be read."""
    patients, drugs = Seen(), Counter[str]()
    rows = with_lists = 0
    last, together = "", True
    for item in jsonl.read_rows(path, encoding=encoding):
        rows += 1
        if isinstance(item, FormatError):
            continue
        values = item[1]
        patient = str(values.get("patient_id") or values.get("visit_id"))
        if patient != last:
            together = patients.add(patient, 0) is None and together
            last = patient
        given = values.get("gold")
        if isinstance(given, list):
            with_lists += 1
            names = (each.get("name") if isinstance(each, dict) else each for each in given)
            drugs.update({name for name in names if isinstance(name, str)})
    return Survey(rows, with_lists, drugs, together, sha256_of(path))


def read_cases(path: Path, *, together: bool, encoding: str = "utf-8") -> Iterator[Case | DataError]:
    """Cases in the order of the file; what is no visit, or has no sound history, comes as a DataError value.

    `together` says that the visits of a patient stand together (`Survey.together`).
    Raises FormatError when the file cannot be read.
    """
    items = visit_rows.read(path, encoding=encoding)
    if not together:
        yield from _of_any_order(items)
        return
    held: list[Visit | DataError] = []
    patient = ""
    for item in items:
        # A bad row between two visits of a patient does not part them.
        if isinstance(item, Visit) and item.patient != patient:
            yield from _of_any_order(held)
            held, patient = [], item.patient
        held.append(item)
    yield from _of_any_order(held)


def _of_any_order(items: Iterable[Visit | DataError]) -> Iterator[Case | DataError]:
    held = list(items)
    by_patient: dict[str, list[Visit]] = {}
    for item in held:
        if isinstance(item, Visit):
            by_patient.setdefault(item.patient, []).append(item)
    for item in held:
        yield item if isinstance(item, DataError) else _case(item, by_patient[item.patient])


def _case(visit: Visit, own: list[Visit]) -> Case | DataError:
    try:
        return Case(visit, earlier_visits(visit, own))
    except DataError as error:
        return error
