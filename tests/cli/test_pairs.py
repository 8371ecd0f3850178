"""Two verticals in one command: relations say which pairs conditions are asked about."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main

TEXT = "Losartan in hypertension. Ten women with hypertension took losartan 50 mg daily."
ANSWER = '["Span: Ten women | Label: Gender", "Span: 50 mg daily | Label: Dosage"]'
RUN = {
    "id": "trial",
    "text": TEXT,
    "concepts": [
        {"id": "c1", "type": "Chemical", "mentions": [], "names": ["Losartan"]},
        {"id": "c2", "type": "Disease", "mentions": [], "names": ["hypertension"]},
    ],
    "relations": [
        {
            "id": "r1",
            "type": "Negative_Correlation",
            "arguments": [{"role": "one", "concept": "c1"}, {"role": "other", "concept": "c2"}],
        }
    ],
}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    Path("trial.txt").write_text(TEXT)
    Path("script.jsonl").write_text(json.dumps({"reply": ANSWER}) + "\n")
    return tmp_path


def extract(*more: str) -> int:
    given = ["trial.txt", "--task", "conditions", "--engine", "scripted:script.jsonl"]
    return main(["extract", *given, *more])


def test_the_pairs_of_a_run_are_asked_about(work: Path) -> None:
    (work / "found").mkdir()
    Path("found/manifest.json").write_text('{"task": "relations"}')
    Path("found/predictions.jsonl").write_text(json.dumps(RUN) + "\n")
    assert extract("--pairs", "found", "--out", "run") == 0
    record = json.loads(Path("run/predictions.jsonl").read_text())
    assert [(each["span"], each["type"]) for each in record["conditions"]] == [
        ("Ten women", "Gender"),
        ("50 mg daily", "Dosage"),
    ]


def test_the_run_of_relations_can_be_made_first(work: Path) -> None:
    assert extract("--pairs", "relations", "--out", "run") == 0
    manifest = json.loads(Path("run-pairs/manifest.json").read_text())
    assert (manifest["task"], manifest["identity"]["settings"]["schema"]) == ("relations", "biored")
    assert json.loads(Path("run/manifest.json").read_text())["identity"]["settings"]["pairs"] == "run-pairs"


def test_that_run_needs_a_folder(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract("--pairs", "relations") == 2
    assert "--out DIR" in capsys.readouterr().err


def test_a_dry_run_cannot_know_pairs_that_are_not_there_yet(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract("--pairs", "relations", "--out", "run", "--dry-run") == 2
    assert "make that run" in capsys.readouterr().err
    assert not Path("run-pairs").exists()
