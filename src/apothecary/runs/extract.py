"""One run: documents through a task into a folder, resumable, with a report at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from apothecary import markup
from apothecary.documents import Document
from apothecary.errors import BudgetExhausted, DataError
from apothecary.formats.records import to_record
from apothecary.messages import Engine
from apothecary.runs.driver import Item, drive
from apothecary.runs.folder import RunFolder, read_lines
from apothecary.runs.keeping import Progress, keep_results
from apothecary.runs.ledger import Ledger
from apothecary.runs.manifest import finished
from apothecary.runs.report import ReportInput, write_report
from apothecary.tasks.flow import Job, ScoreOptions, Task

__all__ = ["Run", "Summary", "run"]

REPORT_DOCUMENTS = 200
SCORED = 20_000
"""Documents up to which a run scores itself: scoring holds all predictions. `score` has no such limit."""


@dataclass(frozen=True)
class Run:
    """What to run. `items` begins a new pass over the inputs each time it is called."""

    task: Task
    job: Job
    engine: Engine
    items: Callable[[], Iterator[Item]]
    folder: Path
    manifest: Mapping[str, object]
    limit: int | None = None
    fresh: bool = False
    in_flight: int | None = None


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    `status` is ``complete``, ``incomplete`` (some items failed), ``stopped by budget`` or
    ``interrupted``; `problems` counts the rows of ``errors.jsonl``; `mismatched` the mentions of the
    inputs whose text differs from its slice; `scores` compare with the annotation of the inputs,
    where they have one; `notes` are what is to be known of the engines and of what was found.
    """

    folder: Path
    status: str
    documents: int
    failed: int
    problems: int
    mismatched: int
    ledger: Ledger
    reason: str = ""
    scores: Mapping[str, object] | None = None
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        spent = self.ledger.total
        counts = {
            "documents": self.documents,
            "failed": self.failed,
            "problems": self.problems,
            "calls": spent.calls,
            "cached replies": spent.cache_hits,
            "tokens": spent.prompt_tokens + spent.completion_tokens,
        }
        return markup.fragment(
            markup.line(f"{self.status}: {self.reason}" if self.reason else self.status),
            markup.table(list(counts), [[f"{count:,}" for count in counts.values()]]),
            *map(markup.line, self.notes),
            markup.link(self.folder / "report.html", f"report: {self.folder / 'report.html'}"),
        )

    def _repr_pretty_(self, printer: markup.Printer, cycle: bool) -> None:
        counts = f"{self.documents} documents, {self.failed} failed, {self.problems} problems"
        printer.text(f"{self.status}: {counts}\nreport: {self.folder / 'report.html'}")


@dataclass
class _Seen:
    """What passes by on the way to the driver and is needed afterwards."""

    mismatched: int = 0
    annotated: bool = False
    gold: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def note(self, document: Document, task: Task) -> None:
        """Take from a document what the summary and the report will show."""
        self.mismatched += sum(mention.alignment == "mismatch" for mention in document.mentions)
        if task.is_gold(document):
            self.annotated = True
            if len(self.gold) < REPORT_DOCUMENTS:
                self.gold[document.id] = to_record(document)


def run(plan: Run, on_progress: Callable[[Progress], None] = lambda progress: None) -> Summary:
    """Run what is missing and write the report. Interruption and a spent budget are ends, not errors.

    Raises RunError and EngineError, with the finished part kept.
    """
    folder = RunFolder(plan.folder)
    seen = _Seen()
    with folder.opened(plan.manifest, fresh=plan.fresh):
        before = len(folder.done)
        status, reason = "failed", ""
        try:
            _process(plan, folder, seen, on_progress)
            status = "incomplete" if folder.failed or folder.error_rows else "complete"
        except KeyboardInterrupt:
            status, reason = "interrupted", "interrupted"
        except BudgetExhausted as error:
            status, reason = "stopped by budget", str(error)
        finally:
            folder.write_ledger()
            counts = {
                "documents": len(folder.done),
                "failed": len(folder.failed),
                "problems": folder.error_rows,
            }
            manifest = finished(plan.manifest, status, counts)
            folder.write_json("manifest.json", manifest)
        ended = status in ("complete", "incomplete")
        scores = _scores(plan, folder) if ended and seen.annotated and len(folder.done) <= SCORED else None
        _report(plan, folder, manifest, seen, scores)
    on_progress(Progress(len(folder.done) - before, before, len(folder.failed), folder.ledger))
    return Summary(
        plan.folder,
        status,
        len(folder.done),
        len(folder.failed),
        folder.error_rows,
        seen.mismatched,
        folder.ledger,
        reason,
        scores,
        _notes(plan),
    )


def _notes(plan: Run) -> tuple[str, ...]:
    notes, remarks = plan.manifest.get("notes"), plan.task.remarks
    of_engines = map(str, notes) if isinstance(notes, list) else ()
    return (*of_engines, *(remarks(read_lines(plan.folder / "predictions.jsonl")) if remarks else ()))


def _process(plan: Run, folder: RunFolder, seen: _Seen, on_progress: Callable[[Progress], None]) -> None:
    flow, items = plan.job.flows["extract"], _missing(plan, folder, seen)
    keep_results(drive(items, flow, plan.engine, in_flight=plan.in_flight), folder, on_progress)
    if not folder.done and not folder.failed:
        raise DataError("the inputs hold no document", hint="see the README for the formats that are read")


def _missing(plan: Run, folder: RunFolder, seen: _Seen) -> Iterator[Item]:
    for item in islice(plan.items(), plan.limit):
        if isinstance(item, Document):
            seen.note(item, plan.task)
            if item.id in folder.done:
                continue
        yield item


def _scores(plan: Run, folder: RunFolder) -> Mapping[str, object] | None:
    """The task's own score against the annotation of the inputs, over the documents of this run."""
    predicted = {str(row["id"]): row for row in read_lines(folder.path / "predictions.jsonl")}
    pairs = (
        (item, predicted.get(item.id))
        for item in islice(plan.items(), plan.limit)
        if isinstance(item, Document)
    )
    return plan.task.score(pairs, ScoreOptions())


def _report(
    plan: Run,
    folder: RunFolder,
    manifest: Mapping[str, object],
    seen: _Seen,
    scores: Mapping[str, object] | None,
) -> None:
    write_report(
        folder.path / "report.html",
        ReportInput(
            title=f"{plan.task.name}: {folder.path.name}",
            manifest=manifest,
            ledger=folder.ledger.to_record(documents=len(folder.done)),
            predictions=read_lines(folder.path / "predictions.jsonl"),
            errors=read_lines(folder.path / "errors.jsonl"),
            gold=seen.gold,
            scores=scores,
        ),
        max_documents=REPORT_DOCUMENTS,
    )
