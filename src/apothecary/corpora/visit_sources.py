"""The sources of visits by name: how each is read, and what its visits are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.formats import (
    visit_eicu,
    visit_meds,
    visit_mimic3,
    visit_mimic4,
    visit_omop,
    visit_synthea,
)
from apothecary.formats.visit_stays import Stay
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tally import Tally

__all__ = ["SOURCES", "Source"]


@dataclass(frozen=True)
class Source:
    """One form of records. `drugs` are the tables of drugs that it may have, `visit` what a visit is."""

    read: Callable[[Path, EventStore, Tally], Iterator[Stay]]
    drugs: tuple[str, ...]
    visit: str
    notes: tuple[str, ...] = ()
    has_admissions: Callable[[Path], bool] = lambda path: True


SOURCES: Mapping[str, Source] = {
    "mimic3": Source(
        visit_mimic3.read,
        (visit_mimic3.DRUGS,),
        "hospital admission",
        (
            "prescriptions carry a date without time: the first 24 hours reach into the second day",
            "codes are given at discharge; at admission there is the reason in words only",
        ),
    ),
    "mimic4": Source(
        visit_mimic4.read,
        (visit_mimic4.DRUGS,),
        "hospital admission",
        ("diagnoses are given at discharge; procedures carry a date without time",),
    ),
    "meds": Source(
        visit_meds.read,
        (visit_meds.DRUGS,),
        "hospital admission",
        ("rows of drugs are starts of medication; names are as they were written, without NDC",),
    ),
    "eicu": Source(
        visit_eicu.read,
        (visit_eicu.DRUGS,),
        "stay in one unit",
        (
            "the order of several hospital stays in one year is not known: none is history of another",
            "hours count from the admission to the unit, not to the hospital",
        ),
    ),
    "omop": Source(
        visit_omop.read,
        (visit_omop.DRUGS,),
        "visit_occurrence",
        ("conditions have a time only where their type says that they come from the record itself",),
    ),
    "synthea": Source(
        visit_synthea.read,
        (visit_synthea.DRUGS, visit_synthea.EDGE_DRUGS),
        "encounter, or what a patient got in one year where there are none",
        ("invented patients: they say nothing of safety",),
        visit_synthea.has_admissions,
    ),
}
"""By the name that ``--from`` takes."""
