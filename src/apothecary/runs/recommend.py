"""One run: visits through a policy into a folder, a list with reasons for each, resumable.

The folder is as that of any run; ``predictions.jsonl`` holds visit ids, never those of patients, and the
codes that speak for a drug: keep it as the records are kept. It is valid input of ``apothecary score``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from apothecary import ADVICE, markup
from apothecary.errors import ApothecaryError, BudgetExhausted, DataError, FormatError
from apothecary.formats import jsonl
from apothecary.runs.driver import Result
from apothecary.runs.durable import replace_text
from apothecary.runs.folder import RunFolder, read_json, read_lines
from apothecary.runs.manifest import finished
from apothecary.runs.policies import Opened, RecommendOptions
from apothecary.runs.recommend_page import list_of_visit, lists_page
from apothecary.runs.visit_files import read_cases
from apothecary.tasks.flow import Problem, ScoreOptions
from apothecary.tasks.recommending import Case
from apothecary.tasks.rows import load_rows

__all__ = ["RecommendSummary", "run_recommend"]

SHOWN = 100
"""Visits that the page shows."""
NOTED = 5
"""Visits that a notebook shows."""
SCORED = 20_000
"""Visits up to which a run scores itself; `apothecary score` has no such limit."""
SAY_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class RecommendSummary:
    """How a run ended.

    `remarks` count what is to be known of the visits of the whole run, `scores` are those of the task
    where lists are known.
    """

    folder: Path
    status: str
    visits: int
    failed: int
    mean_drugs: float
    mean_expected: float
    remarks: Mapping[str, int]
    warnings: tuple[str, ...]
    scores: Mapping[str, object] | None = None

    def _repr_html_(self) -> str:
        figures = _figures(self)
        page = self.folder / "report.html"
        return markup.fragment(
            markup.line(f"{self.status}. {ADVICE}"),
            markup.table(list(figures), [list(figures.values())]),
            *map(markup.line, (*self.warnings, *_counted(self.remarks))),
            *_noted(self.folder),
            markup.link(page, f"report: {page}"),
        )

    def _repr_pretty_(self, printer: markup.Printer, cycle: bool) -> None:
        counts = f"{self.visits} visits, {self.failed} failed, {self.mean_drugs:.1f} drugs in a list (mean)"
        printer.text(f"{self.status}: {counts}\n{ADVICE}\nreport: {self.folder / 'report.html'}")


@dataclass
class _Totals:
    """Sums over the visits of a run, also over those that an earlier part of it finished."""

    drugs: float = 0.0
    expected: float = 0.0
    remarks: Counter[str] | None = None

    @classmethod
    def taken_up(cls, folder: RunFolder) -> _Totals:
        """The sums over what a folder holds already."""
        found = cls(remarks=Counter())
        for row in read_lines(folder.path / "predictions.jsonl") if folder.done else ():
            found.add(row)
        return found

    def add(self, row: Mapping[str, object]) -> None:
        """Take in one row of predictions."""
        drugs, expected, remarks = row.get("drugs"), row.get("expected_jaccard"), row.get("remarks")
        self.drugs += len(drugs) if isinstance(drugs, list) else 0
        self.expected += expected if isinstance(expected, float) else 0.0
        if self.remarks is not None and isinstance(remarks, list):
            self.remarks.update(map(str, remarks))


def run_recommend(
    opened: Opened,
    path: Path,
    folder_path: Path,
    options: RecommendOptions,
    say: Callable[[str], None] = lambda line: None,
) -> RecommendSummary:
    """Recommend for every visit of a file that is not done yet, and write the page.

    An interruption is an end, not an error. Raises RunError and DataError, with the finished part kept.
    """
    folder = RunFolder(folder_path)
    with folder.opened(opened.manifest, fresh=options.fresh):
        totals = _Totals.taken_up(folder)
        status = "failed"
        try:
            _process(opened, path, folder, totals, say, options)
            status = "incomplete" if folder.failed or folder.error_rows else "complete"
        except KeyboardInterrupt:
            status = "interrupted"
        except BudgetExhausted:
            status = "stopped by budget"
        finally:
            folder.write_ledger()
            counts = {"visits": len(folder.done), "failed": len(folder.failed)}
            folder.write_json("manifest.json", finished(opened.manifest, status, counts))
        scores = _scores(path, folder, options) if _may_be_scored(opened, folder, status) else None
        done = max(1, len(folder.done))
        summary = RecommendSummary(
            folder=folder_path,
            status=status,
            visits=len(folder.done),
            failed=len(folder.failed),
            mean_drugs=totals.drugs / done,
            mean_expected=totals.expected / done,
            remarks=dict(sorted((totals.remarks or {}).items())),
            warnings=opened.warnings,
            scores=scores,
        )
        if scores is not None:
            folder.write_json("scores.json", scores)
        _write_page(folder, opened, summary)
    return summary


def _process(
    opened: Opened,
    path: Path,
    folder: RunFolder,
    totals: _Totals,
    say: Callable[[str], None],
    options: RecommendOptions,
) -> None:
    items = read_cases(path, together=opened.survey.together, encoding=options.encoding)
    expected = opened.survey.rows if options.limit is None else min(options.limit, opened.survey.rows)
    before, started = folder.ledger.wall_seconds, time.monotonic()
    said = started
    for part in _parts(islice(items, options.limit), opened.at_once):
        for error in (each for each in part if isinstance(each, DataError)):
            folder.write(Result(error.where, None, (_problem(error),)))
        missing = [each for each in part if isinstance(each, Case) and each.visit.id not in folder.done]
        for found in opened.lister.recommend(missing) if missing else ():
            record = {**found.record, "remarks": list(found.remarks)} if found.remarks else found.record
            totals.add(record)
            folder.write(Result(str(record["id"]), record, found.problems))
        folder.ledger.add(opened.spent())
        now = time.monotonic()
        folder.ledger.wall_seconds = before + now - started
        if now - said > SAY_EVERY_SECONDS:
            said = now
            say(f"{len(folder.done) + len(folder.failed):,} of {expected:,} visits")
    if not folder.done and not folder.failed:
        raise DataError("holds no visit", where=str(path), hint="apothecary visits import")


def _parts(items: Iterable[Case | DataError], size: int) -> Iterator[list[Case | DataError]]:
    steady = iter(items)
    while part := list(islice(steady, size)):
        yield part


def _problem(error: ApothecaryError) -> Problem:
    return Problem("read", error.where, type(error).__name__, str(error))


def _may_be_scored(opened: Opened, folder: RunFolder, status: str) -> bool:
    ended = status in ("complete", "incomplete")
    return ended and opened.survey.with_lists > 0 and 0 < len(folder.done) <= SCORED


def _scores(path: Path, folder: RunFolder, options: RecommendOptions) -> Mapping[str, object] | None:
    """The task's own score over the visits of this run; None where none of them has a list."""
    task = load_rows(options.task)
    if task is None:
        return None

    def gold() -> Iterator[tuple[str, Mapping[str, object]]]:
        left = set(folder.done)
        for item in jsonl.read_rows(path, encoding=options.encoding):
            visit = "" if isinstance(item, FormatError) else str(item[1].get("visit_id"))
            # Of a visit that occurs twice the first was taken.
            if not isinstance(item, FormatError) and visit in left:
                left.discard(visit)
                yield f"{path}:{item[0]}", item[1]

    if not any(row.get("gold") is not None for _, row in gold()):
        return None
    name = str(folder.path / "predictions.jsonl")
    predictions = ((name, row) for row in read_lines(folder.path / "predictions.jsonl"))
    files = tuple(str(each) for each in options.interactions)
    settings: dict[str, object] = {"interactions": files}
    if options.names is not None:
        settings["names"] = str(options.names)
    return task.score(gold(), predictions, ScoreOptions(settings=settings))


