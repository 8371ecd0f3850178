"""``apothecary store build``: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest

from apothecary.cli.store import app
from apothecary.errors import UsageError
from tests.store.base_runs import run_folder, stating


def run(*arguments: object) -> int:
    return int(app([str(each) for each in arguments], standalone_mode=False) or 0)


def test_what_came_in_is_told_in_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "kb.duckdb"
    folder = run_folder(tmp_path / "run", [stating("1", "A", "B"), stating("2", "A", "B")])
    assert run("build", folder, "-o", store, "--vocabulary", "none") == 0
    told = f"2 relations -> 1 edges between 2 concepts, 0 conditions -> {store}\n"
    assert capsys.readouterr() == (f"2 documents added\n{told}", "")
    assert run("build", folder, "-o", store) == 0
    assert capsys.readouterr().out == f"0 documents added, 2 unchanged\n{told}"


def test_lost_items_are_exit_1_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    with (folder / "predictions.jsonl").open("a") as stream:
        stream.write("nonsense\n" * 12)
    assert run("build", folder, "-o", tmp_path / "kb.duckdb", "--vocabulary", "none", "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["documents"] == 1
    assert len(json.loads(out)["problems"]) == 12
    assert err.count("predictions.jsonl:") == 10
    assert err.endswith("failed: 2 more items\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--set", "random=2"], "between 0 and 1"),
        (["--set", "random=high"], "is no number"),
        (["--set", "memory=much"], "write 2GB"),
        (["--vocabulary", "own,none"], "own, none, or files"),
        (["--vocabulary", "nowhere.obo"], "cannot read the vocabulary"),
    ],
)
def test_wrong_options_are_told_before_anything_is_read(
    arguments: list[str], hint: str, tmp_path: Path
) -> None:
    folder = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    with pytest.raises(UsageError, match=hint):
        run("build", folder, "-o", tmp_path / "kb.duckdb", *arguments)
