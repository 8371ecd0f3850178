"""``apothecary scenarios ablate``: which scenarios earn their place, and a schema without the others."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import (
    EXIT_CODES,
    Config,
    Encoding,
    Json,
    MaxCalls,
    MaxSeconds,
    MaxTokens,
    Seed,
    Set,
    Slots,
    Threads,
    named_path,
    read_settings,
)

if TYPE_CHECKING:
    from apothecary.runs.ablation import AblationProgress, Foreseen
    from apothecary.runs.ablation_result import AblationResult

__all__ = ["ablate"]

TASK = "relations"
LINE_EVERY_SECONDS = 10.0


def ablate(
    gold: Annotated[Path, typer.Argument(help="Annotated development documents; never a test set.")],
    out: Annotated[Path, typer.Option(help="Folder of the ablation.", parser=named_path, metavar="<path>")],
    schema: Annotated[str | None, typer.Option(help="Schema by name or .toml file [default: cdr].")] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="A language model: llamacpp:NAME-or-path, http://host:port/v1#model; as extract."),
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(help="Only scenarios of this template; may be repeated.")
    ] = None,
    oracle_mentions: Annotated[
        bool, typer.Option("--oracle-mentions", help="Take mentions and concepts from the annotation.")
    ] = False,
    evaluator: Annotated[str, typer.Option(help="How a relation is judged [default: concept].")] = "",
    margin: Annotated[
        float, typer.Option(help="Remove what adds at most this to F1, which lies in 0-1.")
    ] = 0.0,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="At most so many rounds, one removal each.")
    ] = None,
    drop_idle: Annotated[
        bool, typer.Option("--drop-idle", help="Remove scenarios that change no answer, too.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=1, help="Resamples of an interval.")] = 1000,
    confirm: Annotated[float, typer.Option(help="Share of documents kept for confirmation.")] = 0.5,
    held_out: Annotated[
        Path | None, typer.Option(help="List of held-out ids [default: the file in APOTHECARY_HELD_OUT].")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked at most.")] = False,
    slots: Slots = 1,
    config: Config = None,
    assignments: Set = None,
    seed: Seed = 0,
    threads: Threads = None,
    encoding: Encoding = "utf-8",
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    as_json: Json = False,
) -> int:
    """Leave out scenarios one by one and keep those that add to F1. The same command goes on after a stop."""
    from apothecary import api
    from apothecary.engines.budget import Budget
    from apothecary.runs.ablation import AblationOptions
    from apothecary.tasks.ablation import PruneOptions

    settings = read_settings(config, assignments, TASK)
    if schema is not None:
        settings["schema"] = schema
    if oracle_mentions:
        settings["oracle_mentions"] = True
    options = AblationOptions(
        PruneOptions(margin, rounds, drop_idle, tuple(template or ()), resamples, seed),
        confirm=confirm,
        seed=seed,
        evaluator=evaluator,
        held_out=held_out,
    )
    running = api.ExtractOptions(
        encoding=encoding,
        seed=seed,
        threads=threads,
        slots=slots,
        budget=Budget(max_calls, max_tokens, max_seconds),
    )
    if dry_run:
        return _foresee(api.foresee_ablation(gold, settings, options, encoding=encoding), as_json=as_json)
    show: Callable[[AblationProgress], None] = (lambda progress: None) if as_json else _Lines()
    result = api.ablate(
        gold, out, engine=engine, settings=settings, options=options, running=running, on_progress=show
    )
    _tell(result, out, as_json=as_json)
    return EXIT_CODES[result.status]


# --- words ----------------------------------------------------------------------------------------


class _Lines:
    """A line on standard error when a variant is done, and every ten seconds within one."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, progress: AblationProgress) -> None:
        now = time.monotonic()
        if progress.finished < progress.documents and now - self.last < LINE_EVERY_SECONDS:
            return
        self.last = now
        left_out = f"without {', '.join(progress.variant)}" if progress.variant else "all scenarios"
        place = f"{progress.part}, variant {progress.number} of {progress.due}"
        done = f"{progress.finished} of {progress.documents} documents, {progress.spent.calls:,} calls"
        print(f"{place} ({left_out}): {done}", file=sys.stderr)


def _foresee(found: Foreseen, *, as_json: bool) -> int:
    if as_json:
        record = {
            "dry_run": True,
            "documents": {"selection": found.documents, "confirmation": found.confirming},
            "runs": found.runs,
            "calls": found.calls,
        }
        print(json.dumps(record, indent=2))
    else:
        parts = f"{found.documents} documents to choose on, {found.confirming} to confirm on"
        print(f"Dry run: {parts}; at most {found.runs} runs and about {found.calls:,} calls")
    return 0


def _tell(result: AblationResult, out: Path, *, as_json: bool) -> None:
    from apothecary.cli.tables import print_table

    if as_json:
        print(json.dumps({"folder": str(out), **result.to_record()}, indent=2))
        return
    if result.rounds and result.rounds[0].effects:
        rows = [["scenario", "\u0394 P", "\u0394 R", "\u0394 F1", "95 %", "removed in round"]]
        gone = {name: str(number) for number, name in enumerate(result.removed, start=1)}
        for effect in result.rounds[0].effects:
            delta = effect.delta
            figures = [f"{100 * each.value:+.1f}" for each in (delta.precision, delta.recall, delta.f1)]
            bounds = f"{100 * delta.f1.low:+.1f} to {100 * delta.f1.high:+.1f}"
            rows.append([effect.scenario, *figures, bounds, gone.get(effect.scenario, "")])
        print_table(rows, title="What each scenario adds to the full schema, in points")
    if result.confirmation is not None:
        found, f1 = result.confirmation, result.confirmation.delta.f1
        print(
            f"confirmed on {result.confirming} documents: F1 {100 * found.full.f1:.1f} with all scenarios,"
            f" {100 * found.pruned.f1:.1f} pruned"
            f" (difference {100 * f1.value:+.1f}, {100 * f1.low:+.1f} to {100 * f1.high:+.1f})"
        )
    counts = f"{len(result.rounds)} rounds, {len(result.removed)} removed, {result.problems} problems"
    print(f"{result.status}: {counts}, {result.total.calls:,} calls")
    for note in result.notes:
        print(f"note: {note}")
    if result.reason:
        print(f"{result.reason}; the same command goes on from here", file=sys.stderr)
    if result.confirmation is not None:
        print(f"schema: {out / 'pruned.toml'}")
    print(f"report: {out / 'report.html'}")
