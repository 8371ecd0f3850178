"""Patients' visits and lists of medication: one data model for every source of records.

Everything is frozen and checked on creation. Names of drugs are those of the vocabulary in use
(`vocab.drug_names`); what a source calls them stays with the importer's audit. A visit says when things were
known, in hours from its beginning, so that a model can be kept from what it could not have known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from apothecary.errors import DataError

__all__ = ["OLDEST", "Code", "Drug", "Patient", "Sex", "Visit"]

Sex = Literal["female", "male", "other", "unknown"]

OLDEST = 130.0
"""Years; what is older is an error or a code for "not told"."""


@dataclass(frozen=True, order=True)
class Code:
    """A code of a classification: `system` is icd9, icd10, icd9proc, icd10pcs, snomed, rxnorm, ...

    `hours` is when it was known, from the beginning of the visit; None where the source does not say, as
    with codes that are given at discharge.
    """

    system: str
    code: str
    title: str = field(default="", compare=False)
    hours: float | None = field(default=None, compare=False)


@dataclass(frozen=True, order=True)
class Drug:
    """A drug that was given: `name` of the vocabulary, `hours` as in `Code`."""

    name: str
    hours: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Visit:
    """A stay or an encounter. `order` sorts the visits of a patient; it need not be a date.

    `drugs` are those given during it, None where they are not known (there is a list to recommend, and none
    to compare it with). `extra` are fields of the source that have no place here. Raises DataError.
    """

    id: str
    patient: str
    order: float = 0.0
    age: float | None = None
    sex: Sex = "unknown"
    diagnoses: tuple[Code, ...] = ()
    procedures: tuple[Code, ...] = ()
    drugs: tuple[Drug, ...] | None = None
    allergies: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    note: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("visit_id", self.id), ("patient_id", self.patient)):
            if not value.strip():
                raise DataError(f"{name} is empty", where=self.id)
        if self.age is not None and not 0 <= self.age <= OLDEST:
            raise DataError(
                f"an age of {self.age:g} years", where=self.id, hint="leave out what is not known"
            )
        if not math.isfinite(self.order):
            raise DataError("the place of the visit in time is no number", where=self.id)

    @property
    def names(self) -> tuple[str, ...]:
        """The drugs given, each once, sorted; empty where they are not known."""
        return tuple(sorted({drug.name for drug in self.drugs or ()}))


@dataclass(frozen=True)
class Patient:
    """All visits of one person, in their order. Raises DataError for visits of several, or none."""

    id: str
    visits: tuple[Visit, ...]

    def __post_init__(self) -> None:
        if not self.visits or any(visit.patient != self.id for visit in self.visits):
            raise DataError("holds no visit, or another person's", where=self.id)
        if list(self.visits) != sorted(self.visits, key=lambda visit: (visit.order, visit.id)):
            raise DataError("the visits are out of order", where=self.id)
