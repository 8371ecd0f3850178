"""``apothecary recommend`` and ``apothecary train recommender`` from the command line."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main
from tests.runs.invented_visits import INTERACTIONS, write_visits

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Path:
    monkeypatch.chdir(tmp_path)
    write_visits(Path("visits.jsonl"))
    Path("ddi.csv").write_text(INTERACTIONS)
    Path("near.toml").write_text('visits = "visits.jsonl"\nkind = "knn"\nheld_out = 0.25\n')
    assert main(["train", "recommender", "--config", "near.toml"]) == 0
    assert "kept out" in capsys.readouterr().out
    return tmp_path


@pytest.mark.usefixtures("work")
def test_lists_are_recommended_and_scored(capsys: Captured) -> None:
    command = "recommend models/near/held-out.jsonl --policy near --interactions ddi.csv --safety 1 --out run"
    assert main(command.split()) == 0
    printed = capsys.readouterr()
    assert "not medical advice" in printed.out
    assert "ddi rate macro, one" in printed.out
    assert "in no table of interactions" in printed.err
    score = "score medication --gold models/near/held-out.jsonl --predictions run/predictions.jsonl --json"
    assert main(score.split()) == 0
    assert json.loads(capsys.readouterr().out)["predicted_visits"] == 10


@pytest.mark.usefixtures("work")
def test_a_program_reads_json(capsys: Captured) -> None:
    command = "recommend visits.jsonl --policy near --interactions ddi.csv --json --set editor=beam --limit 5"
    assert main(command.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["visits"], found["status"], found["scores"]["visits"]) == (5, "complete", 5)
    assert Path(found["folder"]).parent == Path("runs")


@pytest.mark.usefixtures("work")
def test_the_frontier_is_a_table_and_a_page(capsys: Captured) -> None:
    command = "recommend visits.jsonl --policy models/near --interactions ddi.csv --frontier 0,2 --out f"
    assert main(command.split()) == 0
    printed = capsys.readouterr().out
    assert "not medical advice" in printed
    assert "f/report.html" in printed
    assert main([*command.split()[:-1], "g", "--json"]) == 0
    assert [point["safety"] for point in json.loads(capsys.readouterr().out)["points"]] == [0, 2]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("--policy nobody", "in models/: near"),
        ("--interactions none.csv", "none.csv: cannot be read"),
        ("--frontier 0,x", "is no list of numbers"),
        ("--frontier 0 --safety 1", "give either"),
        ("--safety -1", "greater than or equal to 0"),
        ("--set editor=magic", "setting editor"),
        ("--set colour=red", "there is no setting"),
        ("--classes visits.jsonl", "the classes name no drug"),
    ],
)
def test_wrong_use_is_one_line(change: str, message: str, capsys: Captured) -> None:
    command = "recommend visits.jsonl --policy near --interactions ddi.csv --out run"
    assert main([*command.split(), *change.split()]) == 2
    printed = capsys.readouterr().err.strip().splitlines()
    assert message in printed[-1]
    assert printed[-1].startswith("error: ")


@pytest.mark.usefixtures("work")
def test_failed_visits_leave_with_one(capsys: Captured) -> None:
    with Path("visits.jsonl").open("a") as stream:
        stream.write('{"visit_id": "bad", "age": 999}\n')
    command = "recommend visits.jsonl --policy near --interactions ddi.csv --out run"
    assert main(command.split()) == 1
    assert "run/errors.jsonl" in capsys.readouterr().err
