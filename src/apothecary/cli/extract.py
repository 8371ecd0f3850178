"""``apothecary extract``: documents in, a run folder out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import (
    EXIT_CODES,
    Config,
    Encoding,
    EngineSeed,
    Json,
    MaxCalls,
    MaxSeconds,
    MaxTokens,
    NoCache,
    Set,
    Slots,
    Threads,
    named_path,
    read_settings,
)
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.api import ExtractOptions
    from apothecary.runs.extract import Summary
    from apothecary.runs.rehearsal import Estimate

__all__ = ["extract"]

MOST = 1_000_000_000
RELATIONS = "relations"


def extract(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Files or folders: PubMed, JATS, BioC, PubTator, brat, JSONL, text.", metavar="INPUT"
        ),
    ],
    task: Annotated[
        str | None, typer.Option(help="What to extract: mentions, relations, combinations, conditions.")
    ] = None,
    schema: Annotated[str | None, typer.Option(help="Schema by name or .toml file [default: cdr].")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Who answers: pocket, llamacpp:NAME-or-path, http://host:port/v1#model, replay:RUN,"
            " scripted:FILE; or STEP=ENGINE,STEP=ENGINE."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder [default: runs/<task>-<time>].", parser=named_path, metavar="<path>"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=MOST, help="Only the first N documents.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start the run folder anew.")] = False,
    oracle_mentions: Annotated[
        bool, typer.Option("--oracle-mentions", help="Take mentions and concepts from the annotated input.")
    ] = False,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="For conditions: the folder of a run of relations, or 'relations' to make that run first.",
            metavar="RUN",
        ),
    ] = None,
    pairs_engine: Annotated[
        str | None, typer.Option(help="Who finds the pairs of '--pairs relations' [default: pocket].")
    ] = None,
    show: Annotated[
        int, typer.Option(min=0, max=MOST, help="Print the first N findings with the words they rest on.")
    ] = 0,
    no_cache: NoCache = False,
    slots: Slots = 1,
    config: Config = None,
    assignments: Set = None,
    seed: EngineSeed = 0,
    threads: Threads = None,
    encoding: Encoding = "utf-8",
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    as_json: Json = False,
) -> int:
    """Extract from documents into a run folder. The same command goes on where it was stopped."""
    from apothecary import api
    from apothecary.cli.progress import reporting
    from apothecary.engines.budget import Budget
    from apothecary.tasks import catalog

    if task is None:
        raise UsageError("several tasks fit these inputs", hint=f"--task {'|'.join(catalog.names())}")
    settings = read_settings(config, assignments, task)
    if schema is not None and pairs is None:
        settings["schema"] = schema
    if oracle_mentions:
        settings["oracle_mentions"] = True
    options = api.ExtractOptions(
        limit=limit,
        fresh=fresh,
        encoding=encoding,
        seed=seed,
        threads=threads,
        slots=slots,
        cache="" if no_cache else None,
        budget=Budget(max_calls, max_tokens, max_seconds),
    )
    if pairs_engine is not None and pairs != RELATIONS:
        raise UsageError("--pairs-engine is of a run that is yet to be made", hint="--pairs relations")
    if pairs is not None:
        if dry_run and pairs == RELATIONS:
            hint = "make that run, then --pairs FOLDER --dry-run"
            raise UsageError("which pairs there will be is not known before their run", hint=hint)
        # By default the pairs are those that the pocket models know as therapeutic.
        found_as: dict[str, object] = {"schema": schema or "chemdisgene"}
        settings["pairs"] = _pairs(pairs, list(inputs), found_as, pairs_engine or "pocket", out, options)
    if dry_run:
        return _estimate(list(inputs), task, settings, options, as_json=as_json)
    with reporting(api.count(inputs, options), show=not as_json) as on_progress:
        summary = api.extract(
            list(inputs),
            task,
            engine=engine,
            settings=settings,
            out=out,
            options=options,
            on_progress=on_progress,
        )
    _tell(summary, task, show, as_json=as_json)
    return EXIT_CODES[summary.status]


def _pairs(
    given: str,
    inputs: list[Path],
    settings: dict[str, object],
    engine: str,
    out: Path | None,
    options: ExtractOptions,
) -> str:
    """The folder of the run that says which pairs to ask about; 'relations' makes it, beside `out`."""
    from apothecary import api

    if given != RELATIONS:
        return given
    if out is None:
        raise UsageError("--pairs relations needs the folder of the run", hint="--out DIR")
    folder = out.with_name(f"{out.name}-pairs")
    summary = api.extract(inputs, given, engine=engine, settings=settings, out=folder, options=options)
    print(f"pairs: {summary.documents} documents, {summary.failed} failed: {folder}", file=sys.stderr)
    return str(folder)


def _estimate(
    inputs: list[Path], task: str, settings: dict[str, object], options: ExtractOptions, *, as_json: bool
) -> int:
    from apothecary import api
    from apothecary.cli.tables import ledger_table, print_table

    estimate: Estimate = api.estimate(list(inputs), task, settings=settings, options=options)
    if as_json:
        record = estimate.ledger.to_record(documents=estimate.documents)
        print(json.dumps({"dry_run": True, "unreadable": estimate.unreadable, **record}, indent=2))
    else:
        title = f"Dry run: {estimate.documents} documents would take about"
        print_table(ledger_table(estimate.ledger, estimate.documents), title=title)
        if estimate.unreadable:
            print(f"{estimate.unreadable} items cannot be read", file=sys.stderr)
    return 1 if estimate.unreadable else 0


def _tell(summary: Summary, task: str, show: int, *, as_json: bool) -> None:
    from apothecary.cli.found import print_found
    from apothecary.cli.tables import ledger_table, print_table

    if as_json:
        record = {
            "folder": str(summary.folder),
            "status": summary.status,
            "documents": summary.documents,
            "failed": summary.failed,
            "problems": summary.problems,
            "mismatched_mentions": summary.mismatched,
            "ledger": summary.ledger.to_record(documents=summary.documents),
            "scores": summary.scores,
            "notes": summary.notes,
        }
        print(json.dumps(record, indent=2, ensure_ascii=False))
        return
    print_found(summary.folder, show)
    print_table(ledger_table(summary.ledger, summary.documents), title=f"{task}: what it took")
    counts = f"{summary.documents} documents, {summary.failed} failed, {summary.problems} problems"
    print(f"{summary.status}: {counts}")
    for note in summary.notes:
        print(f"note: {note}")
    if summary.mismatched:
        print(f"note: {summary.mismatched} mentions of the input differ from the text at their offsets")
    if summary.problems:
        print(f"problems: {summary.folder / 'errors.jsonl'}")
    if summary.reason:
        print(f"{summary.reason}; the same command goes on from here", file=sys.stderr)
    print(f"report: {summary.folder / 'report.html'}")
