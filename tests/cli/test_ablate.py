"""``scenarios ablate`` with a scripted engine: what it prints, its exit codes, what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from apothecary.cli.ablate import ablate
from apothecary.errors import FormatError, RunMismatch, UsageError
from tests.runs.ablation_toy import LINES, SCHEMA, pubtator, write_script


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with gold, schema and script, and a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APOTHECARY_ENGINE", raising=False)
    monkeypatch.delenv("APOTHECARY_HELD_OUT", raising=False)
    (tmp_path / "dev.pubtator").write_text(pubtator(60))
    (tmp_path / "toy.toml").write_text(SCHEMA)
    write_script(tmp_path / "script.jsonl")
    return tmp_path


def command(*arguments: str, gold: str = "dev.pubtator") -> int:
    app = typer.Typer()
    app.command()(ablate)
    given = [gold, "--schema", "toy.toml", "--oracle-mentions", "--resamples", "20", *arguments]
    if "--engine" not in arguments:
        given += ["--engine", "scripted:script.jsonl"]
    return int(app([*given, "--out", "out"], standalone_mode=False))


def test_it_prunes_and_says_so(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 0
    out, err = capsys.readouterr()
    assert "induce/named" in out
    assert "2 rounds, 1 removed, 0 problems" in out
    assert "confirmed on" in out
    assert "selection, variant 1 of 6 (all scenarios): 26 of 26 documents, 26 calls" in err
    names = {"ablation.jsonl", "ablation.json", "pruned.toml", "report.html"}
    assert names <= {path.name for path in (work / "out").iterdir()}
    assert "<svg" in (work / "out/report.html").read_text()


@pytest.mark.slow
def test_programs_get_the_record(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--json") == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert record["removed"] == ["induce/named"]
    assert {"folder": "out", **json.loads((work / "out/ablation.json").read_text())} == record
    assert err == ""


def test_questions_that_do_not_change_come_from_the_cache(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("--json")
    first = json.loads(capsys.readouterr().out)["spent"]["calls"]
    (work / "out").rename(work / "old")
    assert command("--json") == 0
    again = json.loads(capsys.readouterr().out)["spent"]
    assert (again["calls"], again["cache_hits"]) == (0, first)


def test_a_budget_stops_it_and_the_same_command_goes_on(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--max-calls", "50") == 3
    assert "the same command goes on" in capsys.readouterr().err
    record = json.loads((work / "out/ablation.json").read_text())
    assert (record["status"], record["spent"]["calls"]) == ("stopped by budget", 50)
    assert command() == 0


def test_problems_make_the_exit_code_1(work: Path) -> None:
    write_script(work / "script.jsonl", LINES[:-1])
    assert command() == 1


def test_the_dry_run_asks_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--dry-run") == 0
    assert "at most 18 runs" in capsys.readouterr().out
    assert command("--dry-run", "--json", "--rounds", "1") == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 8
    assert not (work / "out").exists()


def test_the_embedded_model_is_refused(work: Path) -> None:
    with pytest.raises(UsageError, match="pocket reads no prompt"):
        command("--engine", "pocket")
    assert not (work / "out").exists()


def test_a_held_out_document_is_refused_before_an_engine_is_opened(work: Path) -> None:
    (work / "held_out.tsv").write_text("set\tid\ntest\t7\n")
    with pytest.raises(UsageError, match="held out, such as 7"):
        command("--held-out", "held_out.tsv", "--engine", "llamacpp:there-is-none")
    (work / "dev.pubtator").rename(work / "test.pubtator")
    with pytest.raises(UsageError, match="named like a test part"):
        command(gold="test.pubtator")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--template", "none"), "has no template 'none'"),
        (("--evaluator", "none"), "there is no evaluator 'none'"),
        (("--confirm", "1"), "leaves a part empty"),
        (("--set", "without=induce/causes"), "it is what an ablation varies"),
        (("--schema", "none"), "there is no schema 'none'"),
        (("--engine", "none:"), "there is no engine"),
    ],
)
def test_wrong_use_is_one_line(work: Path, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        command(*arguments)


def test_bad_input_is_one_line(work: Path) -> None:
    (work / "bad.pubtator").write_bytes(b"\xff\xfe\x00 nothing")
    for gold in ("bad.pubtator", "absent.pubtator"):
        with pytest.raises(FormatError, match=gold):
            command(gold=gold)
    command("--rounds", "1")
    with pytest.raises(RunMismatch, match="choose another --out"):
        command("--seed", "5")


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys, apothecary.cli.ablate;"
        "sys.exit(str({'numpy', 'pydantic', 'httpx2'} & set(sys.modules) or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "0"
