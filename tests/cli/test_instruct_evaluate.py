"""``apothecary instruct evaluate`` and ``export``: who answers, what is printed, exit codes."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from apothecary.cli.instruct_evaluate import evaluate, export
from apothecary.errors import UsageError
from tests.runs.invented_suite import write_suite

RUNNER = CliRunner()
app = typer.Typer()
app.command("evaluate")(evaluate)
app.command("export")(export)


def run(*arguments: str) -> tuple[int, str]:
    done = RUNNER.invoke(app, list(arguments), standalone_mode=False)
    if done.exception:
        raise done.exception
    return int(done.return_value or 0), done.stdout


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    return str(write_suite(tmp_path))


def test_a_baseline_is_told_as_a_table_and_as_json(suite: str, tmp_path: Path) -> None:
    given = ["evaluate", "--suite", suite, "--baseline", "majority", "--out", str(tmp_path / "run")]
    code, out = run(*given)
    assert code == 0
    assert "kinds" in out
    assert "Left out, the baseline has no answers of this kind: drugs, harms, titles" in out
    code, out = run(*given, "--json")
    record = json.loads(out)
    assert record["status"] == "complete"
    assert {row["name"] for row in record["sets"]} == {"questions", "exams", "kinds", "pairs"}


def test_a_spent_budget_is_three_and_a_failed_question_one(suite: str, tmp_path: Path) -> None:
    script = tmp_path / "s.jsonl"
    script.write_text('{"contains": ["Does drug"], "failure": "TimedOut: late"}\n{"reply": "none"}\n')
    given = ["evaluate", "--suite", suite, "--engine", f"scripted:{script}", "--out", str(tmp_path / "run")]
    assert run(*given, "--max-calls", "3")[0] == 3
    assert run(*given)[0] == 1


def test_one_answers_at_a_time(suite: str) -> None:
    with pytest.raises(UsageError, match="--engine and --baseline cannot be given together"):
        run("evaluate", "--suite", suite, "--engine", "pocket", "--baseline", "random")


def test_an_export_says_how_to_run_it(suite: str, tmp_path: Path) -> None:
    code, out = run("export", "--suite", suite, "--out", str(tmp_path / "out"), "--items", "2")
    assert code == 0
    assert "apothecary_suite_drugs: 2 items" in out
    assert f"lm_eval --include_path {tmp_path / 'out'} --tasks apothecary_suite_drugs," in out
