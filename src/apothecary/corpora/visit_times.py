"""What was known when: earlier visits of a patient, and inputs that come later than the decision they
serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from apothecary.errors import DataError
from apothecary.formats.fields import Fields
from apothecary.formats.visit_rows import HISTORY, codes_of, drugs_of
from apothecary.formats.visit_stays import STAY_HOURS
from apothecary.visits import Patient, Visit

__all__ = [
    "DECISION_HOURS",
    "WHOLE_STAY",
    "at_its_end",
    "earlier_visits",
    "late_inputs",
    "late_warning",
    "patients_of",
]

DECISION_HOURS = 0.0
"""When the list of a visit is decided: at its beginning."""

WHOLE_STAY = "whole_stay"
"""The field of `Visit.extra` that keeps what became known during a visit, for the visits after it."""

HOURS_A_DAY = 24.0
_SLACK = 0.01
"""Hours: stamps are rounded to hundredths of an hour, places in time to a ten-thousandth of a day."""


def patients_of(visits: Iterable[Visit]) -> tuple[Patient, ...]:
    """The patients of visits, each with its visits in their order; patients as they first come."""
    found: dict[str, list[Visit]] = {}
    for visit in visits:
        found.setdefault(visit.patient, []).append(visit)
    return tuple(
        Patient(patient, tuple(sorted(own, key=lambda visit: (visit.order, visit.id))))
        for patient, own in found.items()
    )


def earlier_visits(visit: Visit, visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """The visits of the same patient that were over when it began, each `at_its_end`, in their order.

    Visits of the same place are no history of each other: which came first is not known. A visit that lists
    its history has those alone. Raises DataError for a listed visit that is not among `visits`, or
    not of the same patient.
    """
    own = sorted(
        (each for each in visits if each.patient == visit.patient), key=lambda each: (each.order, each.id)
    )
    listed = visit.extra.get(HISTORY)
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        known = {each.id: each for each in own}
        missing = [name for name in listed if name not in known]
        if missing:
            hint = "list visits of the same patient that are in the file, or leave history out"
            raise DataError(
                "its history names a visit that is not there", where=f"visit {visit.id}", hint=hint
            )
        chosen = set(map(str, listed)) - {visit.id}
        return tuple(at_its_end(each) for each in own if each.id in chosen)
    return tuple(at_its_end(each) for each in own if not _ends_late(each, visit, 0.0))


def at_its_end(visit: Visit) -> Visit:
    """A visit with all that was known when it was over. Raises FormatError for a damaged `WHOLE_STAY`.

    A visit in the form of its admission carries codes and drugs of its whole stay for the visits after it.
    """
    fields = Fields(visit.extra, f"visit {visit.id}").inner(WHOLE_STAY)
    if fields is None:
        return visit
    return replace(
        visit,
        diagnoses=codes_of(fields, "diagnoses"),
        procedures=codes_of(fields, "procedures"),
        drugs=drugs_of(fields, "gold") if fields.has("gold") else visit.drugs,
        extra={key: value for key, value in visit.extra.items() if key != WHOLE_STAY},
    )


def late_inputs(
    visit: Visit, history: Sequence[Visit] = (), *, decision_hours: float = DECISION_HOURS
) -> tuple[str, ...]:
    """The inputs of a visit that were not known, for all that is said, when its list was decided.

    Named by field and place ("diagnoses[3]"), never by value: codes with a later time or with none (such are
    given at discharge), a note (it has no time, and those of the published data are written at discharge),
    and visits of the history that begin no earlier, or end after the decision. Empty: nothing leaks.
    """
    found = [
        f"{field}[{place}]"
        for field, codes in (("diagnoses", visit.diagnoses), ("procedures", visit.procedures))
        for place, code in enumerate(codes)
        if code.hours is None or code.hours > decision_hours
    ]
    if visit.note:
        found.append("note")
    for place, each in enumerate(history):
        if each.patient != visit.patient or _ends_late(each, visit, decision_hours):
            found.append(f"history[{place}]")
    return tuple(found)


def late_warning(*found: tuple[int, int, str]) -> tuple[str, ...]:
    """One line of how many visits have `late_inputs`, of how many of which kind; () where none has."""
    told = " and of ".join(f"{late:,} of {every:,} {visits}" for late, every, visits in found if late)
    if not told:
        return ()
    hint = "visits import --when admission leaves them out"
    return (f"inputs of {told} were known late, or it is not told when: {hint}",)


def _ends_late(earlier: Visit, visit: Visit, decision_hours: float) -> bool:
    """Whether a visit is not over when another one's list is decided.

    Its length may be unknown. Where it is known (`STAY_HOURS`) places are days, as importers make them.
    """
    apart = (visit.order - earlier.order) * HOURS_A_DAY
    length = earlier.extra.get(STAY_HOURS)
    if apart <= 0 or isinstance(length, bool) or not isinstance(length, int | float):
        return apart <= 0
    return length > apart + decision_hours + _SLACK
