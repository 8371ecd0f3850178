"""One HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ReportInput", "write_report"]


@dataclass(frozen=True)
class ReportInput:
    """What a report shows."""

    title: str
    manifest: Mapping[str, object]
    ledger: Mapping[str, object]
    predictions: Iterable[Mapping[str, object]]
    errors: Iterable[Mapping[str, object]]
    gold: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    scores: Mapping[str, object] | None = None


def write_report(path: Path, report: ReportInput, *, max_documents: int = 200) -> None:
    """Write the report."""
    path.write_text(report.title)
