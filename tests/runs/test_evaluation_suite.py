"""Suites: what they say is checked before anything is asked."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError, UsageError
from apothecary.examples import TASKS
from apothecary.runs.evaluation_result import FAMILY
from apothecary.runs.evaluation_suite import default_suites, read_suite

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> str:
    path = folder / "s.toml"
    path.write_text(text)
    return str(path)


def test_the_default_suite_has_both_languages_and_five_families() -> None:
    assert default_suites() == ("default",)
    suite = read_suite("default", data=Path("built"))
    tasks = [task for part in suite.set for task in TASKS if task == part.task]
    assert len(tasks) == len(suite.set)
    assert len({FAMILY[task] for task in tasks}) == 5
    names = {Path(part.file).stem for part in suite.set}
    assert names >= {"ncbi_disease", "pubmedqa", "cmeee", "kuake_qic", "toyhom"}


def test_the_example_is_a_suite() -> None:
    suite = read_suite(str(ROOT / "examples" / "instruct" / "suite.toml"), data=Path("built"))
    assert [part.name for part in suite.set] == ["ncbi_disease-mentions", "pubmedqa", "kuake_qic", "toyhom"]


def test_files_lie_beside_the_suite_or_below_the_data(tmp_path: Path) -> None:
    text = '[[set]]\nfile = "a.jsonl"\nsplit = "dev"\n'
    assert read_suite(written(tmp_path, text)).set[0].file == str(tmp_path / "a.jsonl")
    assert read_suite(written(tmp_path, text), data=Path("d")).set[0].train_file == str(Path("d/a.jsonl"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("items = 0", "items = 0"),
        ("shots = 65", "shots = 65"),
        ('colour = "red"', "colour"),
        ('task = "cooking"', "no task 'cooking'"),
        ('language = "fr"', "no language 'fr'"),
        ('metrics = ["f2"]', "no metric 'f2'"),
        ("max_new_tokens = -1", "max_new_tokens = -1"),
        ('file = ""', "file"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    known = "" if line.startswith("file") else 'file = "a.jsonl"\n'
    with pytest.raises((UsageError, FormatError), match=words):
        read_suite(written(tmp_path, f'[[set]]\n{known}split = "dev"\n{line}\n'))


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    text = '[[set]]\nfile = "a.jsonl"\nsplit = "dev"\n'
    with pytest.raises(UsageError, match="two sets are called 'a'"):
        read_suite(written(tmp_path, text * 2))
