"""A run of trace writing: what it writes, what it leaves out, and how it is taken up again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from apothecary.engines.budget import Budget, Budgeted, Meter
from apothecary.engines.scripted import Scripted
from apothecary.errors import DataError, RunMismatch, UsageError
from apothecary.formats.inputs import read_inputs
from apothecary.messages import Engine, Failure, Outcome, Request
from apothecary.runs.folder import read_json, read_lines
from apothecary.runs.traces import TraceRun, TraceSummary, run
from apothecary.tasks.combinations.examples import example_of
from apothecary.tasks.combinations.trace_conversion import (
    grpo_of_trace,
    read_grpo,
    read_sft,
    sft_of_trace,
)
from apothecary.tasks.combinations.trace_roles import TraceSettings, prepare_traces
from apothecary.tasks.combinations.trace_rules import rule_completion
from apothecary.tasks.tracing import TrainingRows

JUDGED = json.dumps({"medical": 5, "semantic": 5, "usefulness": 5, "comment": ""})
RULES = TraceSettings(rules=True)


def row(number: int) -> dict[str, object]:
    names = [f"drug{number}a", f"drug{number}b", f"drug{number}c"]
    sentence = f"Here {' plus '.join(names)} improved survival ."
    spans: list[dict[str, object]] = []
    for place, name in enumerate(names):
        start = sentence.index(name)
        spans.append({"span_id": place, "text": name, "start": start, "end": start + len(name)})
    members = [[], [0, 1], [0, 1, 2]][number % 3]
    rels = [{"class": "POS", "spans": members}] if members else []
    source = f"https://pubmed.ncbi.nlm.nih.gov/{900 + number}/"
    texts = {"sentence": sentence, "paragraph": f"Trial {number}. {sentence}"}
    return {"doc_id": f"d{number}", **texts, "spans": spans, "rels": rels, "source": source}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row(number)) + "\n" for number in range(12)))
    return path


def answers(path: Path) -> dict[str, str]:
    """Sentence -> a completion that passes."""
    documents = [example_of(item) for item in read_inputs([path]) if not isinstance(item, DataError)]
    return {example.sentence: rule_completion(example) for example in documents}


def writer(path: Path, broken: tuple[int, ...] = ()) -> Callable[[Request], Outcome | str]:
    """Writes what passes, but for the rows that are broken; the judge likes everything."""
    known = answers(path)

    def answer(request: Request) -> Outcome | str:
        if request.step == "traces.judge":
            return JUDGED
        prompt = request.messages[0].content
        sentence = next(each for each in known if each in prompt)
        return "nonsense" if any(f"drug{n}a" in sentence for n in broken) else known[sentence]

    return answer


def plan(path: Path, engine: Engine | None = None, **options: object) -> TraceRun:
    settings = RULES if engine is None else TraceSettings()
    given = {
        "job": prepare_traces(settings, {}),
        "engine": engine or Scripted(lambda request: Failure("AnswerError", "nobody is asked")),
        "items": read_inputs([path]),
        "folder": path.parent / "out",
        "manifest": {"fingerprint": "f", "identity": {}},
        "rows": TrainingRows(sft_of_trace, grpo_of_trace),
        "part": "all",
    }
    return TraceRun(**(given | options))  # type: ignore[arg-type]


def written(folder: Path, name: str) -> list[dict[str, object]]:
    return list(read_lines(folder / name))


def rate(summary: TraceSummary, table: str, key: str) -> object:
    counts = summary.counts[table]
    assert isinstance(counts, Mapping)
    return counts[key]["drop_rate"]


def test_rules_write_every_file(rows: Path) -> None:
    summary = run(plan(rows))
    assert summary.status == "complete"
    counts = {name: len(written(summary.folder, f"{name}.jsonl")) for name in ("traces", "sft", "grpo")}
    assert counts == {"traces": 12, "sft": 12, "grpo": 12}
    assert written(summary.folder, "failed.jsonl") == []
    assert read_json(summary.folder / "summary.json") == summary.counts


def test_training_rows_hold_the_gold_of_their_rows(rows: Path) -> None:
    folder = run(plan(rows)).folder
    gold = {item.id: example_of(item).gold for item in read_inputs([rows]) if not isinstance(item, DataError)}
    assert {str(each["id"]): read_sft(each).items for each in written(folder, "sft.jsonl")} == gold
    assert {str(each["id"]): read_grpo(each).items for each in written(folder, "grpo.jsonl")} == gold


def test_rows_that_never_pass_are_dropped_and_counted_by_label_and_arity(rows: Path) -> None:
    summary = run(plan(rows, Scripted(writer(rows, broken=(0, 2)))))
    assert summary.status == "complete"
    assert {each["id"] for each in written(summary.folder, "failed.jsonl")} == {"d0", "d2"}
    assert len(written(summary.folder, "sft.jsonl")) == 10
    assert len(written(summary.folder, "grpo.jsonl")) == 12
    assert summary.counts["drop_rate"] == pytest.approx(2 / 12)
    rates = [rate(summary, "by_label", "POS"), rate(summary, "by_arity", "2"), rate(summary, "by_arity", "3")]
    assert rates == [1 / 8, 0, 1 / 4]
    assert summary.counts["refused_attempts"] == {"answer": 6, "tags": 6}


def test_parts_do_not_overlap_and_make_up_the_whole(rows: Path) -> None:
    rows.write_text("".join(json.dumps(row(number)) + "\n" for number in range(40)))
    ids = {}
    for part in ("train", "dev"):
        summary = run(plan(rows, folder=rows.parent / part, part=part))
        ids[part] = {each["id"] for each in written(summary.folder, "traces.jsonl")}
    assert ids["dev"]
    assert ids["train"] | ids["dev"] == {f"d{number}" for number in range(40)}
    assert not ids["train"] & ids["dev"]


def test_held_out_rows_are_left_out_by_any_of_their_ids(rows: Path) -> None:
    held_out = rows.parent / "held_out.tsv"
    held_out.write_text("set\tid\nt\td3\nt\t905\n")
    summary = run(plan(rows, held_out=held_out))
    assert summary.counts["left_out"] == {"held_out": 2}
    assert not {"d3", "d5"} & {each["id"] for each in written(summary.folder, "grpo.jsonl")}


def test_a_spent_budget_keeps_what_is_finished_and_the_same_run_goes_on(rows: Path) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Outcome | str:
        asked.append(request.step)
        return writer(rows)(request)

    stopped = run(plan(rows, Budgeted(Scripted(answer), Meter(Budget(calls=8))), in_flight=1))
    assert stopped.status == "stopped by budget"
    assert stopped.counts["examples"] == len(written(stopped.folder, "sft.jsonl")) == 4
    whole = run(plan(rows, Scripted(answer)))
    assert (whole.status, whole.counts["passed"], len(asked)) == ("complete", 12, 24)


def test_a_row_that_the_engine_failed_on_is_asked_again(rows: Path) -> None:
    late = Scripted(lambda request: Failure("TimedOut", "late") if "drug4a" in str(request) else "nonsense")
    first = run(plan(rows, late))
    assert (first.status, first.failed) == ("incomplete", 1)
    second = run(plan(rows, Scripted(writer(rows))))
    assert second.status == "complete"
    assert {each["id"] for each in written(second.folder, "traces.jsonl")} == {"d4"}


def test_a_broken_line_costs_that_line(rows: Path) -> None:
    rows.write_text(rows.read_text() + '{"doc_id": "x", "sentence": 3, "spans": [], "rels": []}\n')
    summary = run(plan(rows))
    assert (summary.status, summary.failed, summary.counts["passed"]) == ("incomplete", 1, 12)


def test_a_folder_of_another_run_is_refused(rows: Path) -> None:
    run(plan(rows))
    with pytest.raises(RunMismatch):
        run(plan(rows, manifest={"fingerprint": "g", "identity": {}}))


def test_nothing_to_write_is_an_error(rows: Path) -> None:
    held_out = rows.parent / "held_out.tsv"
    held_out.write_text("set\tid\n" + "".join(f"t\td{number}\n" for number in range(12)))
    with pytest.raises(DataError, match="no row to write"):
        run(plan(rows, held_out=held_out))


def test_a_document_without_a_split_needs_part_all(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_text("Zincol plus aspirin.")
    with pytest.raises(UsageError, match="no row of a corpus"):
        run(plan(path, part="train"))


# --- kill -9 --------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from apothecary.engines.cache import Cached
from apothecary.engines.scripted import Scripted
from apothecary.runs.traces import run
from test_traces import plan, writer
rows, log, last = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
answer = writer(rows, broken=(4,))
def logged(request):
    asked = len(log.read_text().splitlines()) if log.exists() else 0
    if asked == last:
        os.kill(os.getpid(), signal.SIGKILL)
    with log.open("a") as stream:
        stream.write(f"{hash_of(request)}\\n")
    return answer(request)
def hash_of(request):
    import hashlib
    return hashlib.sha256(repr(request).encode()).hexdigest()
engine = Cached(Scripted(logged), rows.parent / "cache.sqlite")
run(plan(rows, engine, in_flight=1))
"""


def in_a_process(rows: Path, log: Path, last: int) -> int:
    arguments = [str(Path(__file__).parent), str(rows), str(log), str(last)]
    return subprocess.run([sys.executable, "-c", KILLED, *arguments], timeout=120).returncode


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_a_killed_run_goes_on_and_asks_nothing_twice(rows: Path) -> None:
    log = rows.parent / "log"
    assert in_a_process(rows, log, last=11) == -signal.SIGKILL
    out = rows.parent / "out"
    assert not (out / "sft.jsonl").exists()
    with (out / "predictions.jsonl").open("a") as stream:
        stream.write('{"id": "torn')
    assert in_a_process(rows, log, last=-1) == 0
    asked = log.read_text().splitlines()
    assert len(asked) == len(set(asked)) == 25
    assert [each["id"] for each in written(out, "predictions.jsonl")] == [f"d{n}" for n in range(12)]
    assert len(written(out, "sft.jsonl")) == 11
