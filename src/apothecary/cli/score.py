"""``apothecary score``: predictions against gold, by the task's own rules, and against other predictions."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
        list[Path],
        typer.Option(
            help="A run, or a predictions.jsonl; or relations found elsewhere: a table, PubTator or BioC. "
            "Repeated with --against: runs of one system with other seeds (conditions)."
        ),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Other predictions for the same documents, to compare with (not for mentions); repeated: as "
            "--predictions."
        ),
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
    one, other = predictions[0], against[0] if against else None
    if len(predictions) > 1 and not against:
        raise UsageError(
            "several runs are scored one by one", where="--predictions", hint="or --against FILE"
        )
    compared: dict[str, object] = {}
    if against:
        difference = api.compare(task, gold, predictions, against, options=options, encoding=encoding)
        if len(predictions) + len(against) > 2:
            # Scored one by one for what stands against each: an unfinished run is worse by that alone.
            once = replace(options, resamples=1, list_errors=False)
            for path in (*predictions, *against):
                _warn(_warnings(api.score(task, gold, path, options=once, encoding=encoding)), path)
            title = f"{task}: {len(predictions)} less {len(against)} runs"
            _tell_runs(difference, title=title, as_json=as_json)
            return
        compared["difference"] = difference
        compared["against"] = api.score(task, gold, against[0], options=options, encoding=encoding)
    result = api.score(task, gold, one, options=options, encoding=encoding) | compared
    told = _warnings(result)
    _warn(told)
    if other is not None:
        _warn([each for each in _warnings(_mapping(result["against"])) if each not in told], other)
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    chosen = load_rows(task) or catalog.load(task)
    unit = "visits" if "visits" in result else "documents"
    print_table(chosen.table(result), title=f"{task}: {result[unit]} {unit}")
    if other is not None:
        print_table(chosen.table(_mapping(result["against"])), title=f"against: {other}")
        less = f"{one} less {other}" if unit == "visits" else f"F1 of {one} less that of {other}"
        print_table(_differences(_mapping(result["difference"])), title=less)


def _warnings(result: Mapping[str, object]) -> list[str]:
    """What stands against a score that was given nevertheless."""
    found = result.get("warnings")
    return [str(each) for each in found] if isinstance(found, list) else []


def _warn(warnings: Sequence[str], path: Path | None = None) -> None:
    for each in warnings:
        print(f"warning: {path}: {each}" if path else f"warning: {each}", file=sys.stderr)


def _differences(found: Mapping[str, object]) -> list[list[str]]:
    """A row for each evaluator or figure: the difference times 100, its interval, and p."""
    rows = [["", "difference", "95 % interval", "p"]]
    for name, difference in found.items():
        row = _mapping(difference)
        bounds = _mapping(row.get("f1", row.get("difference")))
        low, value, high = (f"{100 * _number(bounds[key]):+.1f}" for key in ("low", "value", "high"))
        rows.append([name, value, f"{low} to {high}", f"{_number(row['p']):.3f}"])
    return rows


def _tell_runs(found: Mapping[str, Mapping[str, object]], *, title: str, as_json: bool) -> None:
    """Means of both systems over their runs, with the deviation, beside the differences."""
    from apothecary.cli.tables import print_table

    if as_json:
        print(json.dumps({"difference": found}, indent=2, ensure_ascii=False))
        return
    head, *rows = _differences(found)
    spread = [[_spread(_mapping(each[side])) for side in ("a", "b")] for each in found.values()]
    table = [[head[0], "--predictions", "--against", *head[1:]]]
    table += [[row[0], *both, *row[1:]] for row, both in zip(rows, spread, strict=True)]
    print_table(table, title=title)


def _spread(runs: Mapping[str, object]) -> str:
    mean, sd = _number(runs["mean"]), runs["sd"]
    return f"{100 * mean:.1f}" + ("" if sd is None else f" ± {100 * _number(sd):.1f}")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
