"""The command line, from files to a run folder, with a scripted engine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from apothecary.cli.main import main

GOLD = """\
1|t|Druga and rash.
1|a|Druga caused a rash in one patient. Drugb did not.
1\t0\t5\tDruga\tChemical\tC1
1\t10\t14\trash\tDisease\tD1
1\t16\t21\tDruga\tChemical\tC1
1\t31\t35\trash\tDisease\tD1
1\t52\t57\tDrugb\tChemical\tC2
1\tCID\tC1\tD1

2|t|Drugb and fever.
2|a|Fever followed Drugb.
2\t0\t5\tDrugb\tChemical\tC2
2\t10\t15\tfever\tDisease\tD2
2\tCID\tC2\tD2

"""
NAMES = {"Chemical": ["Druga", "Drugb"], "Disease": ["rash", "fever"]}
SCRIPT: list[dict[str, object]] = [
    {"contains": ["one JSON object"], "reply": NAMES},
    {"contains": ["First name:"], "reply": "~"},
    {"contains": ["Chemical: Druga\nDisease: rash"], "reply": "1"},
    {"contains": ["Chemical: Drugb\nDisease: fever"], "reply": "2"},
    {"reply": "0"},
]

Command = Callable[..., int]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an annotated file and a script, and a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APOTHECARY_ENGINE", raising=False)
    (tmp_path / "gold.pubtator").write_text(GOLD)
    write_script(tmp_path / "script.jsonl", SCRIPT)
    return tmp_path


def write_script(path: Path, lines: Sequence[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def extract(*arguments: str, inputs: Sequence[str] = ("gold.pubtator",), out: str = "run") -> int:
    given = [*inputs, "--task", "relations", "--engine", "scripted:script.jsonl", "--out", out, *arguments]
    # The ids of the invented gold are in no dictionary.
    given += ["--set", "vocabulary=none"]
    return main(["extract", *given])


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_extract_then_score_is_perfect_with_a_perfect_script(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract() == 0
    capsys.readouterr()
    command = ["score", "relations", "--gold", "gold.pubtator", "--predictions", "run/predictions.jsonl"]
    assert main([*command, "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert score["evaluators"]["concept"]["micro"]["f1"] == 1.0
    assert main(command) == 0
    assert re.search(r"^concept +100\.0 +100\.0 +100\.0 ", capsys.readouterr().out, re.MULTILINE)


def test_a_run_leaves_the_files_of_the_contract(work: Path) -> None:
    extract()
    names = {"manifest.json", "predictions.jsonl", "errors.jsonl", "ledger.json", "report.html"}
    assert names <= {path.name for path in (work / "run").iterdir()}
    manifest = json.loads((work / "run/manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["identity"]["engines"]["relations.pairs"]["name"] == "scripted:script.jsonl"
    assert len(manifest["inputs"][0]["sha256"]) == 64
    ledger = json.loads((work / "run/ledger.json").read_text())
    assert ledger["calls"] == sum(step["calls"] for step in ledger["steps"].values()) > 0


def test_two_runs_are_byte_identical(work: Path) -> None:
    extract(out="a")
    extract("--no-cache", out="b")
    assert (work / "a/predictions.jsonl").read_bytes() == (work / "b/predictions.jsonl").read_bytes()


def test_the_same_command_again_asks_nothing(work: Path) -> None:
    extract()
    first = (work / "run/predictions.jsonl").read_bytes()
    assert extract("--no-cache") == 0
    assert (work / "run/predictions.jsonl").read_bytes() == first
    assert json.loads((work / "run/ledger.json").read_text())["calls"] == 6


def test_the_reply_cache_answers_a_second_run(work: Path) -> None:
    extract(out="a")
    extract(out="b")
    ledger = json.loads((work / "b/ledger.json").read_text())
    assert (ledger["calls"], ledger["cache_hits"]) == (0, 6)


def test_other_settings_do_not_mix_with_a_run(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extract()
    assert extract("--set", "broader=keep") == 2
    assert "other settings (settings)" in capsys.readouterr().err
    assert extract("--set", "broader=keep", "--fresh") == 0


def test_a_bad_reply_is_a_row_and_exit_1(work: Path) -> None:
    write_script(work / "script.jsonl", [{"contains": ["Disease: fever"], "reply": "hard to say"}, *SCRIPT])
    assert extract() == 1
    assert {row["kind"] for row in rows(work / "run/errors.jsonl")} == {"AnswerError"}
    assert len(rows(work / "run/predictions.jsonl")) == 2


def test_a_document_without_an_answer_is_failed_and_tried_again(work: Path) -> None:
    write_script(
        work / "script.jsonl", [{"contains": ["Drugb and fever"], "failure": "TimedOut: late"}, *SCRIPT]
    )
    assert extract() == 1
    assert [row["id"] for row in rows(work / "run/predictions.jsonl")] == ["1"]
    assert [row["kind"] for row in rows(work / "run/errors.jsonl")] == ["TimedOut"]


def test_a_budget_stops_with_exit_3_and_the_same_command_goes_on(work: Path) -> None:
    assert extract("--max-calls", "5") == 3
    assert json.loads((work / "run/manifest.json").read_text())["status"] == "stopped by budget"
    done = len(rows(work / "run/predictions.jsonl"))
    assert done < 2
    assert extract() == 0
    assert len(rows(work / "run/predictions.jsonl")) == 2


def test_oracle_mentions_need_no_first_stage(work: Path) -> None:
    assert extract("--oracle-mentions") == 0
    steps = json.loads((work / "run/ledger.json").read_text())["steps"]
    assert list(steps) == ["relations.pairs"]


def test_a_dry_run_counts_and_writes_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract("--dry-run", "--json") == 0
    estimate = json.loads(capsys.readouterr().out)
    assert estimate["documents"] == 2
    assert estimate["calls"] >= 4
    assert not (work / "run").exists()


def test_folders_text_and_limits(work: Path) -> None:
    folder = work / "texts"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text("Druga caused a rash.")
    assert extract("--limit", "2", inputs=["texts"]) == 0
    assert [row["id"] for row in rows(work / "run/predictions.jsonl")] == ["a", "b"]


def test_predictions_are_readable_documents(work: Path) -> None:
    extract()
    assert extract(inputs=["run/predictions.jsonl"], out="again") == 0


def test_routes_by_step(work: Path) -> None:
    route = "mentions=scripted:script.jsonl,relations.names=scripted:script.jsonl,pairs=scripted:other.jsonl"
    write_script(work / "other.jsonl", [{"reply": "0"}])
    given = ["extract", "gold.pubtator", "--task", "relations", "--engine", route, "--out", "run"]
    assert main(given) == 0
    assert all(not row["relations"] for row in rows(work / "run/predictions.jsonl"))


def test_without_out_an_interrupted_run_is_found_again(work: Path) -> None:
    given = ["extract", "gold.pubtator", "--task", "relations", "--engine", "scripted:script.jsonl"]
    assert main([*given, "--max-calls", "5"]) == 3
    assert main(given) == 0
    assert len(list((work / "runs").iterdir())) == 1


BAD: list[tuple[str, Sequence[str], str]] = [
    ("no task", ["gold.pubtator"], "--task combinations|conditions|mentions|relations"),
    ("unknown task", ["gold.pubtator", "--task", "nope"], "there is no task 'nope'"),
    ("missing input", ["none.txt", "--task", "relations"], "none.txt"),
    ("no input", ["--task", "relations"], "INPUT"),
    ("empty file", ["empty.txt", "--task", "relations"], "empty.txt"),
    (
        "unknown engine",
        ["gold.pubtator", "--task", "relations", "--engine", "magic"],
        "there is no engine 'magic'",
    ),
    (
        "no pocket model",
        ["gold.pubtator", "--task", "relations", "--engine", "pocket:empty.txt"],
        "holds no pocket model",
    ),
    (
        "unknown weights",
        ["gold.pubtator", "--task", "relations", "--engine", "llamacpp:nope"],
        "no weights named",
    ),
    (
        "weights not here",
        ["gold.pubtator", "--task", "relations", "--engine", "llamacpp:smollm2-135m-instruct"],
        "models pull smollm2-135m-instruct",
    ),
    (
        "no vocabulary",
        ["gold.pubtator", "--task", "relations", "--set", "vocabulary=none.xml"],
        "cannot read the vocabulary",
    ),
    ("unknown setting", ["gold.pubtator", "--task", "relations", "--set", "x=1"], "there is no setting 'x'"),
    ("no value", ["gold.pubtator", "--task", "relations", "--set", "x"], "is not KEY=VALUE"),
    ("schema", ["gold.pubtator", "--task", "relations", "--schema", "nope"], "there is no schema"),
    ("encoding", ["gold.pubtator", "--task", "relations", "--encoding", "klingon"], "klingon"),
    ("config", ["gold.pubtator", "--task", "relations", "--config", "none.toml"], "none.toml"),
    ("option", ["gold.pubtator", "--nope"], "--nope"),
]


@pytest.mark.parametrize(("arguments", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_wrong_use_is_one_line_and_exit_2(
    work: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], words: str
) -> None:
    (work / "empty.txt").write_text("")
    assert main(["extract", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert captured.out == ""


def test_a_broken_document_costs_one_item(work: Path) -> None:
    broken = GOLD.replace("1\t52\t57\tDrugb", "1\t952\t957\tDrugb")
    (work / "broken.pubtator").write_text(broken)
    assert extract(inputs=["broken.pubtator"]) == 1
    assert [row["id"] for row in rows(work / "run/predictions.jsonl")] == ["2"]
    (error,) = rows(work / "run/errors.jsonl")
    assert "952" in str(error["message"])


def test_a_run_can_be_replayed_without_its_engine(work: Path) -> None:
    assert extract() == 0
    (work / "script.jsonl").unlink()
    assert extract("--engine", "replay:run", out="again") == 0
    again = (work / "again" / "predictions.jsonl").read_text()
    # The origin of a relation names the engine that was asked.
    renamed = again.replace("replay:run", "scripted:script.jsonl")
    assert renamed == (work / "run" / "predictions.jsonl").read_text()


def test_a_shifted_mention_is_kept_and_counted(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "shifted.pubtator").write_text(GOLD.replace("2\t0\t5\tDrugb", "2\t1\t6\tDrugb"))
    assert extract(inputs=["shifted.pubtator"]) == 0
    assert "1 mentions of the input differ" in capsys.readouterr().out


SLOW_SCRIPT = """\
import sys, time
from apothecary.cli import main as cli
from apothecary.engines import scripted
answer = scripted.Scripted.answer
def slowly(self, requests, done):
    time.sleep(0.05)
    return answer(self, requests, done)
