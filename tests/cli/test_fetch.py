"""``apothecary fetch`` against a stand-in on loopback."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from apothecary.cli.fetch import fetch
from apothecary.errors import UsageError
from tests.runs.nlm_stand_in import Canned, NlmStandIn, standing_in


@pytest.fixture
def nlm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NlmStandIn]:
    monkeypatch.chdir(tmp_path)
    with standing_in(monkeypatch, {"1", "2", "3"}, {"PMC1"}) as server:
        yield server


def run(*arguments: str) -> int:
    app = typer.Typer()
    app.command()(fetch)
    return int(app(list(arguments), standalone_mode=False))


def test_everything_there_is_exit_0_and_one_line(nlm: NlmStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("1", "--out", "dir") == 0
    assert capsys.readouterr().out == "fetched 1, already there 0, not found 0 -> dir\n"
    assert run("1", "PMID:2", "PMC1", "--out", "dir") == 0
    assert capsys.readouterr() == ("fetched 2, already there 1, not found 0 -> dir\n", "")
    assert run("1", "--out", "dir", "--fresh") == 0
    assert capsys.readouterr().out == "fetched 1, already there 0, not found 0 -> dir\n"


def test_an_unknown_id_is_exit_1_and_named(nlm: NlmStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = [str(number) for number in range(900, 907)]
    assert run("1", *unknown, "--out", "dir") == 1
    out, err = capsys.readouterr()
    assert out == "fetched 1, already there 0, not found 7 -> dir\n"
    assert err == "not found: 900, 901, 902, 903, 904 and 2 more (dir.missing.txt)\n"


def test_a_failed_id_is_exit_1_with_its_reason(nlm: NlmStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    nlm.canned = [Canned(403)]
    assert run("1", "2", "--out", "dir") == 1
    out, err = capsys.readouterr()
    assert out == "fetched 0, already there 0, not found 0, failed 2 -> dir\n"
    assert err == "failed: 1, 2: the service answered 403\n"


def test_json_names_every_id(nlm: NlmStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    nlm.canned = [Canned(200, b"<a/>", {"Content-Encoding": "br"})]
    assert run("1", "PMC1", "PMC9", "--out", "dir", "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record.pop("failed").keys() == {"1"}
    assert record == {"folder": "dir", "fetched": ["PMC1"], "already_there": [], "not_found": ["PMC9"]}


def test_ids_come_from_a_file_and_from_standard_input(
    nlm: NlmStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ids").write_text("2\n")
    assert run("1", "--ids", "ids", "--out", "dir") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeff3\n\n3\n"))
    assert run("--ids", "-", "--out", "dir") == 0
    assert sorted(path.name for path in Path("dir").iterdir()) == ["1.xml", "2.xml", "3.xml"]


def test_a_bad_id_on_standard_input_is_named_with_its_line(
    nlm: NlmStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("3\nthree\n"))
    with pytest.raises(UsageError, match="standard input:2: 'three' is neither"):
        run("1", "--ids", "-", "--out", "dir")
    assert not nlm.seen


def test_standard_input_that_is_no_text_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1\n\xff\n"), encoding="utf-8"))
    with pytest.raises(Exception, match="standard input: is not UTF-8"):
        run("--ids", "-", "--out", "dir")
