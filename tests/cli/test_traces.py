"""``apothecary traces``, as a user calls it."""

import json
from pathlib import Path

import pytest
import typer

from apothecary.cli.traces import traces
from apothecary.errors import ApothecaryError
from apothecary.runs.folder import read_lines

SENTENCE = "In men , zincol plus aspirin improved survival ."
app = typer.Typer()
app.command()(traces)


def call(*arguments: object) -> int:
    code = app([str(each) for each in arguments], standalone_mode=False)
    return int(code or 0)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)


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


def script(name: str, *lines: dict[str, object]) -> str:
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"scripted:{name}"


def good(rows: Path) -> str:
    """A completion that passes, as the offline writer gives it."""
    call("combinations", rows, "--engine", "rules", "--out", "by-rule", "--part", "all")
    (record,) = read_lines(Path("by-rule/traces.jsonl"))
    return str(record["output"])


def test_rules_need_no_engine(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("combinations", rows, "--engine", "rules", "--out", "out", "--part", "all") == 0
    assert "drop rate" in capsys.readouterr().out
    assert len(list(read_lines(Path("out/sft.jsonl")))) == 1


def test_each_role_has_its_engine(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = {"medical": 5, "semantic": 4, "usefulness": 4, "comment": ""}
    write = script("write.jsonl", {"contains": ["Mend the text"], "reply": "no"}, {"reply": "nonsense"})
    revise = script("revise.jsonl", {"contains": ["Mend the text", "nonsense"], "reply": good(rows)})
    judge = script("judge.jsonl", {"contains": ["impartial"], "reply": verdict})
    capsys.readouterr()
    roles = f"write={write},judge={judge},revise={revise}"
    assert call("combinations", rows, "--engine", roles, "--out", "out", "--part", "all", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["passed_in_round"]) == (1, {"2": 1})
    assert set(found["ledger"]["steps"]) == {"traces.write", "traces.revise", "traces.judge"}


def test_rejected_rows_are_no_failure_and_can_fall_back_on_rules(rows: Path) -> None:
    engine = script("nonsense.jsonl", {"reply": "nonsense"})
    options = ("--engine", engine, "--part", "all", "--rounds", "2")
    assert call("combinations", rows, *options, "--out", "out") == 0
    assert list(read_lines(Path("out/sft.jsonl"))) == []
    assert call("combinations", rows, *options, "--out", "other", "--fallback", "rules") == 0
    assert [row["trace"] for row in read_lines(Path("other/sft.jsonl"))] == ["rules"]


def test_a_spent_budget_is_exit_code_3_and_the_same_command_goes_on(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = script("nonsense.jsonl", {"reply": "nonsense"})
    command = ("combinations", rows, "--engine", engine, "--part", "all")
    assert call(*command, "--max-calls", "1") == 3
    assert "the same command goes on" in capsys.readouterr().err
    assert call(*command) == 0
    assert len(list(Path("runs").iterdir())) == 1


def test_an_engine_that_fails_is_exit_code_1(rows: Path) -> None:
    engine = script("late.jsonl", {"failure": "TimedOut: late"})
    assert call("combinations", rows, "--engine", engine, "--out", "out", "--part", "all") == 1


def test_a_dry_run_tells_the_bounds_of_the_calls_asks_nothing_and_writes_nothing(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"medical": 0, "semantic": 0, "usefulness": 0, "comment": "no"}
    text, told = good(rows), {}
    rows.write_text(rows.read_text() + "{}\n")
    for name, verdict in (("most", refused), ("least", dict.fromkeys(refused, 5))):
        engine = script(f"{name}.jsonl", {"contains": ["impartial"], "reply": verdict}, {"reply": text})
        command = ("combinations", rows, "--engine", engine, "--part", "all", "--rounds", "2")
        capsys.readouterr()
        assert call(*command, "--out", name, "--no-cache", "--json") == 1
        told[name] = json.loads(capsys.readouterr().out)["ledger"]["calls"]
    before = sorted(tmp_path.rglob("*"))
    assert call(*command, "--dry-run", "--out", "none", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["examples"], found["unreadable"]) == (2, 1, 1)
    assert (found["calls"], found["least"]["calls"]) == (told["most"], told["least"]) == (4, 2)
    assert found["prompt_tokens"] > found["least"]["prompt_tokens"] > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_for_people_says_rows_and_that_rules_ask_no_model(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("combinations", rows, "--engine", "scripted:none", "--part", "train", "--dry-run") == 0
    assert "0 examples of 1 rows; no model would be asked" in capsys.readouterr().out
    assert (
        call("combinations", rows, "--engine", "write=pocket,judge=pocket", "--part", "dev", "--dry-run") == 0
    )
    said = capsys.readouterr().out
    assert "1 examples of 1 rows would take at most about" in said
    assert "at least, if every example passes at once: 2 calls" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("relations", "rows.jsonl", "--engine", "rules"), "no traces are written for 'relations'"),
        (("combinations", "rows.jsonl", "--engine", "rules", "--part", "test"), "no part 'test'"),
        (
            ("combinations", "rows.jsonl", "--engine", "rules", "--part", "test", "--dry-run"),
            "no part 'test'",
        ),
        (
            ("combinations", "rows.jsonl", "--engine", "write=pocket", "--dry-run"),
            "no engine for traces.judge",
        ),
        (("combinations", "rows.jsonl", "--engine", "rules", "--fallback", "x"), "no fallback 'x'"),
        (("combinations", "rows.jsonl", "--engine", "write=scripted:s"), "no engine for traces.judge"),
        (("combinations", "rows.jsonl", "--engine", "write=x,judge=y"), ""),
        (("combinations", "rows.jsonl", "--engine", "rule=scripted:s"), "no step 'rule'"),
        (("combinations", "missing.jsonl", "--engine", "rules"), "missing.jsonl"),
        (("combinations", "rows.jsonl", "--engine", "rules", "--held-out", "rows.jsonl"), "rows.jsonl:1"),
    ],
)
def test_wrong_use_is_told(rows: Path, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(ApothecaryError) as caught:
        call(*arguments)
    assert told in str(caught.value)


def test_pocket_models_write_no_traces(rows: Path) -> None:
    with pytest.raises(ApothecaryError, match="does not serve the step traces"):
        call("combinations", rows, "--engine", "pocket", "--part", "all")