scripted.Scripted.answer = slowly
sys.exit(cli.main(sys.argv[1:]))
"""


def start(work: Path, documents: int) -> subprocess.Popen[str]:
    """A run of many documents in a process of its own, slowed down so that it can be stopped."""
    (work / "slow.py").write_text(SLOW_SCRIPT)
    texts = [f"{n}|t|Drugb and fever.\n{n}|a|Fever followed Drugb {n}.\n" for n in range(documents)]
    (work / "many.pubtator").write_text("\n".join(texts))
    command = [sys.executable, "slow.py", "extract", "many.pubtator", "--task", "relations"]
    command += ["--engine", "scripted:script.jsonl", "--out", "run", "--set", "vocabulary=none"]
    environment = os.environ | {"APOTHECARY_HOME": str(work / "home")}
    return subprocess.Popen(
        command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)
    raise AssertionError("the run did not begin")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_stopped_run_is_finished_by_the_same_command(work: Path, how: signal.Signals) -> None:
    process = start(work, 30)
    wait_for_lines(work / "run/predictions.jsonl", 3)
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in out + err
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    done = (work / "run/predictions.jsonl").read_bytes().count(b"\n")
    assert 3 <= done < 30
    assert extract(inputs=["many.pubtator"]) == 0
    assert extract("--no-cache", inputs=["many.pubtator"], out="whole") == 0
    assert (work / "run/predictions.jsonl").read_bytes() == (work / "whole/predictions.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("stream", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_standard_stream_is_no_place_for_results(work: Path, stream: str) -> None:
    (work / "script.jsonl").write_text('{"reply": "0"}\n')
    command = "extract gold.pubtator --task relations --engine scripted:script.jsonl --no-cache --json --out"
    assert main([*command.split(), "open"]) == 1
    line = f"{sys.executable} -m apothecary {command} closed {stream}"
    done = subprocess.run(line, shell=True, cwd=work, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.returncode == 1, done.stderr
    tables = ("predictions.jsonl", "errors.jsonl")
    assert all((work / "open" / t).read_bytes() == (work / "closed" / t).read_bytes() for t in tables)


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line(work: Path) -> None:
    (work / "script.jsonl").write_text('{"reply": "0"}\n')
    command = "ulimit -f 1; exec " + sys.executable + ' -c "from apothecary.__main__ import run; run()" "$@"'
    arguments = [
        "extract",
        "gold.pubtator",
        "--task",
        "relations",
        "--engine",
        "scripted:script.jsonl",
        "--no-cache",
    ]
    done = subprocess.run(
        ["sh", "-c", command, "sh", *arguments, "--out", "run"],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert [
        line for line in done.stderr.splitlines() if "File too large" in line and line.startswith("error: ")
    ]
    assert "Traceback" not in done.stderr


def test_fitted_thresholds_decide_the_next_run(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def odds(value: float) -> dict[str, float]:
        return {"1": value} | dict.fromkeys("23456789", -90.0) | {"0": 0.0}

    lines: list[dict[str, object]] = [
        {"contains": ["Chemical: Druga\nDisease: rash"], "reply": "0", "logprobs": odds(-1.0)},
        {"contains": ["Chemical: Drugb\nDisease: fever"], "reply": "0", "logprobs": odds(-2.0)},
        {"reply": "0", "logprobs": odds(-5.0)},
    ]
    write_script(work / "script.jsonl", lines)
    assert extract("--oracle-mentions", out="fit") == 0
    assert all(not row["relations"] for row in rows(work / "fit/predictions.jsonl"))
    command = ["fit", "relations", "--gold", "gold.pubtator", "--predictions", "fit/predictions.jsonl"]
    assert main([*command, "--out", "t.json"]) == 0
    assert json.loads((work / "t.json").read_text())["pairs"] == {"CID": -3.5}
    assert extract("--oracle-mentions", "--set", "thresholds=t.json") == 0
    assert [len(row["relations"]) for row in rows(work / "run/predictions.jsonl")] == [1, 1]  # type: ignore[arg-type]
    assert main(["fit", "mentions", *command[2:]]) == 2
