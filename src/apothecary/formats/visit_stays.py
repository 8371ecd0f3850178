"""Stays of one source as they stand, before drugs have names: what every importer comes down to.

An importer puts events into a `visit_store.EventStore`, with the fields that the `*_event`
functions list; `read_stays` makes stays of them, patient by patient. A stamp is a date or a date with time
(ISO 8601), ``+hours`` from the beginning of the visit, or empty.

Two rules keep what is later out of what is earlier. What is known of a patient and dated by day alone (or
stamped at midnight, as sources write such dates) counts as known at the end of that day; a drug of such a day
counts from its beginning. What has no stamp has no time: codes given at discharge are such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from apothecary.formats.visit_store import PatientEvents
from apothecary.formats.visit_tally import Tally
from apothecary.visits import OLDEST, Code, Sex, Visit

__all__ = [
    "ADMISSION_TEXT",
    "STAY_HOURS",
    "Given",
    "Stay",
    "after",
    "code_event",
    "drug_event",
    "moment",
    "patient_event",
    "problem_event",
    "read_stays",
    "visit_event",
]

ADMISSION_TEXT = "admission"
"""The system of what is written for a reason when a patient is admitted: no code of a classification."""

STAY_HOURS = "stay_hours"
"""The field of `Visit.extra` that says how long a visit lasted."""

CAPPED_AGE = 90.0
"""What stands for the ages above 89 that sources hide."""

_HIDDEN_AGES = (250, 350)
"""MIMIC-III moves the birth of patients above 89 to 300 years before their first admission."""

HOURS_A_DAY = 24.0
_STAMP = 4
"""The place of the stamp in events of codes and of drugs, their patient taken off."""

Titles = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Given:
    """A drug as a source has it: its words, its NDC, its own code ("rxnorm:197361"), when it began."""

    text: str
    ndc: str = ""
    code: str = ""
    hours: float | None = None


@dataclass(frozen=True)
class Stay:
    """A visit without names of drugs, and the drugs as the source has them."""

    visit: Visit
    given: tuple[Given, ...] = ()


class _Span(NamedTuple):
    """One visit of a patient, in time; `order` where the source gives one."""

    id: str
    start: datetime | None
    end: datetime | None
    hours: float | None
    age: str
    order: float | None


def patient_event(patient: str, sex: str, birth: str = "") -> tuple[str, ...]:
    """An event "patient": its sex in the words of the source, its date of birth where that is known."""
    return (patient, sex, birth)


def visit_event(
    patient: str, visit: str, start: str, end: str = "", *, age: str = "", order: str = ""
) -> tuple[str, ...]:
    """An event "visit"; age in years and order where the source gives them, else they follow from dates."""
    return (patient, visit, start, end, age, order)


def code_event(patient: str, visit: str, code: Code, stamp: str = "", place: str = "") -> tuple[str, ...]:
    """An event "diagnosis" or "procedure"; without a visit it belongs to the one at its time.

    `place` is its number among the codes of the visit.
    """
    return (patient, visit, code.system, code.code, code.title, stamp, place)


def problem_event(patient: str, code: Code, begun: str, ended: str) -> tuple[str, ...]:
    """An event "problem": a condition that lasts, and is a diagnosis of the visits that begin in its time.

    Without an end it lasts for ever.
    """
    return (patient, code.system, code.code, code.title, begun, ended)


def drug_event(patient: str, visit: str, given: Given, stamp: str = "") -> tuple[str, ...]:
    """An event "drug"; its visit as in `code_event`. The hours of `given` do not count, the stamp does."""
    return (patient, visit, given.text, given.ndc, given.code, stamp)


def after(minutes: float) -> str:
    """A stamp of so many minutes after the beginning of the visit."""
    return f"{minutes / 60:+.4f}"


@lru_cache(maxsize=1 << 12)
def moment(stamp: str) -> datetime | None:
    """The time of an ISO stamp, without its zone; None for what is none."""
    try:
        return datetime.fromisoformat(stamp).replace(tzinfo=None)
    except ValueError:
        return None


def read_stays(
    patients: Iterable[tuple[str, PatientEvents]], tally: Tally, *, drugs: str, titles: Titles | None = None
) -> Iterator[Stay]:
    """The stays of patients (`EventStore.patients`), each one's in their order.

    `drugs` is the table that drugs came from. `titles` are those of (system, code) where the events carry
    none. Codes and drugs without a visit of the patient, visits without a time or given twice, and what has
    no patient are counted and left out. Patients without a row of their own have neither sex nor age.
    """
    for patient, events in patients:
        if not patient.strip():
            tally.lose("visits", "no patient", len(events.get("visit", ())))
            tally.lose(drugs, "no visit", len(events.get("drug", ())))
            continue
        if "patient" not in events:
            tally.remarks["patient without a row of their own"] += 1
        spans = _spans(events.get("visit", []), tally)
        codes = {kind: _by_visit(events.get(kind, []), spans) for kind in ("diagnosis", "procedure")}
        given = _by_visit(events.get("drug", []), spans)
        for kind, found in codes.items():
            tally.lose(kind, "no visit", len(found.pop("", ())))
        tally.lose(drugs, "no visit", len(given.pop("", ())))
        allergies, problems = events.get("allergy", []), events.get("problem", [])
        for span, order in _in_order(spans):
            visit = Visit(
                id=span.id,
                patient=patient,
                order=order,
                age=_age(span, events, tally),
                sex=_sex(events),
                diagnoses=_codes(
                    [*codes["diagnosis"].get(span.id, []), *_lasting(problems, span)], span, titles or {}
                ),
                procedures=_codes(codes["procedure"].get(span.id, []), span, titles or {}),
                allergies=_allergies(allergies, span),
                extra=_extra(span),
            )
            yield Stay(visit, tuple(_given(row, span) for row in given.get(span.id, [])))


# --- visits in time -------------------------------------------------------------------------------


def _spans(rows: list[tuple[str, ...]], tally: Tally) -> dict[str, _Span]:
    spans: dict[str, _Span] = {}
    for name, start_stamp, end_stamp, age, order in rows:
        start, end = moment(start_stamp), moment(end_stamp)
        if not name or (start is None and not order):
            tally.lose("visits", "no id" if not name else "no time")
        elif name in spans:
            tally.lose("visits", "repeated id")
        else:
            hours = _offset(end_stamp)
            if hours is None and start is not None and end is not None:
                hours = _hours(start, end)
            if hours is not None and hours < 0:
                tally.remarks["visit that ends before it begins"] += 1
                end, hours = None, None
            spans[name] = _Span(name, start, end, hours, age, float(order) if order else None)
    return spans


def _in_order(spans: Mapping[str, _Span]) -> list[tuple[_Span, float]]:
    """The visits with their place: days since the first one, unless the source gives a place."""
    starts = [span.start for span in spans.values() if span.start is not None]
    first = min(starts, default=None)
    placed = [
        (span, span.order if span.order is not None else _days(first, span.start)) for span in spans.values()
    ]
    return sorted(placed, key=lambda pair: (pair[1], pair[0].id))


def _days(first: datetime | None, start: datetime | None) -> float:
    return 0.0 if first is None or start is None else round((start - first) / timedelta(days=1), 4)


def _hours(start: datetime, end: datetime) -> float:
    return round((end - start) / timedelta(hours=1), 2)


def _offset(stamp: str) -> float | None:
    try:
        return round(float(stamp), 2) if stamp[:1] in ("+", "-") else None
    except ValueError:
        return None


def _by_visit(rows: list[tuple[str, ...]], spans: Mapping[str, _Span]) -> dict[str, list[tuple[str, ...]]]:
    """Codes or drugs by visit; under "" those that belong to none."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        name = row[0] if row[0] else _visit_at(row[_STAMP], spans)
        found.setdefault(name if name in spans else "", []).append(row)
    return found


