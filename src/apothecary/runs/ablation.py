"""The pruning of a schema on annotated documents: runs the variants that the loop asks for.

Each variant is an extraction over the selection part, its counts kept document by document. Replies come
from the engine's cache where the prompt is the same, so a variant asks again only what its template asks.
At the end the full and the pruned schema are compared on the confirmation part, which had no say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from apothecary.documents import Document
from apothecary.errors import BudgetExhausted, UsageError
from apothecary.messages import Engine, EngineInfo
from apothecary.metrics.bootstrap import CountIntervals, bootstrap_counts
from apothecary.metrics.counts import Counts, total
from apothecary.runs.ablation_file import AblationFolder, Part, Row
from apothecary.runs.ablation_report import ablation_page
from apothecary.runs.ablation_result import AblationResult, Confirmation
from apothecary.runs.development import split
from apothecary.runs.driver import Result, drive
from apothecary.runs.ledger import Spent
from apothecary.runs.rehearsal import estimate
from apothecary.tasks.ablation import (
    Ablatable,
    Measured,
    PruneOptions,
    Round,
    Variant,
    difference,
    most_variants,
    prune,
)
from apothecary.tasks.flow import Job, Task
from apothecary.tasks.schema import Schema, load_schema

__all__ = ["Ablation", "AblationOptions", "AblationProgress", "Foreseen", "check_engines", "foresee", "run"]

DEFAULT_SCHEMA = "cdr"
FEW = 20
"""Documents below which a part says little."""


@dataclass(frozen=True)
class AblationOptions:
    """How an ablation is made.

    `confirm` is the share of documents that is kept for confirmation, `seed` that of the split;
    an empty `evaluator` is the task's first; `held_out` is a list of ids that may not be among the documents
    (None: that of ``APOTHECARY_HELD_OUT``, if any).
    """

    prune: PruneOptions = field(default_factory=PruneOptions)
    confirm: float = 0.5
    seed: int = 0
    evaluator: str = ""
    held_out: Path | None = None


@dataclass(frozen=True)
class Ablation:
    """What to ablate: the task and its settings, the engine of each step and the `engine` that joins them.

    `identity` holds everything that a measurement depends on: task, settings, prompts, engines, inputs.
    """

    task: Task
    ablatable: Ablatable
    settings: Mapping[str, object]
    engines: Mapping[str, EngineInfo]
    engine: Engine
    documents: Sequence[Document]
    folder: Path
    identity: Mapping[str, object]
    options: AblationOptions = field(default_factory=AblationOptions)


@dataclass(frozen=True)
class AblationProgress:
    """Where an ablation stands: the variant at work, of how many that are due, and its documents."""

    part: Part
    variant: Variant
    number: int
    due: int
    finished: int
    documents: int
    spent: Spent


@dataclass(frozen=True)
class Foreseen:
    """What an ablation would take at most: runs over a part, and calls about."""

    documents: int
    confirming: int
    runs: int
    calls: int


@dataclass
class _Work:
    """What is fixed at the start, and what is gathered on the way."""

    plan: Ablation
    schema: Schema
    folder: AblationFolder
    held: Mapping[str, object]
    parts: Mapping[Part, Sequence[Document]]
    evaluator: str
    on_progress: Callable[[AblationProgress], None]
    rounds: tuple[Round, ...] = ()
    spent: list[Spent] = field(default_factory=list)
    problems: int = 0


def check_engines(ablatable: Ablatable, steps: Sequence[str], engines: Mapping[str, EngineInfo]) -> None:
    """Raise UsageError unless some step reads scenarios and its engine reads prompts."""
    asked = [step for step in steps if step in ablatable.steps]
    if not asked:
        raise UsageError("with these settings no question holds a scenario", hint="leave them at two stages")
    for step in asked:
        # An engine that names its steps answers from their structure: no word of a scenario reaches it.
        if engines[step].steps is not None:
            raise UsageError(
                f"{engines[step].name} reads no prompt at {step}: no scenario makes a difference to it",
                where="--engine",
                hint="choose a language model, such as llamacpp:NAME or http://host:port/v1#model",
            )


def foresee(
    task: Task,
    ablatable: Ablatable,
    settings: Mapping[str, object],
    documents: Sequence[Document],
    options: AblationOptions,
) -> Foreseen:
    """What `run` would take at most, without an engine. Raises UsageError as `run`."""
    chosen, confirming = split(documents, options.confirm, seed=options.seed)
    runs, job = most_variants(_schema(settings), options.prune), task.prepare(settings, {})
    calls = 0
    for part, times in ((chosen, runs), (confirming, 2)):
        # Other steps ask the same in every variant: the reply cache answers all but the first.
        calls += sum(
            spent.calls * (times if step in ablatable.steps else 1)
            for step, spent in estimate(part, job).ledger.steps.items()
        )
    return Foreseen(len(chosen), len(confirming), runs + 2, calls)


def run(
    plan: Ablation, on_progress: Callable[[AblationProgress], None] = lambda progress: None
) -> AblationResult:
    """Measure what is missing, prune, confirm, and write the files of the folder.

    Interruption and a spent budget are ends, not errors: the same plan goes on from there. Raises
    UsageError, RunError and EngineError, with everything measured kept.
    """
    options, schema = plan.options, _schema(plan.settings)
    most_variants(schema, options.prune)  # A wrong template is told before anything is asked.
    parts, evaluator = _parts(plan), _evaluator(plan)
    job = plan.task.prepare(plan.settings, plan.engines)
    check_engines(plan.ablatable, job.steps, plan.engines)
    identity = {**plan.identity, "evaluator": evaluator, "seed": options.seed, "confirm": options.confirm}
    folder = AblationFolder(plan.folder)
    with folder.opened(identity):
        work = _Work(plan, schema, folder, _hold(plan, job, folder), parts, evaluator, on_progress)
        confirmation, status, reason = None, "complete", ""
        try:
            rounds = _prune(work)
            confirmation = _confirm(work, rounds[-1].after if rounds else ())
        except KeyboardInterrupt:
            status, reason = "interrupted", "interrupted"
        except BudgetExhausted as error:
            status, reason = "stopped by budget", str(error)
        if work.problems and not reason:
            status = "incomplete"
        result = _result(work, confirmation, identity, status, reason)
        _write(folder, result)
    return result


def _schema(settings: Mapping[str, object]) -> Schema:
    if settings.get("without"):
        raise UsageError(
            "setting without: it is what an ablation varies", hint="write a schema without those scenarios"
        )
    return load_schema(str(settings.get("schema") or DEFAULT_SCHEMA))[0]


def _parts(plan: Ablation) -> Mapping[Part, Sequence[Document]]:
    chosen, confirming = split(plan.documents, plan.options.confirm, seed=plan.options.seed)
    if not any(document.relations for document in chosen):
        raise UsageError("the documents have no annotated relations", hint="give annotated documents")
    return {"selection": chosen, "confirmation": confirming}


def _evaluator(plan: Ablation) -> str:
    known = plan.ablatable.evaluators
    if plan.options.evaluator and plan.options.evaluator not in known:
        message = f"there is no evaluator '{plan.options.evaluator}'"
        raise UsageError(message, hint=f"evaluators: {', '.join(known)}")
    return plan.options.evaluator or known[0]


def _hold(plan: Ablation, job: Job, folder: AblationFolder) -> dict[str, object]:
    """Settings that go by the wording, fixed to what they are for the full schema, unless the user did so."""
    fixed: dict[str, object] = {}
    for name, text in plan.ablatable.held(job.settings).items():
        if not plan.settings.get(name):
            folder.write(f"{name}.json", text)
            fixed[name] = str(plan.folder / f"{name}.json")
    return fixed


def _prune(work: _Work) -> tuple[Round, ...]:
    loop = prune(work.schema, work.plan.options.prune)
    try:
        asked = next(loop)
        while True:
            work.rounds = asked.finished
            measured = [
                _measure(work, "selection", variant, (number, len(asked.variants)))
                for number, variant in enumerate(asked.variants, start=1)
            ]
            spent = (work.folder.spent("selection", variant) for variant in asked.variants)
            work.spent.append(sum(spent, Spent()))
            asked = loop.send(measured)
    except StopIteration as stopped:
        finished: tuple[Round, ...] = stopped.value
        work.rounds = finished
        # A last round that could spare nothing more asked nothing.
        work.spent += [Spent()] * (len(finished) - len(work.spent))
        return finished


def _measure(work: _Work, part: Part, variant: Variant, place: tuple[int, int]) -> Measured:
    documents, earlier = work.parts[part], work.folder.finished(part, variant)
    missing = [document for document in documents if document.id not in earlier]
    by_id = {document.id: document for document in missing}

    def told(finished: int) -> None:
        spent = work.folder.spent(part, variant)
        work.on_progress(AblationProgress(part, variant, *place, finished, len(documents), spent))

    told(len(documents) - len(missing))
    if missing:
        settings = {**work.plan.settings, **work.held, "without": ",".join(variant)}
        job = work.plan.task.prepare(settings, work.plan.engines)
        results = drive(missing, job.flows["extract"], work.plan.engine)
        with closing(results):
            for finished, result in enumerate(results, start=len(documents) - len(missing) + 1):
                work.folder.add(_row(work, part, variant, by_id[result.id], result))
                told(finished)
    rows = [work.folder.finished(part, variant)[document.id] for document in documents]
    work.problems += sum(row.problems for row in rows)
    return Measured(tuple(Counts(*row.counts) for row in rows), tuple(row.answers for row in rows))


def _row(work: _Work, part: Part, variant: Variant, document: Document, result: Result) -> Row:
    # A failed document predicts nothing, as in a score: leaving it out would flatter the variant.
    counts = work.plan.ablatable.count(document, result.record, work.evaluator)
    return Row(
        part=part,
        without=variant,
        id=document.id,
        counts=(counts.tp, counts.fp, counts.fn),
        answers=work.plan.ablatable.answers(result.record),
        problems=len(result.problems),
        spent=sum(result.spent.values(), Spent()),
    )


def _confirm(work: _Work, gone: Variant) -> Confirmation:
    options = work.plan.options.prune
    variants = [(), gone] if gone else [()]
    measured = [
        _measure(work, "confirmation", variant, (number, len(variants)))
        for number, variant in enumerate(variants, start=1)
    ]
    full, pruned = measured[0], measured[-1]
    columns = {"full": full.counts, "pruned": pruned.counts}
    intervals: Mapping[str, CountIntervals] = bootstrap_counts(
        columns, resamples=options.resamples, seed=options.seed
    )
    return Confirmation(
        full=total(full.counts),
        pruned=total(pruned.counts),
        full_intervals=intervals["full"],
        pruned_intervals=intervals["pruned"],
        delta=difference(full, pruned, options),
        spent=sum((work.folder.spent("confirmation", variant) for variant in variants), Spent()),
    )


def _result(
    work: _Work, confirmation: Confirmation | None, identity: Mapping[str, object], status: str, reason: str
) -> AblationResult:
    sizes = {part: len(documents) for part, documents in work.parts.items()}
    few = [f"the {part} part has only {size} documents" for part, size in sizes.items() if size < FEW]
    return AblationResult(
        status=status,
        schema=work.schema,
        evaluator=work.evaluator,
        options=work.plan.options.prune,
        documents=sizes["selection"],
        confirming=sizes["confirmation"],
        rounds=work.rounds,
        # The round in which a budget ended is not over: what it took is in the total only.
        spent=tuple(work.spent[: len(work.rounds)]),
        total=work.folder.total,
        identity=identity,
        confirmation=confirmation,
        problems=work.problems,
        notes=(*_notes(work.plan.engines), *few),
        reason=reason,
    )


def _notes(engines: Mapping[str, EngineInfo]) -> list[str]:
    return sorted({f"{info.name}: {note}" for info in engines.values() for note in info.notes})


def _write(folder: AblationFolder, result: AblationResult) -> None:
    folder.write("ablation.json", json.dumps(result.to_record(), indent=2, ensure_ascii=False) + "\n")
    if result.confirmation is None:
        folder.remove("pruned.toml")
    else:
        folder.write("pruned.toml", result.schema.without(result.after).to_toml())
    folder.write("report.html", ablation_page(result, title=f"Scenarios of {result.schema.name}"))
