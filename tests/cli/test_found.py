"""Findings on the terminal: only when asked for, with their words, and nothing that a terminal would obey."""

import json
from pathlib import Path

import pytest

from apothecary.cli.found import print_found

TEXT = "Zincol plus aspirin improved\x1b[2J survival. Ten men took 5 mg."
RECORD = {
    "id": "d1",
    "text": TEXT,
    "concepts": [
        {"id": "c1", "type": "Drug", "mentions": [], "names": ["Zincol"]},
        {"id": "c2", "type": "Drug", "mentions": [], "names": ["aspirin"]},
    ],
    "relations": [
        {
            "id": "r1",
            "type": "POS",
            "arguments": [{"role": "drug", "concept": "c1"}, {"role": "drug", "concept": "c2"}],
            "evidence": [{"start": 0, "end": 42, "quote": TEXT[:42]}],
            "confidence": 0.876,
        }
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = (json.dumps(RECORD | {"id": name}) for name in ("d1", "d2"))
    (tmp_path / "predictions.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def test_a_finding_is_told_with_its_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_found(folder, 2)
    told = capsys.readouterr().out
    assert told.startswith("found:\n  d1  POS  Zincol + aspirin  0.88\n")
    assert '"Zincol plus aspirin improved [2J survival."' in told


def test_more_findings_than_asked_for_are_said_to_be_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_found(folder, 1)
    told = capsys.readouterr().out
    assert told.startswith("found, among others:\n")
    assert "d2" not in told


def test_nothing_is_told_unasked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_found(folder, 0)
    assert capsys.readouterr().out == ""
