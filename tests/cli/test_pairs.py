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
    assert (manifest["task"], manifest["identity"]["settings"]["schema"]) == ("relations", "chemdisgene")
    assert json.loads(Path("run/manifest.json").read_text())["identity"]["settings"]["pairs"] == "run-pairs"


def test_pairs_that_the_pocket_models_find_are_asked_about(work: Path) -> None:
    Path("trial.txt").write_text(
        "Metformin protects against diabetes. Metformin is used as therapy for diabetes."
    )
    assert extract("--pairs", "relations", "--out", "run") == 0
    record = json.loads(Path("run/predictions.jsonl").read_text())
    assert [each["pair"] for each in record["pairs"]] == [["Metformin", "diabetes"]]


@pytest.mark.parametrize(("code", "asked"), [("1", []), ("7", [["losartan", "hypertension"]])])
def test_another_engine_can_find_the_pairs(work: Path, code: str, asked: list[list[str]]) -> None:
    Path("codes.jsonl").write_text(json.dumps({"reply": code}) + "\n")
    finder = ("--pairs-engine", "mentions=pocket,scripted:codes.jsonl")
    assert extract("--pairs", "relations", *finder, "--out", "run") == 0
    record = json.loads(Path("run/predictions.jsonl").read_text())
    assert [[name.casefold() for name in each["pair"]] for each in record["pairs"]] == asked


def test_who_finds_the_pairs_of_a_run_that_is_there_is_settled(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract("--pairs", "found", "--pairs-engine", "pocket", "--out", "run") == 2
    assert "--pairs relations" in capsys.readouterr().err


def test_a_run_tells_how_many_documents_have_no_pair(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract("--out", "run") == 0
    assert "note: 1 of 1 documents have no pair to ask about; --pairs RUN" in capsys.readouterr().out


def test_a_run_tells_of_how_many_pairs_the_text_does_not_name_a_side(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"id": "1", "title": "Losartan.", "abstract": "Ten women.", "drug": "losartan", "disease": "asthma"}
    Path("trial.txt").unlink()
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    given = ["rows.jsonl", "--task", "conditions", "--engine", "scripted:script.jsonl", "--out", "run"]
    assert main(["extract", *given]) == 0
    assert "drug or disease of 1 of 1 pairs" in capsys.readouterr().out


def test_that_run_needs_a_folder(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract("--pairs", "relations") == 2
    assert "--out DIR" in capsys.readouterr().err


def test_a_dry_run_cannot_know_pairs_that_are_not_there_yet(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract("--pairs", "relations", "--out", "run", "--dry-run") == 2
    assert "make that run" in capsys.readouterr().err
    assert not Path("run-pairs").exists()
