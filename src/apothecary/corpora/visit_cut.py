"""A stay of a source to a visit: drugs get their names, and the visit is cut to what counts.

Two ways to cut it:

* ``stay``, as published: all drugs of the stay, and all codes, also those that are given at discharge. So a
  list is in part predicted from what followed from it.
* ``admission``: the drugs that began in the first 24 hours, and what was known at the beginning of the visit.
  Codes without a time are codes of discharge and dropped, so that a first visit often has age and sex alone
  (and, in MIMIC-III, the reason in words). What became known later is kept aside (`visit_times.WHOLE_STAY`):
  the visits after it may use it, through `visit_times.earlier_visits`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from apothecary.corpora.visit_audit import DrugCounts
from apothecary.corpora.visit_times import DECISION_HOURS, WHOLE_STAY
from apothecary.formats.visit_rows import code_values, drug_values
from apothecary.formats.visit_stays import ADMISSION_TEXT, Given, Stay
from apothecary.visits import Code, Drug, Visit
from apothecary.vocab.drug_naming import DrugNaming

__all__ = ["FIRST_HOURS", "Cutter", "When"]

When = Literal["stay", "admission"]

FIRST_HOURS = 24.0
"""Drugs that began before belong to the list of an admission."""

_Hours = float | None


class Cutter:
    """Cuts stays, and counts the rows of drugs and the codes that it leaves out."""

    def __init__(self, when: When, naming: DrugNaming) -> None:
        self.when = when
        self.naming = naming
        self.rows = DrugCounts()
        self.inputs: Counter[str] = Counter()
        """Codes that were left out of the visits, by reason."""

    def cut(self, stay: Stay) -> Visit:
        """The visit of a stay; its list may be empty."""
        listed: dict[str, _Hours] = {}
        whole: dict[str, _Hours] = {}
        for given in stay.given:
            named = self.naming.name(given.text, ndc=given.ndc, code=given.code)
            if not named.names:
                self.rows.lose(named.reason, given.text)
                continue
            self.rows.named_by[named.by] += 1
            _add(whole, named.names, given.hours)
            if reason := self._outside(given):
                self.rows.lose(reason)
            elif _add(listed, named.names, given.hours):
                self.rows.kept += 1
            else:
                self.rows.repeats += 1
        visit = replace(stay.visit, drugs=_drugs(listed))
        return self._at_admission(visit, _drugs(whole)) if self.when == "admission" else _whole(visit)

    def _outside(self, given: Given) -> str:
        """Why a drug that has a name is not of the list; "" for one that is."""
        if self.when == "stay":
            return ""
        if given.hours is None:
            return "no time"
        return "" if given.hours < FIRST_HOURS else f"after {FIRST_HOURS:g} h"

    def _at_admission(self, visit: Visit, drugs: tuple[Drug, ...]) -> Visit:
        end = _whole(visit)
        aside: dict[str, object] = {"gold": drug_values(drugs)}
        for name, codes in (("diagnoses", end.diagnoses), ("procedures", end.procedures)):
            if codes:
                aside[name] = code_values(codes)
        return replace(
            visit,
            diagnoses=self._known(visit.diagnoses),
            procedures=self._known(visit.procedures),
            extra={**visit.extra, WHOLE_STAY: aside},
        )

    def _known(self, codes: tuple[Code, ...]) -> tuple[Code, ...]:
        known = []
        for code in codes:
            if code.hours is None:
                self.inputs["code without a time: given at discharge"] += 1
            elif code.hours > DECISION_HOURS:
                self.inputs["code known after the visit began"] += 1
            else:
                known.append(code)
        return tuple(known)


def _whole(visit: Visit) -> Visit:
    """A visit without the reason in words, which the published inputs do not have."""
    return replace(visit, diagnoses=tuple(code for code in visit.diagnoses if code.system != ADMISSION_TEXT))


def _add(found: dict[str, _Hours], names: tuple[str, ...], hours: _Hours) -> bool:
    """Add drugs with the earliest time of each; whether one of them is new."""
    new = False
    for name in names:
        new = new or name not in found
        earlier = found.setdefault(name, hours)
        if hours is not None and (earlier is None or hours < earlier):
            found[name] = hours
    return new


def _drugs(found: Mapping[str, _Hours]) -> tuple[Drug, ...]:
    return tuple(Drug(name, found[name]) for name in sorted(found))