def _visit_at(stamp: str, spans: Mapping[str, _Span]) -> str:
    """The visit at a time: the one that holds it, else one that holds its day; "" for none."""
    time = moment(stamp)
    if time is None:
        return ""
    timed = [(span.start, span.end or span.start, span.id) for span in spans.values() if span.start]
    held = [(start, name) for start, end, name in timed if start <= time <= end]
    held = held or [(start, name) for start, end, name in timed if start.date() <= time.date() <= end.date()]
    return min(held)[1] if held else ""


# --- what belongs to a visit ----------------------------------------------------------------------


def _codes(rows: list[tuple[str, ...]], span: _Span, titles: Titles) -> tuple[Code, ...]:
    """Each code once, in the order that the source numbers them, then that of its rows."""
    numbered = [
        (int(row[5]) if row[5].isdecimal() and len(row[5]) < 10 else len(rows), place, row)
        for place, row in enumerate(rows)
    ]
    found: dict[tuple[str, str], Code] = {}
    for _, _, (_, system, code, title, stamp, _) in sorted(numbered):
        known = Code(system, code, title or titles.get((system, code), ""), _known_at(stamp, span))
        earlier = found.setdefault((system, code), known)
        if known.hours is not None and (earlier.hours is None or known.hours < earlier.hours):
            found[system, code] = known
    return tuple(found.values())


