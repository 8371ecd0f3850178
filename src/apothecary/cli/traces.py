"""``apothecary traces``: reasoning written for a corpus with known answers, as training data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
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
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.api import ExtractOptions
    from apothecary.runs.traces import Part, TraceSummary
    from apothecary.tasks.combinations.trace_conversion import Chats
    from apothecary.tasks.combinations.trace_roles import TraceSettings

__all__ = ["traces"]

TASK = "combinations"
RULES = "rules"
MOST = 1_000_000_000
_REVISE = re.compile(r"(?:^|,)(?:traces\.)?revise=")


@dataclass(frozen=True)
class _Wish:
    inputs: list[Path]
    engine: str | None
    part: Part
    held_out: Path | None
    fallback: str
    chats: Chats
    out: Path | None


def traces(
    task: Annotated[str, typer.Argument(help="The task to write traces for: combinations.", metavar="TASK")],
    inputs: Annotated[
        list[Path], typer.Argument(help="Rows of DrugComb or DDI as JSONL; DDI XML.", metavar="INPUT")
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
    from apothecary.api import ExtractOptions
    from apothecary.engines.budget import Budget
    from apothecary.tasks.combinations.trace_conversion import Chats
    from apothecary.tasks.combinations.trace_roles import TraceSettings
    from apothecary.tasks.settings import bind

    _check(task, part, fallback)
    settings = TraceSettings(
        rules=engine == RULES,
        revise=_REVISE.search(engine or "") is not None,
        rounds=rounds,
        threshold=threshold,
        temperature=temperature,
        seed=seed,
    )
    options = ExtractOptions(
        limit=limit,
        fresh=fresh,
        encoding=encoding,
        seed=seed,
        threads=threads,
        slots=slots,
        cache="" if no_cache else None,
        budget=Budget(max_calls, max_tokens, max_seconds),
    )
    chats = bind(Chats, read_settings(None, assignments, task))
    wish = _Wish(list(inputs), engine, cast("Part", part), held_out, fallback, chats, out)
    summary = _run(wish, settings, options, show=not as_json)
    _tell(summary, as_json=as_json)
    return EXIT_CODES[summary.status]


def _check(task: str, part: str, fallback: str) -> None:
    if task != TASK:
        raise UsageError(f"no traces are written for '{task}'", hint=f"tasks: {TASK}")
    if part not in ("train", "dev", "all"):
        raise UsageError(f"there is no part '{part}'", where="--part", hint="parts: train, dev, all")
    if fallback not in ("drop", "rules"):
        raise UsageError(f"there is no fallback '{fallback}'", where="--fallback", hint="drop or rules")


def _run(wish: _Wish, settings: TraceSettings, options: ExtractOptions, *, show: bool) -> TraceSummary:
    from contextlib import closing
    from dataclasses import replace

    from apothecary import api
    from apothecary.cli.progress import reporting
    from apothecary.engines.routing import Routed
    from apothecary.formats.inputs import describe_inputs, read_inputs
    from apothecary.runs.development import held_out_list
    from apothecary.runs.manifest import make_manifest
    from apothecary.runs.traces import TraceRun, run
    from apothecary.tasks import catalog
    from apothecary.tasks.combinations.trace_conversion import grpo_of_trace, sft_of_trace
    from apothecary.tasks.combinations.trace_roles import STEPS, prepare_traces

    listed = held_out_list(wish.held_out)
    described = describe_inputs(wish.inputs)
    asked = prepare_traces(settings, {}).steps
    chosen = replace(catalog.load(TASK), steps=STEPS)
    opened = Routed({}) if settings.rules else api.open_engines(chosen, wish.engine, options, asked)
    with closing(opened):
        engines = {step: each.info for step, each in opened.engines.items()}
        job = prepare_traces(settings, engines)
        opened.check(job.steps)
        lists = [digest for _, digest in describe_inputs([listed])] if listed else []
        job = replace(job, settings={**job.settings, "part": wish.part, "held_out": lists})
        manifest = make_manifest("traces", job, engines, described, limit=options.limit)
        plan = TraceRun(
            job=job,
            engine=opened,
            items=read_inputs(wish.inputs, encoding=options.encoding),
            folder=api.run_folder(wish.out, "traces", str(manifest["fingerprint"]), fresh=options.fresh),
            manifest=manifest,
            sft=lambda row: sft_of_trace(row, wish.chats, fallback=wish.fallback == RULES),
            grpo=lambda row: grpo_of_trace(row, wish.chats),
            part=wish.part,
            held_out=listed,
            limit=options.limit,
            fresh=options.fresh,
        )
        with reporting(None, show=show) as on_progress:
            return run(plan, on_progress)


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
