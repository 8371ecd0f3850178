"""The panel of a report that says whether confidence can be trusted: two plots and their figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apothecary.metrics.selective import Bin, RiskPoint
from apothecary.runs.plots import reliability_plot, risk_coverage_plot

__all__ = ["confidence_panel"]


def confidence_panel(scores: Mapping[str, object] | None) -> str:
    """HTML from what a task's score says under ``confidence``; empty when it says nothing."""
    found = _mapping(_mapping((scores or {}).get("confidence")).get("all"))
    if not found:
        return ""
    bins = [Bin(**row) for row in _rows(found.get("bins"))]
    curve = [RiskPoint(**row) for row in _rows(found.get("curve"))]
    told = [
        f"{found.get('candidates')} candidates, {found.get('asserted')} of them asserted",
        f"calibration error {_figure(found.get('ece'))}",
        f"Brier score {_figure(found.get('brier'))}",
        f"area under risk and coverage {_figure(found.get('aurc'))}",
    ]
    plots = reliability_plot(bins) + (risk_coverage_plot(curve) if curve else "")
    return (
        "<details><summary>Confidence</summary>"
        f'<p class="quiet">{"; ".join(told)}. Against the annotation of the inputs.</p>'
        f'<div class="plots">{plots}</div></details>'
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[dict[str, Any]]:
    return [dict(row) for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "unknown"
