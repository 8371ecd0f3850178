"""Bad input to every command: the exit code of the contract, one clear line, nothing written.

What is tried: `tests.hostile.commands`; the page of the fuzzing results lists it.
"""

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from apothecary.cli.main import main
from tests.hostile.commands import CASES, Case, prepare

__all__ = ["CASES"]

DEEP = b"[" * 5000
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the bad files, a home of its own, no index and no Hub."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("APOTHECARY_ENGINE", "APOTHECARY_API_KEY", "APOTHECARY_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    home = {
        "APOTHECARY_HOME": str(tmp_path / "home"),
        "PIP_NO_INDEX": "1",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with its digest; locks apart, which hold nothing."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def cases() -> list[object]:
    return [
        pytest.param(
            case,
            id=f"{case.command or 'apothecary'}: {case.what}",
            marks=[pytest.mark.xfail(strict=True, reason=case.fault)] if case.fault else [],
        )
        for case in CASES
    ]


@pytest.mark.parametrize("case", cases())
def test_bad_input_is_one_clear_line(
    case: Case, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    needed = {"train": "torch", "part.parquet": "pyarrow"}
    for word, package in needed.items():
        if word in " ".join(case.line) and importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.setenv(*case.environment)
    before = contents(work)
    code = main(case.line)
    out, err = capsys.readouterr()
    assert code == case.code
    assert "Traceback" not in out + err
    assert "unexpected " not in err.replace("unexpected extra argument", "")
    if code == 2:
        assert out == ""
        (line,) = [line for line in err.splitlines() if not line.startswith("model.safetensors")]
        assert line.startswith("error: ")
        assert len(line) < 1000 + max(map(len, case.line), default=0)
    assert case.words in err
    after = contents(work)
    allowed = (case.writes or "\0", "home/replies.sqlite")
    assert {
        name for name in after if before.get(name) != after[name] and not name.startswith(allowed)
    } == set()
    assert before.keys() <= after.keys()


@pytest.mark.parametrize("name", ["bad.jsonl", "twice.jsonl", "outside.pubtator"])
def test_a_bad_record_is_a_row_with_its_line_or_id(name: str, work: Path) -> None:
    engine = ["--engine", "scripted:script.jsonl", "--out", "out"]
    assert main(["extract", name, "--task", "mentions", *engine]) == 1
    rows = [json.loads(line) for line in (work / "out/errors.jsonl").read_text().splitlines()]
    assert len(rows) == 1
    assert re.match(rf"{name}(:\d+)?: .+", rows[0]["message"])
    assert (work / "out/predictions.jsonl").read_text().count("\n") == 1


DAMAGED = {
    "manifest.json": (b"", b"\xff", b"[]", DEEP),
    "predictions.jsonl": (b"\xff\n", b"[1]\n", b"{}\n", DEEP + b"\n"),
    "errors.jsonl": (b"\xff\n", b"1\n", b"{\n"),
    "ledger.json": (b"\xff", b"[]", DEEP, b'{"wall_seconds": %s}' % (b"9" * 400), b'{"steps": {"a": 5}}'),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_run_is_one_line_with_its_file(name: str, work: Path, capsys: Captured) -> None:
    for data in DAMAGED[name]:
        command = ["extract", "gold.pubtator", "--task", "mentions", "--engine", "scripted:script.jsonl"]
        assert main([*command, "--out", "out", "--fresh", "--max-calls", "0"]) == 3
        (work / "out" / name).write_bytes(data)
        capsys.readouterr()
        assert main([*command, "--out", "out"]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: out/{name}")
        assert "--fresh" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["predictions.jsonl", "errors.jsonl", "ledger.json", "report.html"])
def test_a_folder_in_the_place_of_a_file_of_a_run_is_one_line(
    name: str, work: Path, capsys: Captured
) -> None:
    (work / "out" / name).mkdir(parents=True)
    command = ["extract", "gold.pubtator", "--task", "mentions", "--engine", "scripted:script.jsonl"]
    assert main([*command, "--out", "out", "--fresh"]) == 2
    err = capsys.readouterr().err
    assert f"out/{name}: cannot write the run folder: Is a directory" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_name_that_is_no_text_is_no_fault(work: Path) -> None:
    program = [sys.executable, "-c", "from apothecary.__main__ import run; run()"]
    os.rename("script.jsonl", b"\xffs.jsonl")
    given = [
        b"gold.pubtator",
        b"--task",
        b"mentions",
        b"--engine",
        b"scripted:\xffs.jsonl",
        b"--out",
        b"\xffout",
    ]
    environment = os.environ | {"PYTHONUTF8": "1"}
    done = subprocess.run([*program, "extract", *given], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_command_of_the_page_is_tried_with_three_kinds_of_bad_input() -> None:
    commands = re.findall(r"^## apothecary (.+)$", PAGE.read_text(), re.MULTILINE)
    tried = Counter(case.command for case in CASES)
    assert {name for name in commands if tried[name] < 3} <= {
        "adapters",
        "models",
        "scenarios",
        "train",
        "instruct",
        "visits",
    }
    assert len({(case.command, case.what) for case in CASES}) == len(CASES)
