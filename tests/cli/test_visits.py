"""``apothecary visits``: the command imports, counts, and says what is wrong in one line."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main
from tests.hospital import MIMIC3, NDC, write_tables

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_tables(tmp_path / "source", MIMIC3)
    (tmp_path / "ndc.csv").write_text(NDC)
    return tmp_path


def test_records_become_visits_and_an_audit(work: Path, capsys: Captured) -> None:
    command = "visits import source --from mimic3 --out out/v.jsonl --ndc ndc.csv"
    assert main(command.split()) == 0
    printed = capsys.readouterr().out
    assert "lost: ambiguous NDC" in printed
    assert "ambiguous NDC: Coumadin tablets" in printed
    assert json.loads((work / "out" / "v.audit.json").read_text())["visits"]["kept"] == 3
    assert len((work / "out" / "v.jsonl").read_text().splitlines()) == 3


def test_the_audit_may_be_printed_as_json(work: Path, capsys: Captured) -> None:
    command = "visits import source --from mimic3 --out v.jsonl --when admission --min-support 1 --json"
    assert main(command.split()) == 0
    assert json.loads(capsys.readouterr().out)["when"] == "admission"


def test_visits_are_counted(work: Path, capsys: Captured) -> None:
    main(["visits", "import", "source", "--from", "mimic3", "--out", "v.jsonl", "--ndc", "ndc.csv", "--json"])
    capsys.readouterr()
    assert main(["visits", "stats", "v.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["patients"] == 2
    assert main(["visits", "stats", "v.jsonl"]) == 0
    assert "diagnoses of icd9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("import none --from mimic3 --out v.jsonl", "none: cannot be read"),
        ("import source --from mimic4 --out v.jsonl", "no column anchor_age, anchor_year"),
        ("import source --from eicu --out v.jsonl", "no table patient.csv"),
        ("import source --from nope --out v.jsonl", "'nope' is not one of"),
        ("import source --from mimic3 --out v.jsonl --when later", "'later' is not one of"),
        ("import source --from mimic3 --out v.jsonl --ndc none", "none: cannot be read"),
        (
            "import source --from mimic3 --out v.jsonl --names source/ADMISSIONS.csv",
            "no column name",
        ),
        ("import source --from mimic3 --out v.jsonl --min-support 9", "no visit is left"),
        ("stats none.jsonl", "none.jsonl: cannot be read"),
        ("stats ndc.csv", "ndc.csv:1: not JSON"),
    ],
)
def test_what_is_wrong_is_one_line(work: Path, capsys: Captured, command: str, message: str) -> None:
    assert main(["visits", *command.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_an_error_in_a_row_of_visits_names_line_and_visit_only(work: Path, capsys: Captured) -> None:
    (work / "v.jsonl").write_text('{"visit_id": "a", "note": "x", "age": -5}\n')
    assert main(["visits", "stats", "v.jsonl"]) == 2
    assert "v.jsonl:1 (visit a): field age is not between 0 and 130" in capsys.readouterr().err
