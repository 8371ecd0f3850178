"""Lists of medication scored from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from apothecary import api
from apothecary.cli.main import main
from apothecary.errors import UsageError

GOLD = [
    {"visit_id": "1", "patient_id": "p", "gold": ["Aspirin", "Warfarin"]},
    {"visit_id": "2", "patient_id": "q", "gold": ["Zinc"]},
]
GOOD = [{"visit_id": "1", "drugs": ["aspirin", "warfarin"]}, {"visit_id": "2", "drugs": ["Zinc"]}]
BAD = [{"visit_id": "1", "drugs": ["Zinc"]}]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, rows in (("gold", GOLD), ("good", GOOD), ("bad", BAD)):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("ddi.csv").write_text("drug_a,drug_b\nwarfarin,aspirin\nwarfarin,nobodyhasit\n")
    return tmp_path


def score(*options: str, predictions: str = "good.jsonl") -> int:
    return main(["score", "medication", "--gold=gold.jsonl", f"--predictions={predictions}", *options])


@pytest.mark.usefixtures("work")
def test_every_figure_of_the_contract_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--json", "--interactions", "ddi.csv", "--resamples=50") == 0
    printed = capsys.readouterr()
    found: dict[str, Any] = json.loads(printed.out)
    for name in ("jaccard", "precision", "recall", "f1"):
        assert found[name] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["prauc"] is None
    assert found["ddi_rate_macro"]["value"] == found["ddi_rate_gold"]["value"] == 0.5
    assert found["ddi_rate_micro"]["value"] == 1.0
    assert found["mean_drugs"]["value"] == 1.5
    assert printed.err == "warning: 1 of 3 drugs of the interactions are in no list: nobodyhasit\n"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("names", ["warfarin,cumadin", "cumadin,warfarin"])
def test_other_names_count_in_the_interactions(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ddi.csv").write_text("drug_a,drug_b\ncumadin,aspirin\n")
    Path("names.csv").write_text(f"name,alias\n{names}\n")
    found = []
    for options in ([], ["--names=names.csv"]):
        assert score("--json", "--interactions=ddi.csv", "--resamples=5", *options) == 0
        printed = capsys.readouterr()
        figures: dict[str, Any] = json.loads(printed.out)
        found.append(
            (figures["ddi_rate_micro"]["value"], figures["interactions"]["drugs_known"], printed.err)
        )
    warning = "warning: 1 of 2 drugs of the interactions are in no list: cumadin\n"
    assert found == [(0.0, 1, warning), (1.0, 2, "")]


@pytest.mark.usefixtures("work")
def test_two_files_of_predictions_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--against", "bad.jsonl", "--resamples=50") == 0
    printed = capsys.readouterr().out
    assert "medication: 2 visits" in printed
    assert "good.jsonl less bad.jsonl" in printed
    assert "+100.0" in printed


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--against=ddi.csv"], "ddi.csv:1: not JSON"),
        (["--against=none.jsonl"], "none.jsonl: cannot be read"),
        (["--predictions=bad.jsonl"], "several runs are scored one by one"),
        (["--against=bad.jsonl"] * 2, "several runs of medication cannot be compared"),
        (["--interactions=none.csv"], "none.csv: cannot be read"),
        (["--interactions=gold.jsonl"], "is no known table of interactions"),
        (["--set", "colour=red"], "there is no setting 'colour' (settings: interactions, names)"),
        (["--interactions=ddi.csv", "--names=none.csv"], "none.csv: cannot be read"),
        (["--errors"], "knows no relations and lists no errors"),
        (["--gold=bad.jsonl"], "no visit has gold"),
    ],
)
def test_wrong_use_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(*options) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.usefixtures("work")
def test_other_tasks_know_no_interactions(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--gold=gold.jsonl", "--predictions=good.jsonl", "--interactions=ddi.csv"]
    assert main(["score", "relations", *files]) == 2
    assert "no setting 'interactions'" in capsys.readouterr().err
    assert main(["score", "relations", *files[:2], "--names=names.csv"]) == 2
    assert "no setting 'names'" in capsys.readouterr().err


def test_visits_are_no_documents(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="medication reads visits, not documents"):
        api.extract(tmp_path, "medication")


@pytest.mark.usefixtures("work")
def test_the_function_gives_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--json", predictions="bad.jsonl") == 0
    assert json.loads(capsys.readouterr().out) == api.score("medication", "gold.jsonl", "bad.jsonl")
    found = api.compare("medication", "gold.jsonl", "good.jsonl", "bad.jsonl")
    assert set(found) == {"jaccard", "precision", "recall", "f1"}
