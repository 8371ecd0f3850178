"""From what a user asks about traces to a run, or to what it would take."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from apothecary.corpora.held_out import HeldOut
from apothecary.engines.open import engine_spec
from apothecary.engines.routing import Routed, parse_routes
from apothecary.errors import UsageError
from apothecary.formats.inputs import describe_inputs, read_inputs
from apothecary.runs.development import held_out_list
from apothecary.runs.driver import Item
from apothecary.runs.keeping import Progress
from apothecary.runs.ledger import Ledger
from apothecary.runs.manifest import make_manifest
from apothecary.runs.opening import ExtractOptions, open_engines, run_folder
from apothecary.runs.rehearsal import estimate
from apothecary.runs.traces import Part, TraceRun, TraceSummary, run, selected
from apothecary.tasks import tracing
from apothecary.tasks.tracing import Traces

__all__ = ["Fallback", "TraceEstimate", "TraceOptions", "foresee_traces", "write_traces"]

Fallback = Literal["drop", "rules"]
RULES = "rules"
_REVISE = re.compile(r"(?:^|,)(?:traces\.)?revise=")


@dataclass(frozen=True)
class TraceOptions:
    """Which rows get a trace, what passes, and what the training data ask for.

    `part` is that of the corpus' fixed split; `held_out` lists ids that are left out (None: the file in
    ``APOTHECARY_HELD_OUT``). A row is tried `rounds` times, and passes when each judged score is at least
    `threshold`; from the second time on the writer samples with `temperature`. `fallback` ``rules`` gives
    rows that fail a trace by rules. `chats` are settings of the chats, by the names of extraction.
    """

    part: Part = "train"
    held_out: str | Path | None = None
    rounds: int = 3
    threshold: int = 4
    temperature: float = 0.7
    fallback: Fallback = "drop"
    chats: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TraceEstimate:
    """What a run would ask for, about; tokens as in `Estimate`.

    Of the `rows` that were read `examples` get a trace; the others cannot be read (`unreadable`), are held
    out or lie in another part. `least` is spent when every example passes at once, `most` when none does.
    """

    rows: int
    examples: int
    unreadable: int
    least: Ledger
    most: Ledger


@dataclass(frozen=True)
class _Wish:
    """What was asked for, checked as far as that goes without engines."""

    traces: Traces
    engine: str
    settings: Mapping[str, object]
    asked: tuple[str, ...]
    held_out: Path | None


def write_traces(
    inputs: Sequence[Path],
    task: str,
    engine: str | None,
    out: str | Path | None,
    options: TraceOptions,
    running: ExtractOptions,
    on_progress: Callable[[Progress], None],
) -> TraceSummary:
    """Write traces into a run folder; see `runs.traces`. Raises ApothecaryError."""
    wish = _checked(task, engine, options, running)
    rows = wish.traces.rows(options.chats, options.fallback == RULES)
    described = describe_inputs(inputs)
    lists = [digest for _, digest in describe_inputs([wish.held_out])] if wish.held_out else []
    opened = open_engines(wish.traces.steps, wish.engine, running, wish.asked) if wish.asked else Routed({})
    with closing(opened):
        engines = {step: each.info for step, each in opened.engines.items()}
        job = wish.traces.prepare(wish.settings, engines)
        opened.check(job.steps)
        job = replace(job, settings={**job.settings, "part": options.part, "held_out": lists})
        manifest = make_manifest("traces", job, engines, described, limit=running.limit)
        plan = TraceRun(
            job=job,
            engine=opened,
            items=read_inputs(inputs, encoding=running.encoding),
            folder=run_folder(out, "traces", str(manifest["fingerprint"]), fresh=running.fresh),
            manifest=manifest,
            rows=rows,
            part=options.part,
            held_out=wish.held_out,
            limit=running.limit,
            fresh=running.fresh,
        )
        return run(plan, on_progress)


def foresee_traces(
    inputs: Sequence[Path], task: str, engine: str | None, options: TraceOptions, running: ExtractOptions
) -> TraceEstimate:
    """What `write_traces` would ask for, without an engine. Nothing is written. Raises ApothecaryError."""
    wish = _checked(task, engine, options, running)
    wish.traces.rows(options.chats, options.fallback == RULES)
    if wish.asked:
        parse_routes(wish.engine, wish.traces.steps, wish.asked)
    listed = HeldOut.read(wish.held_out) if wish.held_out else HeldOut.none()
    left_out = Counter[str]()

    def chosen(counts: Counter[str]) -> Iterator[Item]:
        items = read_inputs(inputs, encoding=running.encoding)
        return islice(selected(items, options.part, listed, counts), running.limit)

    most = estimate(chosen(left_out), wish.traces.prepare(wish.settings, {}), tracing.REHEARSAL)
    once = wish.traces.prepare({**wish.settings, "rounds": 1}, {})
    least = most if options.rounds == 1 else estimate(chosen(Counter()), once, tracing.REHEARSAL)
    rows = most.documents + most.unreadable + left_out.total()
    return TraceEstimate(rows, most.documents, most.unreadable, least.ledger, most.ledger)


def _checked(task: str, engine: str | None, options: TraceOptions, running: ExtractOptions) -> _Wish:
    found, spec = tracing.load(task), engine_spec(engine)
    if options.part not in ("train", "dev", "all"):
        raise UsageError(f"there is no part '{options.part}'", where="--part", hint="train, dev or all")
    if options.fallback not in ("drop", RULES):
        raise UsageError(
            f"there is no fallback '{options.fallback}'", where="--fallback", hint="drop or rules"
        )
    settings = {
        "rules": spec == RULES,
        "revise": _REVISE.search(spec) is not None,
        "rounds": options.rounds,
        "threshold": options.threshold,
        "temperature": options.temperature,
        "seed": running.seed,
    }
    asked = found.prepare(settings, {}).steps
    return _Wish(
        found, spec, settings, asked, held_out_list(Path(options.held_out) if options.held_out else None)
    )
