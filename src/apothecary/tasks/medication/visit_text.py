"""A visit in words, as a language model reads it.

A code is told by its title where the visit has one, else by its classification and itself. No id, no date and
nothing that was prescribed in the visit itself. Of the earlier stays only the last is told, with its drugs.

For a model that reads soft tokens (`messages.SoftToken`) each code and drug has a mark behind it, and the
visit one that stands for all its codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from apothecary.errors import UsageError
from apothecary.messages import SoftToken, soft_mark
from apothecary.tasks.medication.features import coded
from apothecary.tasks.recommending import Case
from apothecary.visits import Code, Visit

__all__ = ["SOFT_KINDS", "VisitText", "check_kinds", "visit_text"]

SOFT_KINDS = ("visit", "diagnosis", "procedure", "drug")
"""What may be marked, in the order of the words on codes in `features.coded`."""
MOST_CODES = 40
"""Codes of one kind that are told, in the order of the visit, which is that of their weight."""
LONGEST_TITLE, LONGEST_NOTE = 120, 6000
_BEGUN = soft_mark("").removesuffix("|>")


@dataclass(frozen=True)
class VisitText:
    """Words on a visit, what their marks stand for, and the kinds that are marked."""

    text: str
    soft: tuple[SoftToken, ...] = ()
    kinds: frozenset[str] = frozenset()

    def named(self, drug: str) -> str:
        """A drug in what is said beside the visit, with its mark where drugs have one."""
        return _marked(drug, "drug", (drug,), self.kinds).text

    def soft_with(self, drugs: Iterable[str]) -> tuple[SoftToken, ...]:
        """What the marks of the visit, and of drugs that are named behind it, stand for."""
        more = (SoftToken("drug", (drug,)) for drug in drugs) if "drug" in self.kinds else ()
        return (*self.soft, *more)


def check_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """The kinds to mark. Raises UsageError for one that there is not."""
    found = frozenset(kinds)
    if found - set(SOFT_KINDS):
        unknown = min(found - set(SOFT_KINDS))
        raise UsageError(f"there are no soft tokens of {unknown!r}", hint=f"kinds: {', '.join(SOFT_KINDS)}")
    return found


def visit_text(case: Case, *, note: bool = False, soft: Iterable[str] = ()) -> VisitText:
    """The visit and the last one before it, one kind of fact on a line. With `note` the note stands last.

    The same text for the same visit, so that questions about it share a prefix. `soft` are kinds to mark.
    """
    visit, kinds = case.visit, frozenset(soft)
    codes = (*coded("diagnosis", visit.diagnoses), *coded("procedure", visit.procedures))
    lines = [_marked("Visit", "visit", codes, kinds), *_facts(visit, kinds)]
    lines += _line("Allergies", (_marked(each, "", (), kinds) for each in visit.allergies))
    if case.history:
        before = case.history[-1]
        drugs = (_marked(name, "drug", (name,), kinds) for name in before.names)
        lines += [VisitText("Stay before"), *_facts(before, kinds), *_line("Drugs", drugs)]
    if note and visit.note.strip():
        lines += [VisitText("Note"), _marked(visit.note.strip()[:LONGEST_NOTE], "", (), kinds, 0)]
    if len(lines) == 1:
        lines.append(VisitText("Nothing is known."))
    return _joined("\n", lines, kinds)


def _facts(visit: Visit, kinds: frozenset[str]) -> Iterator[VisitText]:
    person = [] if visit.age is None else [f"{visit.age:.0f} years"]
    if visit.sex != "unknown":
        person.append(visit.sex)
    yield from _line("Patient", map(VisitText, person))
    yield from _line("Diagnoses", _titles("diagnosis", visit.diagnoses, kinds))
    yield from _line("Procedures", _titles("procedure", visit.procedures, kinds))


def _titles(kind: str, codes: Sequence[Code], kinds: frozenset[str]) -> list[VisitText]:
    found: dict[str, list[Code]] = {}
    for code in codes:
        found.setdefault(code.title.strip() or f"{code.system} {code.code}", []).append(code)
    told = [
        _marked(title, kind, tuple(coded(kind, own)), kinds)
        for title, own in list(found.items())[:MOST_CODES]
    ]
    more = len(found) - MOST_CODES
    return [*told, VisitText(f"and {more} more")] if more > 0 else told


def _line(name: str, values: Iterable[VisitText]) -> list[VisitText]:
    told = list(values)
    return [_joined("", [VisitText(f"{name}: "), _joined("; ", told)])] if told else []


def _marked(
    text: str, kind: str, names: tuple[str, ...], kinds: frozenset[str], longest: int = LONGEST_TITLE
) -> VisitText:
    """Words on one line, cut, with a mark behind them where their kind has one; `longest` 0: as they are."""
    words = " ".join(text.split())[:longest] if longest else text
    if kinds:
        # What a record says is never read as a mark.
        words = words.replace(_BEGUN, "<soft:")
    if kind not in kinds:
        return VisitText(words)
    return VisitText(words + soft_mark(kind), (SoftToken(kind, names),))


def _joined(between: str, parts: Sequence[VisitText], kinds: frozenset[str] = frozenset()) -> VisitText:
    soft = tuple(chain.from_iterable(part.soft for part in parts))
    return VisitText(between.join(part.text for part in parts), soft, kinds)
