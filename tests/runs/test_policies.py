"""A policy is read by what its folder says it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from apothecary.errors import ModelMissing, RunMismatch, UsageError, WeightsError
from apothecary.networks.list_editor import Terms, greedy_editor, write_editor
from apothecary.networks.scorer_files import PART, read_scorer, write_scorer
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import recommend
from apothecary.training.recommender import train_recommender
from tests.runs.invented_visits import trained, write_visits


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


def test_other_names_count_in_the_interactions(work: Path) -> None:
    """Which of two names the table has makes no difference: both ways the pair is told and weighs."""
    told: list[str] = []
    for table, names in (("warfarin", ""), ("cumadin", "warfarin,cumadin"), ("cumadin", "cumadin,warfarin")):
        (work / "pairs.csv").write_text(f"drug_a,drug_b,severity,source\naspirin,{table},major,one\n")
        (work / "names.csv").write_text(f"name,alias\n{names}\naspirin,asa\n")
        given = RecommendOptions((work / "pairs.csv",), work / "names.csv", settings={"safety": 4})
        recommend(work / "visits.jsonl", work / "policy", given, out=work / str(len(told)))
        told.append((work / str(len(told)) / "predictions.jsonl").read_text())
    assert '"reason":"interaction"' in told[0]
    assert told == [told[0]] * 3


def test_names_of_interactions_that_the_policy_lacks_are_told(work: Path) -> None:
    (work / "pairs.csv").write_text("drug_a,drug_b\naspirin,warfarn\naspirin,heparine\nzinc,iron\n")
    given = RecommendOptions((work / "pairs.csv",))
    found = recommend(work / "visits.jsonl", work / "policy", given, out=work / "run")
    line = "4 of 5 drugs of the interactions are not in the policy: heparine, iron, warfarn, ..."
    assert line in found.warnings
    assert line in (work / "run" / "report.html").read_text()


def test_drugs_of_lists_that_the_policy_lacks_are_told_by_number_then_name(work: Path) -> None:
    lists_of = (["zinc", "aspirin", "iron"], ["iron", "silver"])
    rows = [{"visit_id": str(n), "patient_id": str(n), "gold": gold} for n, gold in enumerate(lists_of)]
    (work / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = recommend(work / "new.jsonl", work / "policy", options(work), out=work / "run")
    assert "3 of 4 drugs of the lists are not in the policy: iron, silver, zinc" in found.warnings


def test_inputs_that_were_known_late_are_told(work: Path) -> None:
    early = write_visits(work / "early.jsonl", diagnoses=[{"system": "icd9", "code": "4019", "hours": -1.0}])
    (work / "early.toml").write_text('visits = "early.jsonl"\nkind = "knn"\n')
    said: dict[str, str] = {}
    for name in ("early", "config"):
        lines: list[str] = []
        train_recommender(work / f"{name}.toml", out=work / name, say=lines.append)
        said[name] = "\n".join(lines)
    assert "known late" not in said["early"]
    assert "warning: inputs of 40 of 40 visits to learn from were known late" in said["config"]
    told = {}
    for policy in ("policy", "early"):
        for visits in (work / "visits.jsonl", early):
            found = recommend(visits, work / policy, options(work), out=work / f"{policy}-{visits.stem}")
            told[policy, visits.stem] = [each for each in found.warnings if "known late" in each]
    ((both,), (learnt,), (given,), none) = told.values()
    assert "inputs of 40 of 40 visits and of 40 of 40 visits that the policy learnt from were" in both
    assert "inputs of 40 of 40 visits that the policy learnt from were known late" in learnt
    assert "inputs of 40 of 40 visits were known late, or it is not told when: visits import --when" in given
    assert none == []


def test_an_edited_policy_tells_what_its_scorer_learnt(work: Path) -> None:
    given = replace(options(work), limit=5)
    found = recommend(work / "visits.jsonl", edited(work), given, out=work / "run")
    assert "of 5 of 5 visits and of 40 of 40 visits that the policy learnt from" in found.warnings[-1]


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
