"""``apothecary traces``: reasoning written for a corpus with known answers, as training data."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from apothecary.cli.options import (
    EXIT_CODES,
    Encoding,
    Json,
    MaxCalls,
    MaxSeconds,
    MaxTokens,
    NoCache,
    Seed,
    Set,
    Threads,
    named_path,
    read_settings,
)

if TYPE_CHECKING:
    from apothecary.runs.traces import Part, TraceSummary
    from apothecary.runs.tracing import Fallback, TraceEstimate

__all__ = ["traces"]

MOST = 1_000_000_000


def traces(
    task: Annotated[str, typer.Argument(help="The task to write traces for: combinations.", metavar="TASK")],
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Rows of DrugComb or DDI as JSONL; DDI XML, also zipped.", metavar="INPUT"),
    ],
    engine: Annotated[
        str | None,
        typer.Option(
            help="write=ENGINE,judge=ENGINE[,revise=ENGINE], one ENGINE for all, or rules (no model).",
            metavar="ENGINES",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder [default: runs/traces-<time>].", parser=named_path, metavar="<path>"),
    ] = None,
    part: Annotated[str, typer.Option(help="Of the corpus' fixed split: train, dev or all.")] = "train",
    held_out: Annotated[
        Path | None, typer.Option(help="List of held-out ids [default: the file in APOTHECARY_HELD_OUT].")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Attempts at each row.")] = 3,
    threshold: Annotated[int, typer.Option(min=0, max=5, help="Least of each score that passes.")] = 4,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="Of the writer, from its second attempt on.")
    ] = 0.7,
    fallback: Annotated[
        str, typer.Option(help="For rows that fail, in sft.jsonl: drop them, or rules.")
    ] = "drop",
    assignments: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, max=MOST, help="Only the first N rows.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start the run folder anew.")] = False,
    no_cache: NoCache = False,
    slots: Annotated[int, typer.Option(min=1, help="Rows at work at once (embedded engine).")] = 1,
    seed: Seed = 0,
    threads: Threads = None,
    encoding: Encoding = "utf-8",
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    as_json: Json = False,
) -> int:
    """Write reasoning for rows whose answer is known. The same command goes on where it was stopped.

    --set says what the chats of sft.jsonl and grpo.jsonl ask for: reasoning, drugs, context and window of
    the task. With reasoning=false their answers are lists alone, of all rows: --engine rules will do.
    """
    from apothecary import api
    from apothecary.cli.progress import reporting
    from apothecary.engines.budget import Budget

    options = api.TraceOptions(
        part=cast("Part", part),
        held_out=held_out,
        rounds=rounds,
        threshold=threshold,
        temperature=temperature,
        fallback=cast("Fallback", fallback),
        chats=read_settings(None, assignments, task),
    )
    running = api.ExtractOptions(
        limit=limit,
        fresh=fresh,
        encoding=encoding,
        seed=seed,
        threads=threads,
        slots=slots,
        cache="" if no_cache else None,
        budget=Budget(max_calls, max_tokens, max_seconds),
    )
    given = list(inputs)
    if dry_run:
        found = api.estimate_traces(given, task, engine=engine, options=options, running=running)
        return _foresee(found, as_json=as_json)
    with reporting(None, show=not as_json) as on_progress:
        summary = api.traces(
            given, task, engine=engine, out=out, options=options, running=running, on_progress=on_progress
        )
    _tell(summary, as_json=as_json)
    return EXIT_CODES[summary.status]


def _foresee(found: TraceEstimate, *, as_json: bool) -> int:
    from apothecary.cli.tables import ledger_table, print_table

    counts = {"rows": found.rows, "examples": found.examples, "unreadable": found.unreadable}
    if as_json:
        record = found.most.to_record(documents=found.examples)
        least = found.least.to_record(documents=found.examples)
        print(json.dumps({"dry_run": True, **counts, **record, "least": least}, indent=2))
        return 1 if found.unreadable else 0
    title = f"Dry run: {found.examples:,} examples of {found.rows:,} rows"
    if found.most.total.calls:
        print_table(ledger_table(found.most, found.examples), title=f"{title} would take at most about")
        spent = found.least.total
        tokens = f"{spent.prompt_tokens:,} prompt and {spent.completion_tokens:,} new tokens"
        print(f"at least, if every example passes at once: {spent.calls:,} calls, {tokens}")
    else:
        print(f"{title}; no model would be asked")
    if found.unreadable:
        print(f"{found.unreadable:,} items cannot be read", file=sys.stderr)
    return 1 if found.unreadable else 0


def _tell(summary: TraceSummary, *, as_json: bool) -> None:
    from apothecary.cli.tables import ledger_table, print_table

    if as_json:
        record = {
            "folder": str(summary.folder),
            **summary.counts,
            "failed": summary.failed,
            "ledger": summary.ledger.to_record(documents=_whole(summary.counts.get("examples"))),
        }
        print(json.dumps(record, indent=2, ensure_ascii=False))
        return
    rows = [["rows", "examples", "passed", "dropped", "drop rate"], _row("all", summary.counts)]
    for name in ("label", "arity"):
        table = summary.counts.get(f"by_{name}")
        for key, counts in table.items() if isinstance(table, Mapping) else ():
            rows.append(_row(f"{name} {key}", counts))
    print_table(rows, title="Traces")
    if summary.ledger.total.calls or summary.ledger.total.cache_hits:
        examples = _whole(summary.counts.get("examples"))
        print_table(ledger_table(summary.ledger, examples), title="What it took")
    for title, key in (
        ("passed in round", "passed_in_round"),
        ("attempts refused by", "refused_attempts"),
        ("left out", "left_out"),
    ):
        counts = summary.counts.get(key)
        if isinstance(counts, Mapping) and counts:
            print(f"{title}: {', '.join(f'{name} {count:,}' for name, count in counts.items())}")
    print(f"{summary.status}: {summary.failed} rows that could not be read or asked about")
    if summary.failed:
        print(f"problems: {summary.folder / 'errors.jsonl'}")
    if summary.reason:
        print(f"{summary.reason}; the same command goes on from here", file=sys.stderr)
    print(f"traces: {summary.folder / 'traces.jsonl'}")


def _row(name: str, counts: object) -> list[str]:
    values = counts if isinstance(counts, Mapping) else {}
    rate = values.get("drop_rate")
    shown = f"{rate:.1%}" if isinstance(rate, float) else "-"
    return [name, *(f"{_whole(values.get(key)):,}" for key in ("examples", "passed", "dropped")), shown]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
