"""``store query`` on a small base: lines, JSON, a page, SQL, and one clear line for what goes wrong."""

import json
from pathlib import Path

import pytest

from apothecary.cli.main import main
from tests.store.query_base import SENTENCE, asked_base


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(asked_base(tmp_path_factory.mktemp("base")))


def query(store: str, *arguments: str) -> int:
    return main(["store", "query", store, *arguments])


def test_lines_say_how_sure_in_whom_at_what_dose_and_who_says_so(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert query(store, "--drug", "zincol", "--disease", "gout", "--type", "POS") == 0
    told = capsys.readouterr().out
    for words in (
        "1 to 1 of 1 edges by belief",
        "2 documents, 1 against, contradicted",
        "gout: in the sentence (2 documents)",
        "Dosage: 75 mg/m2 (zincol, gout) [1]",
        f'"{SENTENCE}" (0-45)',
        "0.90",
        "negated",
    ):
        assert words.lower() in told.lower()


def test_json_and_the_page_hold_the_same_edges(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "answer.html"
    assert query(store, "--drug", "mirtal", "--html", str(page), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert len(record["edges"]) == record["total"] == page.read_text().count('class="edge"') == 2


def test_sql_prints_rows_and_says_when_there_are_more(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(store, "--sql", "SELECT document FROM documents ORDER BY 1", "--limit", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"columns": ["document"], "rows": [["1"]], "more": True}
    assert query(store, "--sql", "SELECT NULL AS nothing") == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["nothing", "NULL"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drug", "zinkol"), "nearest: Zincol"),
        (("--sql", "DROP TABLE edges"), "refused"),
        (("--sql", "SELECT 1", "--drug", "zincol"), "goes with --limit"),
        (("--limit", "1001"), "--limit"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_two(
    store: str, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert query(store, *arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_nothing_found_is_said(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(store, "--text", "zebra") == 0
    assert capsys.readouterr().out == "no edge fits\n"
    assert query(store, "--offset", "9") == 0
    assert "none is left" in capsys.readouterr().out
