"""A run folder survives a kill at any byte, and refuses to mix runs."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import FormatError, RunError, RunMismatch, UsageError
from apothecary.runs.driver import Result
from apothecary.runs.folder import RunFolder, read_lines, unfinished
from apothecary.runs.ledger import Ledger, Spent
from apothecary.tasks.flow import Problem

MANIFEST = {"fingerprint": "f", "identity": {"settings": 1}, "status": "running"}


def result(name: str, problems: int = 0) -> Result:
    rows = tuple(Problem("s", "x", "AnswerError", "no", "\ud800 raw") for _ in range(problems))
    return Result(name, {"id": name, "text": "é\n"}, rows, {"s": Spent(1, 0, 5, 2, 1, 0.5)})


def write(path: Path, *results: Result, fresh: bool = False) -> RunFolder:
    folder = RunFolder(path)
    with folder.opened(MANIFEST, fresh=fresh):
        for each in results:
            folder.write(each)
        folder.write_ledger()
    return folder


def test_what_is_written_is_found_again(tmp_path: Path) -> None:
    write(tmp_path, result("a"), result("b"))
    again = write(tmp_path)
    assert again.done == {"a", "b"}
    assert again.ledger.total == Spent(2, 0, 10, 4, 2, 1.0)


def test_a_document_with_problems_is_done_again(tmp_path: Path) -> None:
    write(tmp_path, result("a"), result("b", problems=2), result("c"))
    again = write(tmp_path)
    assert (again.done, again.error_rows) == ({"a", "c"}, 0)
    write(tmp_path, result("b"))
    assert [row["id"] for row in read_lines(tmp_path / "predictions.jsonl")] == ["a", "c", "b"]
    assert (tmp_path / "errors.jsonl").read_text() == ""


@given(st.integers(0, 150))
@settings(deadline=None)
def test_a_file_cut_at_any_byte_is_taken_up(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("run")
    whole = [result(name) for name in "abcd"]
    write(path, *whole)
    predictions = path / "predictions.jsonl"
    complete = predictions.read_bytes()
    predictions.write_bytes(complete[:cut])
    write(path, *[r for r in whole if r.id not in done_in(complete[:cut])])
    assert predictions.read_bytes() == complete


@given(st.integers(0, 400))
@settings(deadline=None)
def test_error_rows_cut_at_any_byte_cost_no_document(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("run")
    whole = [result("a"), result("b", problems=1), result("c", problems=2)]
    write(path, *whole[:2], Result(whole[2].id, None, whole[2].problems))
    errors = path / "errors.jsonl"
    errors.write_bytes(errors.read_bytes()[:cut])
    done = write(path).done
    write(path, *[each for each in whole if each.id not in done])
    assert {str(row["id"]) for row in read_lines(path / "predictions.jsonl")} == set("abc")


def done_in(data: bytes) -> set[str]:
    return {json.loads(line)["id"] for line in data.split(b"\n")[:-1]}


def test_a_failed_document_leaves_no_prediction_and_is_tried_again(tmp_path: Path) -> None:
    write(tmp_path, Result("a", None, (Problem("read", "", "FormatError", "no"),)))
    again = write(tmp_path)
    assert again.done == set()
    assert again.error_rows == 0


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    write(tmp_path, result("a"))
    other = {"fingerprint": "g", "identity": {"settings": 2}}
    with (
        pytest.raises(RunMismatch, match=r"other settings \(settings\).*--fresh"),
        RunFolder(tmp_path).opened(other, fresh=False),
    ):
        pass
    with RunFolder(tmp_path).opened(other, fresh=True) as fresh:
        assert fresh.done == set()


def test_two_processes_cannot_write_one_folder(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path).opened(MANIFEST, fresh=False),
        pytest.raises(RunError, match="another process"),
        RunFolder(tmp_path).opened(MANIFEST, fresh=False),
    ):
        pass


@pytest.mark.parametrize("name", ["manifest.json", "ledger.json", "predictions.jsonl"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, result("a"))
    (tmp_path / name).write_text("{broken\n")
    with pytest.raises(FormatError, match=f"{name}.*is damaged.*--fresh"):
        write(tmp_path)


def test_a_folder_that_cannot_be_made_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write the run folder"):
        write(tmp_path / "file" / "run")


def test_the_newest_unfinished_run_of_the_same_fingerprint_is_found(tmp_path: Path) -> None:
    for name, status in (("toy-1", "running"), ("toy-2", "interrupted"), ("toy-3", "complete")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps({**MANIFEST, "status": status}))
    assert unfinished(tmp_path, "toy", "f") == tmp_path / "toy-2"
    assert unfinished(tmp_path, "toy", "other") is None


def test_a_ledger_that_is_none_is_named() -> None:
    with pytest.raises(FormatError, match=r"ledger.json: is not a ledger"):
        Ledger.from_record({"steps": {"s": {"calls": "many"}}}, where="ledger.json")
