"""Traces for the rows of a corpus: a run folder that is taken up again, and training data at its end.

``predictions.jsonl`` is the journal: one line for each finished example, with all its attempts. What an
engine could not answer stands in ``errors.jsonl`` and is asked again by the same command. Whatever ends the
run, the other files are written anew from the journal:

    traces.jsonl    examples that passed
    failed.jsonl    examples that did not, with their best attempt
    sft.jsonl       chats to imitate, of examples that passed
    grpo.jsonl      chats with solutions, of all finished examples: these need no trace
    summary.json    how many were dropped, by label and by arity
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from apothecary.corpora import ddi2013, drugcomb
from apothecary.corpora.held_out import HeldOut, identities
from apothecary.documents import Document
from apothecary.errors import BudgetExhausted, DataError, UsageError
from apothecary.messages import Engine
from apothecary.runs.driver import Item, drive
from apothecary.runs.durable import replace_text
from apothecary.runs.folder import RunFolder, read_lines
from apothecary.runs.keeping import Progress, keep_results
from apothecary.runs.ledger import Ledger
from apothecary.runs.manifest import finished
from apothecary.tasks.flow import Job
from apothecary.tasks.tracing import TRACES, TrainingRows

__all__ = ["Part", "Row", "TraceRun", "TraceSummary", "run", "selected"]

Part = Literal["train", "dev", "all"]
Row = Mapping[str, object]
WRITTEN = ("traces.jsonl", "failed.jsonl", "sft.jsonl", "grpo.jsonl", "summary.json")
NO_GOLD = "none"
"""How the summary calls examples without a combination."""


@dataclass(frozen=True)
class TraceRun:
    """What to run.

    `part` is that of the corpus' own fixed split, `held_out` a list of ids that are left out.
    """

    job: Job
    engine: Engine
    items: Iterable[Item]
    folder: Path
    manifest: Mapping[str, object]
    rows: TrainingRows
    part: Part = "train"
    held_out: Path | None = None
    limit: int | None = None
    fresh: bool = False
    in_flight: int | None = None


@dataclass(frozen=True)
class TraceSummary:
    """How a run ended; `status` as of an extraction, `counts` the contents of ``summary.json``."""

    folder: Path
    status: str
    failed: int
    counts: Mapping[str, object]
    ledger: Ledger
    reason: str = ""


def run(plan: TraceRun, on_progress: Callable[[Progress], None] = lambda progress: None) -> TraceSummary:
    """Make the traces that are missing and write the files. Interruption and a spent budget are ends.

    Raises RunError and EngineError, with the finished part kept.
    """
    folder, left_out = RunFolder(plan.folder), Counter[str]()
    listed = HeldOut.read(plan.held_out) if plan.held_out else HeldOut.none()
    with folder.opened(plan.manifest, fresh=plan.fresh):
        if not folder.done:
            for name in WRITTEN:
                (plan.folder / name).unlink(missing_ok=True)
        status, reason, counts = "failed", "", dict[str, object]()
        try:
            chosen = islice(selected(plan.items, plan.part, listed, left_out), plan.limit)
            _process(plan, chosen, folder, on_progress)
            status = "incomplete" if folder.failed or folder.error_rows else "complete"
        except KeyboardInterrupt:
            status, reason = "interrupted", "interrupted"
        except BudgetExhausted as error:
            status, reason = "stopped by budget", str(error)
        finally:
            folder.write_ledger()
            counts = _write(plan, folder, {"status": status, "left_out": dict(left_out)})
            outcome = {"documents": len(folder.done), "failed": len(folder.failed)}
            folder.write_json("manifest.json", finished(plan.manifest, status, outcome))
    return TraceSummary(plan.folder, status, len(folder.failed), counts, folder.ledger, reason)


def _process(
    plan: TraceRun, items: Iterator[Item], folder: RunFolder, on_progress: Callable[[Progress], None]
) -> None:
    missing = (item for item in items if not (isinstance(item, Document) and item.id in folder.done))
    results = drive(missing, plan.job.flows[TRACES], plan.engine, in_flight=plan.in_flight)
    keep_results(results, folder, on_progress)
    if not folder.done and not folder.failed:
        raise DataError(
            "the inputs hold no row to write a trace for",
            hint="all may be held out or lie in the other part: see --held-out and --part",
        )


# --- what is written ------------------------------------------------------------------------------


def _write(plan: TraceRun, folder: RunFolder, known: Mapping[str, object]) -> dict[str, object]:
    def rows() -> Iterator[Row]:
        yield from read_lines(plan.folder / "predictions.jsonl")

    def lines(chosen: Iterable[Row | None]) -> Iterator[str]:
        for row in chosen:
            if row is None:
                continue
            text = json.dumps(row, ensure_ascii=False)
            yield text.encode("utf-8", "replace").decode("utf-8") + "\n"

    passed = (row for row in rows() if row["passed"])
    failed = (row for row in rows() if not row["passed"])
    replace_text(plan.folder / "traces.jsonl", lines(passed))
    replace_text(plan.folder / "failed.jsonl", lines(failed))
    replace_text(plan.folder / "sft.jsonl", lines(map(plan.rows.sft, rows())))
    replace_text(plan.folder / "grpo.jsonl", lines(map(plan.rows.grpo, rows())))
    counts = {**known, **_summarised(rows())}
    folder.write_json("summary.json", counts)
    return counts


def _summarised(rows: Iterable[Row]) -> dict[str, object]:
    """Counts over the journal.

    A row counts once under each of its labels and arities (the number of drugs of a combination).
    """
    total: Counter[str] = Counter()
    by: dict[str, dict[str, Counter[str]]] = {"label": {}, "arity": {}}
    gates: Counter[str] = Counter()
    rounds: Counter[str] = Counter()
    for row in rows:
        outcome = "passed" if row["passed"] else "dropped"
        total[outcome] += 1
        items = [item for item in _list(row.get("gold")) if isinstance(item, Mapping)]
        keys = {
            "label": {str(item.get("type")) for item in items} or {NO_GOLD},
            "arity": {str(len(_list(item.get("drugs")))) for item in items} or {NO_GOLD},
        }
        for name, values in keys.items():
            for value in values:
                by[name].setdefault(value, Counter())[outcome] += 1
        if row["passed"]:
            rounds[str(row.get("rounds"))] += 1
        for attempt in _list(row.get("attempts")):
            gates.update(_causes(attempt))
    return {
        **_rates(total),
        "passed_in_round": dict(sorted(rounds.items())),
        "refused_attempts": dict(sorted(gates.items())),
        **{f"by_{name}": {key: _rates(each) for key, each in _ordered(by[name])} for name in by},
    }


def _causes(attempt: object) -> set[str]:
    """Why an attempt was refused: its gates, an unread judgement, or the judge's scores where it was none."""
    if not isinstance(attempt, Mapping):
        return set()
    failures = [each for each in _list(attempt.get("failures")) if isinstance(each, Mapping)]
    return {str(each.get("gate")) for each in failures} | ({"unread"} if attempt.get("unread") else set())


