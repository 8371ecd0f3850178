"""``apothecary store export | interactions | import-reviewed``: files, exit codes, one line for an error."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main
from apothecary.store.opening import opened
from tests.store.export_base import NEG, made_base

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return made_base(tmp_path / "kb.duckdb")


def test_an_export_says_what_it_wrote_and_what_it_lost(base: Path, capsys: Captured) -> None:
    assert main(["store", "export", "kb.duckdb", "--form", "bioc-json", "-o", "kb.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["counts"]["documents"], told["lost"]["conditions"]) == ("kb.json", 4, 1)


def test_a_document_left_out_is_exit_1(base: Path, capsys: Captured) -> None:
    with opened(base, write=True) as connection:
        connection.execute("UPDATE documents SET document = 'a|b' WHERE document = '104'")
    assert main(["store", "export", "kb.duckdb", "--form", "pubtator", "-o", "kb.pubtator"]) == 1
    printed = capsys.readouterr()
    assert "a|b" in printed.err
    assert "documents left out" in printed.out


def test_interactions_are_written_with_a_severity_that_was_given(base: Path, capsys: Captured) -> None:
    assert main(["store", "interactions", "kb.duckdb", "-o", "i.csv", "--severity", "NEG=major"]) == 0
    assert "mirtal,zincol,major,kb kb,0.8100," in base.with_name("i.csv").read_text()
    assert "not medical advice" in capsys.readouterr().out


def test_a_table_without_a_pair_is_a_warning(base: Path, capsys: Captured) -> None:
    assert main(["store", "interactions", "kb.duckdb", "-o", "i.csv", "--min-belief", "0.99"]) == 0
    assert "warning: no harmful pair" in capsys.readouterr().err


def test_what_was_reviewed_comes_back_as_decisions(base: Path, capsys: Captured) -> None:
    assert main(["store", "export", "kb.duckdb", "--form", "label-studio", "-o", "t.json"]) == 0
    tasks = json.loads(base.with_name("t.json").read_text())
    result = tasks[0]["predictions"][0]["result"]
    verdict = {"id": NEG, "from_name": "verdict", "type": "choices", "value": {"choices": ["accept"]}}
    tasks[0]["annotations"] = [{"result": [*result, verdict]}]
    tasks[1]["data"]["text"] = "changed"
    base.with_name("r.json").write_text(json.dumps(tasks))
    capsys.readouterr()
    assert main(["store", "import-reviewed", "kb.duckdb", "r.json", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["accept"] == 1
    assert main(["store", "import-reviewed", "kb.duckdb", "r.json", "--reviewer", "anna"]) == 1
    printed = capsys.readouterr()
    assert "accept" in printed.out
    assert "task 2: the text is not that of the base" in printed.err
    assert base.with_name("kb.decisions.sqlite").is_file()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("export kb.duckdb --form bioc -o x", "--form"),
        ("export none.duckdb --form rdf -o x", "no such knowledge base"),
        ("interactions kb.duckdb -o x --severity NEG", "TYPE=LEVEL"),
        ("interactions kb.duckdb -o x --min-belief 2", "min-belief"),
        ("import-reviewed kb.duckdb none.json", "none.json"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(base: Path, capsys: Captured, command: str, what: str) -> None:
    assert main(["store", *command.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert what in line