def _figures(summary: RecommendSummary) -> dict[str, str]:
    """What pages and notebooks say of a run."""
    return {
        "visits": f"{summary.visits:,}",
        "failed": f"{summary.failed:,}",
        "drugs a list": f"{summary.mean_drugs:.1f}",
        "expected Jaccard": f"{summary.mean_expected:.3f}",
        **_scored(summary.scores or {}),
    }


def _noted(folder: Path) -> Iterator[str]:
    """The first lists; none where the folder is gone or damaged since."""
    with suppress(DataError, OSError):
        yield from map(list_of_visit, islice(read_lines(folder / "predictions.jsonl"), NOTED))


def _counted(remarks: Mapping[str, int]) -> list[str]:
    return [f"{count:,} times: {name}" for name, count in remarks.items()]


def _scored(scores: Mapping[str, object]) -> dict[str, str]:
    """What a page says of the scores."""
    found = {}
    for name, said in (("jaccard", "Jaccard"), ("ddi_rate_macro", "interacting")):
        each = scores.get(name)
        if isinstance(each, Mapping):
            found[said] = f"{each['value']:.3f}"
    return found


def _write_page(folder: RunFolder, opened: Opened, summary: RecommendSummary) -> None:
    rows = list(islice(read_lines(folder.path / "predictions.jsonl"), SHOWN))
    manifest = read_json(folder.path / "manifest.json") or opened.manifest
    notes = [*summary.warnings, *_counted(summary.remarks)]
    page = lists_page(folder.path.name, manifest, _figures(summary), notes, rows)
    replace_text(folder.path / "report.html", [page])
