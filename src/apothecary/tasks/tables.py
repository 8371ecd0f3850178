"""Scores laid out as rows of text, headings first: what the command line prints and results pages quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["evaluator_table", "mention_table"]

HEADINGS = ["", "precision", "recall", "F1", "95 % interval", "TP", "FP", "FN"]


def evaluator_table(score: Mapping[str, object]) -> list[list[str]]:
    """A row for each evaluator (micro), then one for each relation type if there are several."""
    evaluators = _mapping(score.get("evaluators"))
    rows = [(name, _mapping(_mapping(parts).get("micro"))) for name, parts in evaluators.items()]
    types = _mapping(_mapping(evaluators.get("concept")).get("by_type"))
    if len(types) > 1:
        rows += [(f"concept: {name}", _mapping(counts)) for name, counts in types.items()]
    return _table(rows)


def mention_table(score: Mapping[str, object]) -> list[list[str]]:
    """Strict and concept-level figures, micro and by type."""
    rows: list[tuple[str, Mapping[str, object]]] = []
    for level in ("strict", "concept_found"):
        parts = _mapping(score.get(level))
        rows.append((level, _mapping(parts.get("micro"))))
        rows += [(f"{level}: {name}", _mapping(c)) for name, c in _mapping(parts.get("by_type")).items()]
    return _table(rows)


def _table(rows: Sequence[tuple[str, Mapping[str, object]]]) -> list[list[str]]:
    return [HEADINGS, *([name, *_figures(counts)] for name, counts in rows)]


def _figures(counts: Mapping[str, object]) -> list[str]:
    shares = [_share(counts.get(key)) for key in ("precision", "recall", "f1")]
    interval = _mapping(_mapping(counts.get("interval")).get("f1"))
    bounds = f"{_share(interval['low'])}-{_share(interval['high'])}" if interval else ""
    return [*shares, bounds, *(str(counts.get(key, "")) for key in ("tp", "fp", "fn"))]


def _share(value: object) -> str:
    return f"{100 * value:.1f}" if isinstance(value, int | float) else ""


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
