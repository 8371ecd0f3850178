"""The page of the combinations benchmark, from what its parts measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pocket_figures import ROOT, Record, mapping, number
from benchmarks.pocket_page import table
from benchmarks.relations_page import told

__all__ = ["write_page"]

TEMPLATE = Path(__file__).with_name("combinations.template.md")
PAGE = ROOT / "docs" / "results" / "combinations.md"
VIEWS = ("positive_exact", "positive_partial", "any_exact", "any_partial")
HEAD = ["system", "seeds", "positive exact", "positive partial", "any exact", "any partial"]


def write_page(known: Record, titles: Mapping[str, str]) -> Path:
    """Fill in the template."""
    parts = {name: mapping(mapping(part)["found"]) for name, part in known.items()}
    floors = {title: {"": floor} for title, floor in parts["floors"].items()}
    systems = {titles[name]: parts[name] for name in titles}
    slots = {
        "runs": "\n".join(told(name, mapping(mapping(part)["about"])) for name, part in known.items()),
        "official": scores({**floors, **systems}, "official"),
        "release": scores({**floors, **systems}, "release"),
        "differences": differences(parts["differences"]),
        "cost": cost(systems),
        "labels": by(systems, "by_label"),
        "arity": by(systems, "by_arity"),
        "context": by(systems, "by_context_needed"),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for name, value in slots.items():
        page = page.replace(f"{{{name}}}", value)
    PAGE.write_text(page, encoding="utf-8")
    return PAGE


def scores(systems: Mapping[str, Record], rule: str) -> str:
    """Four F1 of each system: of one seed with its interval, of several their mean and deviation."""
    rows = []
    for title, runs in systems.items():
        figures = [mapping(mapping(mapping(run)["score"])[rule]) for run in runs.values()]
        seeds = ", ".join(name for name in runs if name)
        rows.append([title, seeds, *(cell([mapping(each[view]) for each in figures]) for view in VIEWS)])
    return table(HEAD, rows)


def cell(figures: Sequence[Record]) -> str:
    """One F1 with its interval; the mean of several with their standard deviation."""
    values = [100 * number(each["f1"]) for each in figures]
    if len(values) > 1:
        return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
    bounds = mapping(mapping(figures[0].get("interval")).get("f1"))
    return f"{values[0]:.1f} ({100 * number(bounds['low']):.1f}-{100 * number(bounds['high']):.1f})"


def differences(found: Record) -> str:
    """Paired differences of F1, with intervals and p."""
    return table(["", *HEAD[2:]], [[title, *difference(mapping(each))] for title, each in found.items()])


def difference(found: Record) -> list[str]:
    """One paired difference under each view."""
    cells = []
    for view in VIEWS:
        told = mapping(found[view])
        f1 = {name: 100 * number(value) for name, value in mapping(told["f1"]).items()}
        cells.append(f"{f1['value']:+.1f} ({f1['low']:+.1f} to {f1['high']:+.1f}), p {number(told['p']):.3f}")
    return cells


def cost(systems: Mapping[str, Record]) -> str:
    """Questions, tokens and seconds a row, of the first seed."""
    rows = []
    for title, runs in systems.items():
        run = mapping(next(iter(runs.values())))
        documents = number(mapping(run["score"])["documents"])
        tokens = run["tokens"]
        read, written = tokens if isinstance(tokens, list) else (0, 0)
        rows.append(
            [
                title,
                f"{number(run['calls']) / documents:.2f}",
                f"{number(read) / documents:.0f}",
                f"{number(written) / documents:.0f}",
                f"{number(run['seconds']) / documents:.2f}",
                f"{run['failed']}",
            ]
        )
    return table(["system", "questions", "tokens read", "written", "seconds", "rows without an answer"], rows)


def figure(found: object) -> float:
    """F1, or recall where nothing else is counted."""
    told = mapping(found)
    return number(told["f1"] if "f1" in told else told["recall"])


def by(systems: Mapping[str, Record], key: str) -> str:
    """A figure for each part of the gold, of the first seed of each system."""
    tables = {
        title: mapping(mapping(mapping(next(iter(runs.values())))["score"])[key])
        for title, runs in systems.items()
    }
    names = list(dict.fromkeys(name for each in tables.values() for name in each))
    rows = [
        [
            title,
            *(f"{100 * figure(each[name]):.1f}" if name in each else "-" for name in names),
        ]
        for title, each in tables.items()
    ]
    return table(["system", *names], rows)
