"""``apothecary instruct evaluate`` and ``export``: suites of tasks, answered and judged, or written down."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from apothecary.cli.options import (
    EXIT_CODES,
    Encoding,
    Json,
    MaxCalls,
    MaxSeconds,
    MaxTokens,
    NoCache,
    Slots,
    Threads,
    named_path,
)
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.runs.evaluation import Evaluation, Provider

__all__ = ["evaluate", "export"]

MOST = 1_000_000

SuiteName = Annotated[
    str, typer.Option("--suite", help="A suite: a TOML file, or default.", metavar="FILE.toml")
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of typed examples, as build writes them [default: where the suite lies].",
        parser=named_path,
        metavar="FOLDER",
    ),
]
Items = Annotated[
    int | None, typer.Option("--items", min=1, max=MOST, help="Questions of each set, over the suite's.")
]
Shots = Annotated[
    int | None, typer.Option("--shots", min=0, max=64, help="Answered examples before each question.")
]
SuiteSeed = Annotated[
    int | None, typer.Option("--seed", help="Seed of the draw and of all that is random, over the suite's.")
]
HeldOutList = Annotated[
    Path | None,
    typer.Option(
        "--held-out",
        help="Documents to leave out: set, id [default: APOTHECARY_HELD_OUT].",
        parser=named_path,
        metavar="FILE",
    ),
]


def evaluate(
    suite: SuiteName = "default",
    engine: Annotated[
        str | None, typer.Option(help="Who answers: an ENGINE, as for extract.", metavar="ENGINE")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help='Replies that were made elsewhere: {"id", "reply"} lines.', parser=named_path),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="majority, random or dictionary.", metavar="NAME")
    ] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder [default: runs/evaluation-<time>].", parser=named_path, metavar="DIR"),
    ] = None,
    items: Items = None,
    shots: Shots = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Compare with another evaluation, its folder.", parser=named_path, metavar="RUN"),
    ] = None,
    held_out: HeldOutList = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start the run folder anew.")] = False,
    no_cache: NoCache = False,
    slots: Slots = 1,
    seed: SuiteSeed = None,
    threads: Threads = None,
    encoding: Encoding = "utf-8",
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    as_json: Json = False,
) -> int:
    """Evaluate an engine, replies in a file or a baseline on a suite of tasks.

    All are asked in the same words. The same command goes on where it was stopped. A reply that cannot be
    read is a result; the exit code is 1 only where a question has no reply.
    """
    from apothecary import instruct
    from apothecary.cli.progress import reporting
    from apothecary.engines.budget import Budget

    provider = _provider(engine, predictions, baseline)
    running = instruct.ExtractOptions(
        fresh=fresh,
        encoding=encoding,
        seed=seed or 0,
        threads=threads,
        slots=slots,
        cache="" if no_cache else None,
        budget=Budget(max_calls, max_tokens, max_seconds),
    )
    options = instruct.SuiteOptions(data, items, shots, seed, held_out, against)
    with reporting(None, show=not as_json) as on_progress:
        done = instruct.evaluate(
            provider, suite, out=out, options=options, running=running, on_progress=on_progress
        )
    _tell(done, as_json=as_json)
    return EXIT_CODES[done.status]


def export(
    out: Annotated[Path, typer.Option(help="Folder to write to.", parser=named_path, metavar="DIR")],
    suite: SuiteName = "default",
    form: Annotated[
        Literal["lm-eval"], typer.Option(help="lm-eval: tasks of lm-evaluation-harness.")
    ] = "lm-eval",
    data: Data = None,
    items: Items = None,
    shots: Shots = None,
    seed: SuiteSeed = None,
    held_out: HeldOutList = None,
    as_json: Json = False,
) -> None:
    """Write a suite for another program: the same questions, as tasks of lm-evaluation-harness.

    The files hold the texts of your data sets: their licences go with them.
    """
    from apothecary.runs.evaluation import SuiteOptions, load_suite
    from apothecary.runs.evaluation_export import export_lm_eval

    found, parts, notes = load_suite(suite, SuiteOptions(data, items, shots, seed, held_out))
    written = export_lm_eval(found, parts, out)
    if as_json:
        record = {"form": form, "folder": str(out), "tasks": written, "notes": list(notes)}
        print(json.dumps(record, indent=2, ensure_ascii=False))
        return
    for name, count in written.items():
        print(f"{name}: {count:,} items")
    for note in notes:
        print(f"note: {note}")
    print(f"lm_eval --include_path {out} --tasks {','.join(written)}")


def _provider(engine: str | None, predictions: Path | None, baseline: str | None) -> Provider:
    from apothecary.engines.open import engine_spec
    from apothecary.runs.evaluation import Provider

    given: list[Provider] = []
    if engine is not None:
        given.append(Provider("engine", engine))
    if predictions is not None:
        given.append(Provider("predictions", str(predictions)))
    if baseline is not None:
        given.append(Provider("baseline", baseline))
    if len(given) > 1:
        named = " and ".join(f"--{each.kind}" for each in given)
        raise UsageError(f"{named} cannot be given together", hint="evaluate one at a time")
    return given[0] if given else Provider("engine", engine_spec(None))


def _tell(done: Evaluation, *, as_json: bool) -> None:
    from apothecary.cli.tables import print_table
    from apothecary.runs.evaluation_page import evaluation_notes, result_rows

    if as_json:
        ledger = done.ledger.to_record(documents=0)
        record = {"folder": str(done.folder), "failed": done.failed, **done.figures, "ledger": ledger}
        print(json.dumps(record, indent=2, ensure_ascii=False))
        return
    print_table(result_rows(done.figures), title=f"{done.figures['suite']}: {done.status}")
    for note in evaluation_notes(done.figures):
        print(f"note: {note}")
    if done.failed:
        print(f"{done.failed} questions without a reply: {done.folder / 'errors.jsonl'}")
    if done.reason:
        print(f"{done.reason}; the same command goes on from here", file=sys.stderr)
    print(f"report: {done.folder / 'report.html'}")
