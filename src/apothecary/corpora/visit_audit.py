"""The audit of an import: what was read, kept and lost, and why, so that figures can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from apothecary.formats.visit_tally import Tally

__all__ = ["Audit", "DrugCounts", "VisitCounts"]

EXAMPLES = 10
"""Strings of drugs that are shown for each reason, the most frequent first."""
LONGEST = 60
"""Characters of such a string."""
_DIFFERENT = 10_000


@dataclass
class DrugCounts:
    """Rows of drugs, from those that the source gives to those that are in a list."""

    read: int = 0
    kept: int = 0
    """Rows that gave a list a drug."""
    repeats: int = 0
    """Rows whose drugs their visit had already."""
    lost: Counter[str] = field(default_factory=Counter)
    named_by: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Counter[str]] = field(default_factory=dict)

    def lose(self, reason: str, text: str = "") -> None:
        """Count a row that is left out; `text` is what the source calls the drug."""
        self.lost[reason] += 1
        shown = self.examples.setdefault(reason, Counter())
        text = " ".join(text.split())[:LONGEST]
        if text and (text in shown or len(shown) < _DIFFERENT):
            shown[text] += 1

    def figures(self) -> dict[str, object]:
        """As JSON; `read` is the sum of kept, repeats and lost."""
        return {
            "read": self.read,
            "kept": self.kept,
            "repeats": self.repeats,
            "lost": dict(sorted(self.lost.items())),
            "named_by": dict(sorted(self.named_by.items())),
            "examples": {
                reason: dict(sorted(shown.items(), key=lambda pair: (-pair[1], pair[0]))[:EXAMPLES])
                for reason, shown in sorted(self.examples.items())
                if shown
            },
        }


@dataclass
class VisitCounts:
    """Visits of the source and of the output."""

    read: int = 0
    kept: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    patients: int = 0
    with_diagnoses: int = 0
    with_procedures: int = 0
    with_earlier_ones: int = 0
    ages: Counter[str] = field(default_factory=Counter)
    drugs: int = 0
    """Drugs of all lists together."""

    def figures(self) -> dict[str, object]:
        """As JSON; `read` is the sum of kept and lost."""
        return {
            "read": self.read,
            "kept": self.kept,
            "lost": dict(sorted(self.lost.items())),
            "patients": self.patients,
            "with_diagnoses": self.with_diagnoses,
            "with_procedures": self.with_procedures,
            "with_earlier_ones": self.with_earlier_ones,
            "ages": dict(sorted(self.ages.items())),
            "mean_drugs": self.drugs / self.kept if self.kept else None,
        }


@dataclass(frozen=True)
class Audit:
    """All of an import. `support` are visits by drug, `unsupported` those of drugs that were left out for
    it."""

    source: str
    when: str
    units: Mapping[str, str]
    vocabulary: Mapping[str, object]
    rows: DrugCounts
    visits: VisitCounts
    inputs: Mapping[str, int]
    support: Mapping[str, int]
    unsupported: Mapping[str, int]
    tally: Tally
    notes: tuple[str, ...] = ()

    def figures(self) -> dict[str, object]:
        """As JSON."""
        return {
            "source": self.source,
            "when": self.when,
            "units": dict(self.units),
            "vocabulary": dict(self.vocabulary),
            "rows": self.rows.figures(),
            "visits": self.visits.figures(),
            "inputs_left_out": dict(sorted(self.inputs.items())),
            "support": _by_count(self.support),
            "below_min_support": _by_count(self.unsupported),
            "tables": {
                table: {"read": self.tally.read[table], "lost": self.tally.lost(table)}
                for table in self.tally.tables
            },
            "remarks": dict(sorted(self.tally.remarks.items())),
            "notes": list(self.notes),
        }


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
