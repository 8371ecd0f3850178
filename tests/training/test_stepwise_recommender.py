"""From a file of visits to a policy whose editor has learnt, and to its lists."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")

import torch

from apothecary import api
from apothecary.cli.main import main
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.networks.list_editor import read_editor
from apothecary.networks.scorer_files import PART, read_scorer
from apothecary.training.stepwise_settings import read_stepwise_settings
from tests.runs.invented_visits import INTERACTIONS, write_visits

SCORER = '[scorer]\nvisits = "visits.jsonl"\nkind = "popularity"\nheld_out = 0.25\nmin_support = 2\n'
SHORT = "steps = 4\njudge_every = 2\njudged_parts = 2\nhidden = 4\ngenerations = 2\nvisits_per_step = 4\n"


def config(folder: Path, text: str = SHORT, scorer: str = SCORER) -> Path:
    write_visits(folder / "visits.jsonl")
    (folder / "ddi.csv").write_text(INTERACTIONS)
    (folder / "mine.toml").write_text(f'interactions = ["ddi.csv"]\n{text}{scorer}')
    return folder / "mine.toml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("stepwise")
    api.train_stepwise(config(made), out=made / "policy")
    return made


def test_a_policy_is_trained_and_compared(folder: Path) -> None:
    editor, scorer = read_editor(folder / "policy"), read_scorer(folder / "policy" / PART)
    assert editor.terms.threshold == scorer.threshold
    greedy, trained = editor.about["greedy"], editor.about["trained"]
    assert isinstance(greedy, list)
    assert isinstance(trained, list)
    assert [each["safety"] for each in trained] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert [each["visits"] for each in greedy] == [10] * 5


def test_its_lists_are_recommended_with_reasons(folder: Path) -> None:
    options = api.RecommendOptions(interactions=(folder / "ddi.csv",), excluded=("warfarin",))
    found = api.recommend(folder / "policy/held-out.jsonl", folder / "policy", options, out=folder / "run")
    assert (found.status, found.visits) == ("complete", 10)
    rows = [json.loads(line) for line in (folder / "run/predictions.jsonl").read_text().splitlines()]
    assert all("warfarin" not in row["drugs"] for row in rows)
    assert all([each["drug"] for each in row["reasons"]] == row["drugs"] for row in rows)
    assert json.loads((folder / "run/manifest.json").read_text())["policy"]["kind"].startswith("list editor")


def test_the_same_file_gives_the_same_policy(folder: Path, tmp_path: Path) -> None:
    api.train_stepwise(folder / "mine.toml", out=tmp_path / "again")
    for name in ("model.json", "editor.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / "policy" / name).read_bytes()


def test_the_command_says_how_to_use_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "stepwise", "--config", str(folder / "mine.toml"), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "apothecary recommend VISITS --policy" in printed
    assert "no medical advice" in printed


def test_an_interrupted_training_needs_resume(folder: Path) -> None:
    with pytest.raises(UsageError, match="holds a training already"):
        api.train_stepwise(folder / "mine.toml", out=folder / "policy")
    api.train_stepwise(folder / "mine.toml", out=folder / "policy", resume=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 0\n", "steps"),
        ("drawn = [4.0, 1.0]\n", "drawn"),
        ("judged_parts = 9\n", "judged_parts"),
        ("colour = 1\n", "colour"),
        ("safeties = []\n", "safeties"),
        ("sharpness = nan\n", "sharpness"),
        ("[advantage]\nestimator = 'best'\n", "advantage.estimator"),
        ("[harm]\nmeasure = 'fear'\n", "harm.measure"),
    ],
)
def test_a_wrong_setting_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_stepwise_settings(config(tmp_path, text))


@pytest.mark.parametrize("scorer", ["folds = 1\n", 'interactions = ["ddi.csv"]\n'])
def test_a_scorer_that_cannot_serve_is_refused(scorer: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="scorer"):
        read_stepwise_settings(config(tmp_path, SHORT, SCORER + scorer))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("steps = = 1")
    with pytest.raises(FormatError, match=r"bad\.toml"):
        read_stepwise_settings(tmp_path / "bad.toml")


def test_one_patient_is_too_few(tmp_path: Path) -> None:
    path = config(tmp_path, SHORT, SCORER.replace("held_out = 0.25\nmin_support = 2", "min_support = 1"))
    write_visits(tmp_path / "visits.jsonl", 2)
    with pytest.raises(UsageError, match="too few patients"):
        api.train_stepwise(path, out=tmp_path / "policy")
    assert not (tmp_path / "policy").exists()


def test_a_bad_visit_is_named_by_its_line(tmp_path: Path) -> None:
    path = config(tmp_path)
    with (tmp_path / "visits.jsonl").open("a") as stream:
        stream.write("{]\n")
    with pytest.raises(DataError, match=r"visits\.jsonl:41"):
        api.train_stepwise(path, out=tmp_path / "policy")
