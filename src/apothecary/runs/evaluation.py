"""An evaluation: a suite of questions, answered by an engine, a file or a baseline, into a run folder.

    items.jsonl        what is asked, without the answers, so that it can be answered elsewhere
    predictions.jsonl  a row for each reply; errors.jsonl: what could not be asked, or read
    evaluation.json    all figures; evaluation.md and report.html tell them

The same command goes on where it was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.engines.routing import Routed
from apothecary.errors import AnswerError, BudgetExhausted, DataError, FormatError, UsageError
from apothecary.formats import jsonl
from apothecary.formats.inputs import describe_inputs
from apothecary.formats.lines import printable
from apothecary.messages import EngineInfo, Failure, Flow, Reply, Request, TaggedSpans, TagSpans
from apothecary.runs.development import held_out_list
from apothecary.runs.driver import Item as Driven
from apothecary.runs.driver import Result, drive
from apothecary.runs.durable import replace_text
from apothecary.runs.evaluation_baselines import BASELINES, baseline_answer
from apothecary.runs.evaluation_items import Item, Loaded, digest_of, load_parts, request_of
from apothecary.runs.evaluation_page import evaluation_page, evaluation_text
from apothecary.runs.evaluation_result import Compared, figures_of
from apothecary.runs.evaluation_suite import Suite, default_suites, read_suite
from apothecary.runs.folder import RunFolder, read_lines
from apothecary.runs.keeping import Progress, keep_results
from apothecary.runs.ledger import Ledger
from apothecary.runs.manifest import finished, make_manifest
from apothecary.runs.opening import ExtractOptions, open_engines, run_folder
from apothecary.tasks.flow import RAW_LIMIT, Extraction, Job, Problem
from apothecary.tasks.instruct_answers import Names, grouped_names
from apothecary.tasks.instruct_records import parse_reply
from apothecary.tasks.instruct_refusals import is_refusal
from apothecary.tasks.instruct_task import load_instruct

__all__ = ["Evaluation", "Provider", "SuiteOptions", "evaluate", "load_suite"]

TASK = "evaluation"


@dataclass(frozen=True)
class Provider:
    """Who answers: an engine as a user writes it, a file of ``{"id", "reply"}`` rows, or a baseline."""

    kind: Literal["engine", "predictions", "baseline"]
    value: str


@dataclass(frozen=True)
class SuiteOptions:
    """What of a suite a command says otherwise, where its examples lie, and what is held out.

    `held_out` lists ids (None: the file in ``APOTHECARY_HELD_OUT``); `against` is the folder of another
    evaluation.
    """

    data: Path | None = None
    items: int | None = None
    shots: int | None = None
    seed: int | None = None
    held_out: Path | None = None
    against: Path | None = None


@dataclass(frozen=True)
class Evaluation:
    """How an evaluation ended.

    `status` is as of an extraction, but a reply that cannot be read is a result and no failure; `failed` are
    questions without a reply. `not_served` are sets that the engine has no step for, with the reason.
    """

    folder: Path
    status: str
    failed: int
    figures: Mapping[str, object]
    ledger: Ledger
    not_served: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class _Asked:
    """The suite with its questions, ready to be answered."""

    suite: Suite
    parts: tuple[Loaded, ...]
    notes: tuple[str, ...]
    told: Mapping[str, str] = field(default_factory=dict)
    """Replies that were made elsewhere, by id."""

    def items(self) -> Iterator[tuple[Item, Loaded]]:
        """All questions in the order of the suite."""
        return ((item, part) for part in self.parts for item in part.items)


def load_suite(suite: str, options: SuiteOptions) -> tuple[Suite, tuple[Loaded, ...], tuple[str, ...]]:
    """The suite, its parts ready, and what is to be known of them. Raises UsageError, FormatError."""
    found = read_suite(suite, data=options.data)
    found, absent = _there(found) if suite in default_suites() else (found, [])
    if options.items is not None:
        parts = tuple(replace(part, items=options.items) for part in found.set)
        found = replace(found, items=options.items, set=parts)
    if options.shots is not None:
        parts = tuple(replace(part, shots=options.shots) for part in found.set)
        found = replace(found, shots=options.shots, set=parts)
    if options.seed is not None:
        found = replace(found, seed=options.seed)
    path = held_out_list(options.held_out)
    held_out = HeldOut.read(path) if path else HeldOut.none()
    loaded = load_parts(found.set, found, held_out)
    notes = absent if path else [*absent, "nothing is held out: there is no list (--held-out FILE)"]
    notes += [
        f"{part.part.name}: baselines know the evaluated items, there are no others"
        for part in loaded
        if part.own
    ]
    return found, loaded, tuple(notes)


def _there(suite: Suite) -> tuple[Suite, list[str]]:
    """A suite that comes with the package without the sets that its user has not built."""
    kept = tuple(part for part in suite.set if Path(part.file).is_file())
    if not kept:
        hint = "apothecary instruct build NAME... --data FOLDER --out DIR"
        raise UsageError("holds no file of the suite", where=str(Path(suite.set[0].file).parent), hint=hint)
    left = [f"{part.name}: there is no {Path(part.file).name}" for part in suite.set if part not in kept]
    return replace(suite, set=kept), left


def evaluate(
    suite: str,
    provider: Provider,
    out: Path | None,
    options: SuiteOptions,
    running: ExtractOptions,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Evaluation:
    """Evaluate and write the run folder. Raises ApothecaryError."""
    if provider.kind == "baseline" and provider.value not in BASELINES:
        hint = f"baselines: {', '.join(BASELINES)}"
        raise UsageError(f"there is no baseline '{provider.value}'", hint=hint)
    against = _read_against(options.against) if options.against else None
    asked = _Asked(*load_suite(suite, options))
    if provider.kind == "predictions":
        ids = {item.id for item, _ in asked.items()}
        asked = replace(asked, told=_read_predictions(Path(provider.value), ids, running.encoding))
    if provider.kind != "engine":
        parts = asked.parts
        if provider.kind == "baseline":
            parts = tuple(p for p in parts if provider.value in p.baselines)
            if not parts:
                raise UsageError(f"the baseline {provider.value} answers no set of this suite")
        left = {
            p.part.name: "the baseline has no answers of this kind" for p in asked.parts if p not in parts
        }
        asked = replace(asked, parts=parts)
        return _run(asked, Routed({}), provider, out, running, (against, left, on_progress))
    steps = sorted({item.step for item, _ in asked.items()})
    with closing(open_engines(steps, provider.value, running)) as engine:
        refused = {part.part.name: told for part in asked.parts if (told := _not_served(part, engine))}
        served = tuple(part for part in asked.parts if part.part.name not in refused)
        if not served:
            engine.check(steps)
            raise UsageError(next(iter(refused.values())), where=engine.info.name)
        asked = replace(asked, parts=served)
        return _run(asked, engine, provider, out, running, (against, refused, on_progress))


_Rest = tuple[Compared | None, Mapping[str, str], Callable[[Progress], None]]


def _run(
    asked: _Asked,
    engine: Routed,
    provider: Provider,
    out: Path | None,
    running: ExtractOptions,
    rest: _Rest,
) -> Evaluation:
    against, not_served, on_progress = rest
    manifest = _manifest(asked, engine, provider)
    path = run_folder(out, TASK, str(manifest["fingerprint"]), fresh=running.fresh)
    folder = RunFolder(path)
    status, reason = "failed", ""
    with folder.opened(manifest, fresh=running.fresh):
        _write_items(asked, path)
        try:
            keep_results(_results(asked, engine, provider, folder), folder, on_progress)
            answered = folder.done.issuperset(item.id for item, _ in asked.items())
            status = "complete" if answered else "incomplete"
        except KeyboardInterrupt:
            status, reason = "interrupted", "interrupted"
        except BudgetExhausted as error:
            status, reason = "stopped by budget", str(error)
        finally:
            folder.write_ledger()
            counts = {"documents": len(folder.done), "failed": len(folder.failed)}
            manifest = finished(manifest, status, counts)
            folder.write_json("manifest.json", manifest)
        replies = {str(row["id"]): row for row in read_lines(path / "predictions.jsonl")}
        figures: dict[str, object] = {
            "provider": {"kind": provider.kind, "value": provider.value},
            "status": status,
            **figures_of(asked.parts, replies, asked.suite, against),
            "not_served": dict(not_served),
            "notes": list(asked.notes),
        }
        folder.write_json("evaluation.json", figures)
        replace_text(path / "evaluation.md", [evaluation_text(figures)])
        replace_text(path / "report.html", [evaluation_page(path.name, figures)])
    return Evaluation(
        path, status, len(folder.failed), figures, folder.ledger, not_served, asked.notes, reason
    )


def _manifest(asked: _Asked, engine: Routed, provider: Provider) -> dict[str, object]:
    files = sorted({file for part in asked.suite.set for file in (part.file, part.train_file)})
    described = describe_inputs([Path(file) for file in files])
    requests = {item.id: request_of(item, part, asked.suite) for item, part in asked.items()}
    settings: dict[str, object] = {"questions": digest_of([i for i, _ in asked.items()], requests)}
    # Where the files lie is no part of what an evaluation is.
    settings["suite"] = {
        **asdict(asked.suite),
        "set": [
            {**asdict(p), "file": Path(p.file).name, "train_file": Path(p.train_file).name}
            for p in asked.suite.set
        ],
    }
    if provider.kind == "predictions":
        settings["predictions"] = [digest for _, digest in describe_inputs([Path(provider.value)])]
    elif provider.kind == "baseline":
        settings["baseline"] = provider.value
    job = Job({}, tuple(engine.engines), settings, _wordings(asked), lambda request: Reply(""))
    infos: Mapping[str, EngineInfo] = {step: each.info for step, each in engine.engines.items()}
    return make_manifest(TASK, job, infos, described, limit=None)


def _wordings(asked: _Asked) -> dict[str, str]:
    """Templates by set, with their versions."""
    return {f"{part.part.name}": part.items[0].template for part in asked.parts}


def _write_items(asked: _Asked, path: Path) -> None:
    def lines() -> Iterator[str]:
        for item, _ in asked.items():
            messages = [{"role": each.role, "content": each.content} for each in item.messages]
            row = {"id": item.id, "set": item.part, "messages": messages}
            yield json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8") + "\n"

    replace_text(path / "items.jsonl", lines())


def _results(
    asked: _Asked, engine: Routed, provider: Provider, folder: RunFolder
) -> Generator[Result, None, None]:
    todo = [(item, part) for item, part in asked.items() if item.id not in folder.done]
    if provider.kind == "engine":
        known = {item.id: (item, request_of(item, part, asked.suite)) for item, part in todo}
        # The driver walks documents: a question is one whose text is what it asks.
        documents: list[Driven] = [Document(item.id, item.turns[-1].asked) for item, _ in todo]
        return drive(documents, lambda document: _flow(*known[document.id]), engine)
    if provider.kind == "predictions":
        return (_told(item, Reply(asked.told[item.id])) for item, _ in todo if item.id in asked.told)
    return (_baseline(item, part, provider.value, asked.suite) for item, part in todo)


def _baseline(item: Item, part: Loaded, name: str, suite: Suite) -> Result:
    answer = baseline_answer(name, part.known, item.gold, item.text, key=(suite.seed, item.id))
    if answer is None:
        return Result(
            item.id, None, (Problem(item.step, item.id, "DataError", "the baseline has no answer"),)
        )
    reply = load_instruct(item.gold.task).render(answer, item.gold, item.language)
    return _told(item, Reply(reply))


def _flow(item: Item, request: Request) -> Flow[Extraction]:
    """One question, one reply."""
    (outcome,) = yield [request]
    if isinstance(outcome, Failure):
        return Extraction(None, (Problem(item.step, item.id, outcome.kind, outcome.message),))
    result = _told(item, outcome)
    return Extraction(result.record, result.problems)


def _told(item: Item, reply: Reply) -> Result:
    """The row of a reply; one that cannot be read is a row of errors, too."""
    text = reply.text
    record: dict[str, object] = {"id": item.id, "set": item.part, "finish": reply.finish}
    if isinstance(reply.value, TaggedSpans):
        spans = [(span.start, span.end, span.label) for span in reply.value.spans]
        record["spans"] = [list(span) for span in spans]
        pairs = ((label, item.text[start:end]) for start, end, label in spans)
        names: Names = grouped_names(pairs, item.gold.options)
        text = load_instruct(item.gold.task).render(names, item.gold, item.language)
    if reply.logprobs:
        record["logprobs"] = dict(reply.logprobs)
        text = max(reply.logprobs, key=reply.logprobs.__getitem__)
    record["reply"] = text
    try:
        parsed = parse_reply(item.gold, text)
        record["read"] = True
        record["repairs"] = list(parsed.repairs)
    except AnswerError as error:
        record["read"] = False
        kind = "TruncatedReply" if reply.finish == "length" else "AnswerError"
        kind = "RefusedReply" if is_refusal(text) else kind
        return Result(item.id, record, (Problem(item.step, item.id, kind, str(error), text[:RAW_LIMIT]),))
    return Result(item.id, record)


def _not_served(part: Loaded, engine: Routed) -> str:
    """Why an engine that knows some steps only cannot answer a set; "" where it can."""
    item = part.items[0]
    own = engine.engines[item.step]
    if own.info.steps is None:
        return ""
    if item.step not in own.info.steps:
        return f"{own.info.name} does not serve the step {item.step}"
    # Which labels it knows only the question tells.
    trial = Request((), item.step, TagSpans("-", item.gold.options))
    (outcome,) = own.answer([trial])
    return outcome.message if isinstance(outcome, Failure) else ""


def _read_predictions(path: Path, known: set[str], encoding: str) -> dict[str, str]:
    """Replies by id. Raises FormatError for a bad line, an unknown id and one given twice."""
    found: dict[str, str] = {}
    for row in jsonl.read_rows(path, encoding=encoding):
        if isinstance(row, FormatError):
            raise row
        where, (identity, reply) = f"{printable(path)}:{row[0]}", (row[1].get("id"), row[1].get("reply"))
        if not isinstance(identity, str) or not isinstance(reply, str):
            raise FormatError('is not {"id": "...", "reply": "..."}', where=where)
        if identity not in known:
            hint = "items.jsonl of a run over this suite has the ids"
            raise FormatError(f"{identity!r} is no item of the suite", where=where, hint=hint)
        if identity in found:
            raise FormatError(f"{identity!r} was already answered", where=where)
        found[identity] = reply
    if not found:
        raise FormatError("holds no reply", where=printable(path))
    return found


def _read_against(path: Path) -> Compared:
    rows = {str(row["id"]): row for row in read_lines(path / "predictions.jsonl")}
    if not rows:
        raise DataError("holds no evaluation", where=printable(path), hint="--against RUN, its folder")
    return Compared(path.name, rows)