def _rates(counts: Counter[str]) -> dict[str, object]:
    examples = counts["passed"] + counts["dropped"]
    return {
        "examples": examples,
        "passed": counts["passed"],
        "dropped": counts["dropped"],
        "drop_rate": counts["dropped"] / examples if examples else None,
    }


def _ordered(table: Mapping[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """Numbers by size, names by the alphabet, "none" last."""
    return sorted(
        table.items(),
        key=lambda each: (each[0] == NO_GOLD, int(each[0]) if each[0].isdecimal() else 0, each[0]),
    )


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


# --- which rows -----------------------------------------------------------------------------------


def selected(items: Iterable[Item], part: Part, listed: HeldOut, left_out: Counter[str]) -> Iterator[Item]:
    """The rows of the part that are not held out; `left_out` counts the others, errors pass.

    Raises UsageError for a document that is no row of a corpus with a split, unless all are wanted.
    """
    for item in items:
        if not isinstance(item, Document):
            yield item
        elif listed.holds(*identities(item)):
            left_out["held_out"] += 1
        elif part not in ("all", _part(item)):
            left_out["other_part"] += 1
        else:
            yield item


def _part(document: Document) -> Part:
    corpus = document.attributes.get("corpus")
    if corpus not in ("drugcomb", "ddi"):
        raise UsageError(
            "is no row of a corpus that has a split",
            where=f"document {document.id}",
            hint="give DrugComb or DDI rows as JSONL; or take all documents with --part all",
        )
    split = drugcomb.split_documents if corpus == "drugcomb" else ddi2013.development_split
    return "dev" if split([document])[1] else "train"
