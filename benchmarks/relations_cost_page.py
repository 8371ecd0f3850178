"""The page of what the relations task costs, from what `relations_cost` measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pocket_figures import ROOT, Record, mapping, number
from benchmarks.pocket_page import table
from benchmarks.relations_cost import REFERENCE
from benchmarks.relations_page import told, with_interval

__all__ = ["write_cost_page"]

TEMPLATE = Path(__file__).with_name("relations_cost.template.md")
READ_A_SECOND, WRITTEN_A_SECOND = 380, 90
"""Tokens of SmolLM2-135M in llama.cpp on two cores."""
PAGE = ROOT / "docs" / "results" / "relations-cost.md"


def write_cost_page(part: Record) -> Path:
    """Fill in the template."""
    found = mapping(part["found"])
    slots = {
        "runs": told("cost", mapping(part["about"])),
        "cost": "\n\n".join(cost_table(name, mapping(found[name])) for name in REFERENCE),
        "cost_model": "\n\n".join(
            cost_model(name, mapping(each)) for name, each in mapping(found["embedded"]).items()
        ),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for name, value in slots.items():
        page = page.replace(f"{{{name}}}", value)
    PAGE.write_text(page, encoding="utf-8")
    return PAGE


def cost_table(name: str, found: Record) -> str:
    """Calls and tokens of the ways of asking, by the script."""
    rows = []
    for way, row in mapping(found["rows"]).items():
        row = mapping(row)
        calls = {step.partition(".")[2]: number(each) for step, each in mapping(row["calls"]).items()}
        rows.append(
            [
                way,
                f"{number(row['all']):.1f}",
                f"{calls.get('names', 0) + calls.get('names_together', 0):.1f}",
                f"{calls.get('pairs', 0) + calls.get('pairs_together', 0):.1f}",
                f"{number(row['tokens']):,.0f}",
                f"{100 * number(row['shared']):.0f} %",
                f"{number(row['written']):.0f}",
                f"{computed_seconds(row):.0f}",
                with_interval(mapping(row["score"])["f1"]),
            ]
        )
    rows.append(["released implementation", str(REFERENCE[name]), *[""] * 7])
    heads = [
        "way",
        "calls",
        "of names",
        "of pairs",
        "prompt tokens",
        "as the prompt before",
        "written",
        "seconds, computed",
        "F1 (95 %)",
    ]
    return f"### {name}, {found['documents']} documents\n\n{table(heads, rows)}"


def computed_seconds(row: Record) -> float:
    """What the embedded model would take on two cores, its prefix cache at its best."""
    read = number(row["tokens"]) * (1 - number(row["shared"]))
    return read / READ_A_SECOND + number(row["written"]) / WRITTEN_A_SECOND


def cost_model(name: str, found: Record) -> str:
    """The same with the language model."""
    rows = []
    for way, row in mapping(found["rows"]).items():
        row = mapping(row)
        calls = {step.partition(".")[2]: number(each) for step, each in mapping(row["calls"]).items()}
        asked = "; ".join(f"{step} {each:.1f}" for step, each in calls.items())
        rows.append(
            [
                way,
                asked,
                f"{number(row['tokens']):,.0f}",
                f"{100 * number(row['shared']):.0f} %",
                f"{number(row['written']):.0f}",
                f"{number(row['seconds']):.1f}",
                str(row["problems"]),
                with_interval(mapping(row["score"])["f1"]),
            ]
        )
    heads = [
        "way",
        "calls by step",
        "prompt tokens",
        "from the prefix cache",
        "written",
        "seconds",
        "problems",
        "F1 (95 %)",
    ]
    return f"`{found['engine']}`, {found['documents']} documents of {name}.\n\n{table(heads, rows)}"
