"""What a language model learns lists from: training visits alone, in the form that trainings read."""

import json
from pathlib import Path
from typing import Any

import pytest

from apothecary.training.chat_data import read_conversations
from apothecary.training.list_data import ListDataOptions, write_list_data
from apothecary.training.recommender import train_recommender
from tests.runs.invented_visits import write_visits

CONFIG = 'visits = "visits.jsonl"\nkind = "knn"\nheld_out = 0.25\nmin_support = 2\n'


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    write_visits(folder / "visits.jsonl", note="secret of the stay")
    (folder / "config.toml").write_text(CONFIG)
    return folder


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_no_visit_that_a_policy_keeps_out_is_learnt_from(work: Path, tmp_path: Path) -> None:
    policy = train_recommender(work / "config.toml", out=tmp_path / "policy")
    kept_out = {row["visit_id"] for row in rows(policy.folder / "held-out.jsonl")}
    found = write_list_data(work / "config.toml", tmp_path / "lists", ListDataOptions(60))
    learnt = {row["id"].partition("#")[0] for row in rows(tmp_path / "lists" / "sft.jsonl")}
    assert kept_out
    assert not learnt & kept_out
    assert (found.visits, found.kept_out) == (policy.visits, len(kept_out))
    vocabulary = json.loads((policy.folder / "model.json").read_text())["vocabulary"]
    assert json.loads((tmp_path / "lists" / "vocabulary.json").read_text()) == vocabulary


@pytest.mark.parametrize("passes", ["loop", "two"])
def test_the_files_are_what_trainings_read(work: Path, tmp_path: Path, passes: Any) -> None:
    found = write_list_data(work / "config.toml", tmp_path, ListDataOptions(10, passes))
    answered = read_conversations([tmp_path / "sft.jsonl", tmp_path / "questions.jsonl"], answered=True)
    assert len(answered) == found.lessons + 10
    asked = read_conversations([tmp_path / "grpo.jsonl"], answered=False)
    assert len(asked) == found.prompts == (10 if passes == "loop" else 20)
    assert all(set(each.columns) == {"id", "start", "gold", "mode"} for each in asked)


def test_the_same_seed_writes_the_same_bytes(work: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_list_data(work / "config.toml", tmp_path / name, ListDataOptions(20, seed=seed))
    one, same, other = ((tmp_path / name / "sft.jsonl").read_bytes() for name in "abc")
    assert one == same != other


def test_notes_are_told_only_when_asked_for(work: Path, tmp_path: Path) -> None:
    for name, note in (("plain", False), ("note", True)):
        write_list_data(work / "config.toml", tmp_path / name, ListDataOptions(5, note=note))
        told = "secret" in (tmp_path / name / "sft.jsonl").read_text()
        assert told == note