def _lasting(rows: list[tuple[str, ...]], span: _Span) -> list[tuple[str, ...]]:
    """Problems as diagnoses of a visit that begins while they last."""
    found: list[tuple[str, ...]] = []
    for system, code, title, begun, ended in rows:
        end = moment(ended)
        known = _known_at(begun, span)
        over = end is not None and span.start is not None and end.date() < span.start.date()
        if known is not None and known <= 0 and not over:
            found.append((span.id, system, code, title, begun, ""))
    return found


def _known_at(stamp: str, span: _Span) -> float | None:
    """Hours from the beginning to when something was known for sure."""
    time = moment(stamp)
    if time is None or span.start is None:
        return _offset(stamp)
    is_day = (time.hour, time.minute, time.second) == (0, 0, 0)
    return round(_hours(span.start, time) + HOURS_A_DAY * is_day, 2)


def _given(row: tuple[str, ...], span: _Span) -> Given:
    _, text, ndc, code, stamp = row
    time = moment(stamp)
    hours = _offset(stamp) if time is None or span.start is None else _hours(span.start, time)
    return Given(text, ndc, code, hours)


def _allergies(rows: list[tuple[str, ...]], span: _Span) -> tuple[str, ...]:
    """What was known when the visit began."""
    known = {text for text, stamp in rows if (hours := _known_at(stamp, span)) is not None and hours <= 0}
    return tuple(sorted(known))


def _extra(span: _Span) -> dict[str, object]:
    return {} if span.hours is None else {STAY_HOURS: span.hours}


_SEXES: Mapping[str, Sex] = {
    **dict.fromkeys(("f", "female", "8532"), "female"),
    **dict.fromkeys(("m", "male", "8507"), "male"),
    **dict.fromkeys(("other", "o", "8521"), "other"),
}


def _sex(events: PatientEvents) -> Sex:
    rows = events.get("patient", [])
    return _SEXES.get(rows[0][0].strip().casefold(), "unknown") if rows else "unknown"


def _age(span: _Span, events: PatientEvents, tally: Tally) -> float | None:
    """Completed years at the beginning of the visit."""
    rows = events.get("patient", [])
    birth = moment(rows[0][1]) if rows else None
    if span.age:
        try:
            age = float(span.age)
        except ValueError:
            age = -1.0
    elif birth is not None and span.start is not None:
        had_birthday = (span.start.month, span.start.day) >= (birth.month, birth.day)
        age = float(span.start.year - birth.year - (not had_birthday))
    else:
        return None
    if _HIDDEN_AGES[0] <= age <= _HIDDEN_AGES[1]:
        tally.remarks["age above 89, hidden by the source"] += 1
        return CAPPED_AGE
    if not 0 <= age <= OLDEST:
        tally.remarks["impossible age"] += 1
        return None
    return age
