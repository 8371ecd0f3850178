"""``apothecary score``: predictions against gold, by the task's own rules, and against other predictions."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.options import Encoding, Json, Seed, read_settings
from apothecary.errors import UsageError

__all__ = ["score"]


def score(
    task: Annotated[str, typer.Argument(help="mentions, relations, combinations, conditions or medication.")],
    gold: Annotated[Path, typer.Option(help="Annotated documents, or visits with lists.")],
    predictions: Annotated[
        Path,
        typer.Option(help="A predictions.jsonl; or relations found elsewhere: a table, PubTator or BioC."),
    ],
    against: Annotated[
        Path | None,
        typer.Option(help="Other predictions for the same documents, to compare with (not for mentions)."),
    ] = None,
    interactions: Annotated[
        list[str] | None,
        typer.Option(
            help="Which drugs interact: CSV drug_a,drug_b[,severity,source], CRESCENDDI or the merged set "
            "(medication); may be repeated.",
            metavar="FILE",
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            help="Other names of drugs, for the interactions: a table name,alias (medication).",
            metavar="FILE",
        ),
    ] = None,
    broader: Annotated[
        str, typer.Option(help="Predictions with a side flagged broader: keep or drop.", metavar="keep|drop")
    ] = "keep",
    excuse_broader: Annotated[
        bool,
        typer.Option("--excuse-broader", help="Do not count wrong predictions with a side flagged broader."),
    ] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="One setting of the score (conditions: threshold, whole_words, fold); may be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="List every error (with --json).")] = False,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples over documents.")] = 1000,
    seed: Seed = 0,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Score predictions against gold documents, with 95 % bootstrap intervals over documents or patients."""
    from apothecary import api
    from apothecary.cli.tables import print_table
    from apothecary.tasks import catalog
    from apothecary.tasks.flow import ScoreOptions
    from apothecary.tasks.rows import load_rows

    if broader not in ("keep", "drop"):
        raise UsageError(f"'{broader}' is neither keep nor drop", where="--broader")
    settings = read_settings(None, assignments, task)
    if interactions:
        settings["interactions"] = interactions
    if names is not None:
        settings["names"] = str(names)
    options = ScoreOptions(
        broader="drop" if broader == "drop" else "keep",
        excuse_broader=excuse_broader,
        resamples=resamples,
        seed=seed,
        list_errors=errors,
        settings=settings,
    )
    compared: dict[str, object] = {}
    if against is not None:
        compared["difference"] = api.compare(
            task, gold, predictions, against, options=options, encoding=encoding
        )
        compared["against"] = api.score(task, gold, against, options=options, encoding=encoding)
    result = api.score(task, gold, predictions, options=options, encoding=encoding) | compared
    warnings = result.get("warnings")
    for warning in warnings if isinstance(warnings, list) else []:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    chosen = load_rows(task) or catalog.load(task)
    unit = "visits" if "visits" in result else "documents"
    print_table(chosen.table(result), title=f"{task}: {result[unit]} {unit}")
    if against is not None:
        print_table(chosen.table(_mapping(result["against"])), title=f"against: {against}")
        less = (
            f"{predictions} less {against}"
            if unit == "visits"
            else f"F1 of {predictions} less that of {against}"
        )
        print_table(_differences(_mapping(result["difference"])), title=less)


def _differences(found: Mapping[str, object]) -> list[list[str]]:
    """A row for each evaluator or figure: the difference times 100, its interval, and p."""
    rows = [["", "difference", "95 % interval", "p"]]
    for name, difference in found.items():
        row = _mapping(difference)
        bounds = _mapping(row.get("f1", row.get("difference")))
        low, value, high = (f"{100 * _number(bounds[key]):+.1f}" for key in ("low", "value", "high"))
        rows.append([name, value, f"{low} to {high}", f"{_number(row['p']):.3f}"])
    return rows


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
