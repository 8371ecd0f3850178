"""A policy is read by what its folder says it is."""

import json
from pathlib import Path

import pytest

from apothecary.errors import ModelMissing, RunMismatch, UsageError, WeightsError
from apothecary.networks.list_editor import Terms, greedy_editor, write_editor
from apothecary.networks.scorer_files import PART, read_scorer, write_scorer
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import recommend
from tests.runs.invented_visits import trained


@pytest.fixture
def work(tmp_path: Path) -> Path:
    trained(tmp_path)
    return tmp_path


def options(work: Path, **settings: object) -> RecommendOptions:
    return RecommendOptions((work / "ddi.csv",), settings=settings)


def edited(work: Path) -> Path:
    """A policy with an editor of its own, which does what the greedy one does."""
    write_editor(work / "edited", greedy_editor(Terms()))
    write_scorer(work / "edited" / PART, read_scorer(work / "policy"))
    return work / "edited"


def lists(folder: Path) -> list[object]:
    return [json.loads(line)["drugs"] for line in (folder / "predictions.jsonl").read_text().splitlines()]


def test_an_editor_of_its_own_is_used(work: Path) -> None:
    visits = work / "visits.jsonl"
    recommend(visits, edited(work), options(work, safety=2), out=work / "own")
    recommend(visits, work / "policy", options(work, safety=2, threshold=0.3), out=work / "greedy")
    assert lists(work / "own") == lists(work / "greedy")
    manifest = json.loads((work / "own" / "manifest.json").read_text())
    assert manifest["policy"]["kind"] == "list editor over knn"
    settings = manifest["identity"]["settings"]
    assert (settings["editor"], settings["threshold"]) == ("own", 0.3)


def test_another_editor_may_be_asked_for(work: Path) -> None:
    recommend(work / "visits.jsonl", edited(work), options(work, editor="none"), out=work / "run")
    assert '"action"' not in (work / "run" / "predictions.jsonl").read_text()
    with pytest.raises(UsageError, match="no editor of its own"):
        recommend(work / "visits.jsonl", work / "policy", options(work, editor="own"), out=work / "b")


def test_a_changed_scorer_is_another_policy(work: Path) -> None:
    folder = edited(work)
    recommend(work / "visits.jsonl", folder, options(work), out=work / "run")
    text = (folder / PART / "model.json").read_text()
    (folder / PART / "model.json").write_text(text.replace('"threshold": 0.', '"threshold": 0.0'))
    with pytest.raises(RunMismatch, match="policy"):
        recommend(work / "visits.jsonl", folder, options(work), out=work / "run")


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"what": "apothecary span model"}', "[" * 20_000])
def test_what_is_no_policy_is_told(text: str, work: Path) -> None:
    (work / "policy" / "model.json").write_text(text)
    with pytest.raises(WeightsError, match=r"model.json: is (none of|damaged)"):
        recommend(work / "visits.jsonl", work / "policy", options(work), out=work / "run")


def test_an_editor_without_its_scorer_is_told(work: Path) -> None:
    folder = edited(work)
    (folder / PART / "arrays.npz").unlink()
    with pytest.raises(ModelMissing, match="no policy in it"):
        recommend(work / "visits.jsonl", folder, options(work), out=work / "run")
