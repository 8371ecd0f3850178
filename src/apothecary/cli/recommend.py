"""``apothecary recommend``: a list of medication for every visit, each drug with its reasons."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary import ADVICE
from apothecary.cli.options import (
    EXIT_CODES,
    Config,
    Encoding,
    Json,
    MaxCalls,
    MaxSeconds,
    MaxTokens,
    NoCache,
    Seed,
    Set,
    Slots,
    Threads,
    named_path,
    read_settings,
)
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.runs.frontier_points import Frontier
    from apothecary.runs.recommend import RecommendSummary

__all__ = ["recommend"]


def recommend(
    visits: Annotated[Path, typer.Argument(help="Visits, JSON Lines.", metavar="VISITS")],
    policy: Annotated[
        str,
        typer.Option(help="A policy: its folder, its name under models/, or an ENGINE.", metavar="NAME"),
    ],
    interactions: Annotated[
        list[Path],
        typer.Option(
            help="Which drugs interact: CSV drug_a,drug_b[,severity,source], CRESCENDDI or the merged set; "
            "may be repeated.",
            metavar="FILE",
        ),
    ],
    safety: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Weight of interactions, alpha [default: 0.5; none where an ENGINE edits].",
            metavar="ALPHA",
        ),
    ] = None,
    frontier: Annotated[
        str | None,
        typer.Option(help="Compare lists at several weights instead: 0,0.5,1,2,4.", metavar="ALPHAS"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder [default: runs/recommend-<time>].", parser=named_path, metavar="DIR"),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="A table drug,class: no list holds two drugs of a class.", metavar="FILE"),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="A drug or class never to recommend; may be repeated.", metavar="NAME"),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            help="Other names of drugs, for interactions and allergies: a table name,alias.", metavar="FILE"
        ),
    ] = None,
    config: Config = None,
    assignments: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Visits to read.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start an existing run anew.")] = False,
    remote: Annotated[
        bool,
        typer.Option("--allow-remote-patient-data", help="Let visits go to an engine on another machine."),
    ] = False,
    no_cache: NoCache = False,
    slots: Slots = 1,
    seed: Seed = 0,
    threads: Threads = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Recommend a list of medication for every visit. A research tool, not medical advice.

    Every drug comes with why it is there; drugs barred by allergies, exclusions or classes never are. The run
    folder holds codes of visits: keep it as the records are kept. Settings: editor, edits, measure, ...
    """
    from apothecary import api
    from apothecary.engines.budget import Budget

    settings = read_settings(config, assignments, "medication")
    if safety is not None:
        settings["safety"] = safety
    options = api.RecommendOptions(
        interactions=tuple(interactions),
        names=names,
        classes=classes,
        excluded=tuple(exclude or ()),
        settings=settings,
        limit=limit,
        fresh=fresh,
        encoding=encoding,
    )
    asking = api.AskOptions(
        remote,
        api.ExtractOptions(
            seed=seed,
            threads=threads,
            slots=slots,
            cache="" if no_cache else None,
            budget=Budget(max_calls, max_tokens, max_seconds),
        ),
    )
    if frontier is not None:
        if safety is not None:
            raise UsageError("give either --safety or --frontier")
        weights = _weights(frontier)
        found = api.frontier(visits, policy, weights, options, out=out, say=_say, asking=asking)
        _tell_frontier(found, as_json)
        return
    _tell(api.recommend(visits, policy, options, out=out, say=_say, asking=asking), visits, as_json)


def _tell(found: RecommendSummary, visits: Path, as_json: bool) -> None:
    from apothecary.cli.tables import print_table
    from apothecary.tasks.rows import load_rows

    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        record = {
            "folder": str(found.folder),
            "status": found.status,
            "visits": found.visits,
            "failed": found.failed,
            "mean_drugs": found.mean_drugs,
            "expected_jaccard": found.mean_expected,
            "remarks": dict(found.remarks),
            "scores": found.scores,
            "note": ADVICE,
        }
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        rows = [
            ["", "number"],
            ["visits", f"{found.visits:,}"],
            ["  failed", f"{found.failed:,}"],
            ["drugs in a list (mean)", f"{found.mean_drugs:.1f}"],
            ["expected Jaccard index (mean)", f"{found.mean_expected:.3f}"],
            *([name, f"{count:,}"] for name, count in found.remarks.items()),
        ]
        print_table(rows, title=ADVICE)
        task = load_rows("medication")
        if found.scores is not None and task is not None:
            print_table(task.table(found.scores), title=f"compared with the lists in {visits}")
        print(f"{found.status}: {found.folder}")
        if found.failed:
            print(f"what failed: {found.folder / 'errors.jsonl'}", file=sys.stderr)
    raise typer.Exit(EXIT_CODES[found.status])


def _tell_frontier(found: Frontier, as_json: bool) -> None:
    from dataclasses import asdict

    from apothecary.cli.tables import print_table

    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        record = {
            "folder": str(found.folder),
            "points": [asdict(point) for point in found.points],
            "ddi_rate_gold": found.gold_rate,
            "ddi_rate_gold_by_source": dict(found.gold_by_source),
            "failed": found.failed,
            "note": ADVICE,
        }
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        rows = [["alpha", "Jaccard", "95 % interval", "expected", "DDI rate", "drugs", "edits"]]
        for point in found.points:
            known = point.jaccard
            rows.append(
                [
                    f"{point.safety:g}",
                    f"{known.value:.3f}" if known else "-",
                    f"{known.low:.3f}-{known.high:.3f}" if known else "",
                    f"{point.expected_jaccard:.3f}",
                    f"{point.ddi_rate.value:.4f}",
                    f"{point.mean_drugs:.1f}",
                    f"{point.mean_edits:.1f}",
                ]
            )
        print_table(rows, title=ADVICE)
        if found.gold_rate is not None:
            print(f"DDI rate of the lists that were given: {found.gold_rate:.4f}")
        print(f"curve: {found.folder / 'report.html'}")
    raise typer.Exit(1 if found.failed else 0)


def _weights(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError as error:
        problem = f"'{text}' is no list of numbers"
        raise UsageError(problem, where="--frontier", hint="0,0.5,1,2,4") from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
