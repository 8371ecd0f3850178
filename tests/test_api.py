"""The public functions do what the command line does; those of training are in tests/training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from apothecary import api
from apothecary.errors import UsageError
from apothecary.runs.folder import read_lines

SENTENCE = "In men , zincol plus aspirin improved survival ."
RUNNING = api.ExtractOptions(cache="")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    spans = [
        {"span_id": 0, "text": "zincol", "start": 9, "end": 15},
        {"span_id": 1, "text": "aspirin", "start": 21, "end": 28},
    ]
    values = {"doc_id": "d1", "sentence": SENTENCE, "paragraph": SENTENCE, "spans": spans}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(values | {"rels": [{"class": "POS", "spans": [0, 1]}]}) + "\n")
    return path


def test_traces_are_written_as_by_the_command(rows: Path, tmp_path: Path) -> None:
    options = api.TraceOptions(part="all", chats={"reasoning": "false"})
    summary = api.traces(rows, "combinations", engine="rules", out=tmp_path / "out", options=options)
    assert (summary.status, summary.counts["passed"]) == ("complete", 1)
    (chat,) = read_lines(tmp_path / "out/sft.jsonl")
    assert json.dumps(chat).count("assistant") == 1
    assert "<think>" not in json.dumps(chat)


def test_an_estimate_of_traces_opens_no_engine(rows: Path) -> None:
    options = api.TraceOptions(part="all", rounds=2)
    found = api.estimate_traces([rows], "combinations", engine="scripted:none", options=options)
    assert (found.rows, found.examples, found.unreadable) == (1, 1, 0)
    assert (found.least.total.calls, found.most.total.calls) == (2, 4)
    assert not (rows.parent / "runs").exists()


@pytest.mark.parametrize(
    ("task", "options", "problem"),
    [
        ("relations", api.TraceOptions(), "no traces are written for 'relations'"),
        ("combinations", api.TraceOptions(chats={"nonsense": 1}), "no setting 'nonsense'"),
        ("combinations", api.TraceOptions(threshold=9), "threshold from 0 to 5"),
        ("combinations", api.TraceOptions(fallback="x"), "no fallback 'x'"),  # type: ignore[arg-type]
    ],
)
def test_wrong_options_are_told_before_anything_is_done(
    rows: Path, task: str, options: api.TraceOptions, problem: str
) -> None:
    for call in (api.traces, api.estimate_traces):
        with pytest.raises(UsageError, match=problem):
            call(rows, task, engine="rules", options=options, running=RUNNING)


def test_the_functions_load_torch_only_when_they_train() -> None:
    code = "import sys, apothecary.api; sys.exit('torch' in sys.modules or 'peft' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
