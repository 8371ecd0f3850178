"""Runs of recommendations: lists with reasons, masks that hold, resumed as they were."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apothecary.errors import FormatError, ModelMissing, RunMismatch, UsageError
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import frontier, recommend
from apothecary.runs.visit_files import read_cases, survey
from apothecary.tasks.recommending import Case
from tests.runs.invented_visits import trained, write_visits


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    trained(folder)
    return folder


def options(work: Path, **settings: object) -> RecommendOptions:
    return RecommendOptions((work / "ddi.csv",), settings=settings)


def rows(folder: Path, name: str = "predictions.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def run(work: Path, out: Path, visits: Path | None = None, **settings: object) -> list[dict[str, Any]]:
    recommend(visits or work / "visits.jsonl", work / "policy", options(work, **settings), out=out)
    return rows(out)


def test_every_drug_of_a_list_has_its_reason(work: Path, tmp_path: Path) -> None:
    for row in run(work, tmp_path / "run"):
        assert [each["drug"] for each in row["reasons"]] == row["drugs"]
        for each in row["reasons"]:
            told = [why["reason"] for why in each["why"]]
            assert told[0] == "score"
            assert ("kept" in told) != ("added" in told)
        gone = {why["drug"] for why in row["removed"]}
        assert gone == {e["drug"] for e in row["edits"] if e["action"] == "remove"} - set(row["drugs"])


def test_a_run_is_scored_and_has_a_page(work: Path, tmp_path: Path) -> None:
    found = recommend(work / "visits.jsonl", work / "policy", options(work), out=tmp_path / "run")
    assert (found.status, found.visits, found.failed) == ("complete", 40, 0)
    assert found.scores is not None
    assert found.scores["visits"] == 40
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Research tool, not medical advice" in page
    assert "interacts with" in page


def test_safety_sheds_interactions_and_names_them(work: Path, tmp_path: Path) -> None:
    free, safe = (run(work, tmp_path / str(alpha), safety=alpha) for alpha in (0, 4))
    assert sum(row["interactions"] for row in free) > 0 == sum(row["interactions"] for row in safe)
    told = [
        why
        for row in safe
        for each in row["removed"]
        for why in each["why"]
        if why["reason"] == "interaction" and {each["drug"], why["with"]} == {"aspirin", "warfarin"}
    ]
    said = [{"source": "one", "severity": "major"}, {"source": "two", "severity": "severe"}]
    assert told
    assert all(why["said"] == said for why in told)


def test_no_reward_overrides_an_allergy(work: Path, tmp_path: Path) -> None:
    visits = write_visits(
        tmp_path / "v.jsonl", allergies=["Aspirin (rash)", "shellfish"], exclusions=["insulin"]
    )
    found = recommend(visits, work / "policy", options(work, safety=0), out=tmp_path / "run")
    for row in rows(tmp_path / "run"):
        assert not {"aspirin", "insulin"} & set(row["drugs"])
        for each in row["removed"]:
            if each["drug"] == "aspirin":
                assert each["why"] == [{"reason": "mask", "mask": "allergy", "by": "aspirin"}]
    assert found.remarks["allergy that names nothing known"] == 40
    assert found.remarks["drug taken out: allergy"] > 0
    assert "shellfish" not in "".join(path.read_text() for path in (tmp_path / "run").glob("*.*"))


def test_a_class_is_not_given_twice(work: Path, tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text(
        "drug,class\naspirin,thinners\nwarfarin,thinners\nheparin,thinners\n"
    )
    given = replace(options(work, safety=0), classes=tmp_path / "classes.csv")
    recommend(work / "visits.jsonl", work / "policy", given, out=tmp_path / "run")
    found = rows(tmp_path / "run")
    assert all(len({"aspirin", "warfarin", "heparin"} & set(row["drugs"])) <= 1 for row in found)
    masks = [why for row in found for each in row["removed"] for why in each["why"] if "kept" in why]
    assert masks
    assert {why["by"] for why in masks} == {"thinners"}


@pytest.mark.parametrize("editor", ["none", "beam", "exact"])
def test_other_editors_keep_to_the_budget(editor: str, work: Path, tmp_path: Path) -> None:
    found = run(work, tmp_path / "run", editor=editor, edits=2)
    assert max(len(row["edits"]) for row in found) <= (0 if editor == "none" else 2)


def test_a_visit_of_which_nothing_is_known_gets_the_shares(work: Path, tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"visit_id": "empty"}\n{"visit_id": "old", "age": 80, "sex": "f"}\n')
    for row in run(work, tmp_path / "run", tmp_path / "v.jsonl"):
        assert row["note"].startswith("nothing of the visit is known")
        assert all(each["why"][0]["reason"] == "prior" for each in row["reasons"])


def test_a_bad_visit_costs_itself_and_quotes_nothing(work: Path, tmp_path: Path) -> None:
    text = (
        work / "visits.jsonl"
    ).read_text() + '{"visit_id": "x", "age": "SECRET"}\n{"visit_id": "v1"}\nnope\n'
    (tmp_path / "v.jsonl").write_text(text + '{"visit_id": "y", "history": ["SECRET"]}\n')
    found = recommend(tmp_path / "v.jsonl", work / "policy", options(work), out=tmp_path / "run")
    assert (found.status, found.visits, found.failed) == ("incomplete", 40, 4)
    errors = (tmp_path / "run" / "errors.jsonl").read_text()
    assert "SECRET" not in errors
    assert "v.jsonl:41 (visit x)" in errors


def test_a_run_goes_on_where_it_stopped(work: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    run(work, whole)
    lines = (whole / "predictions.jsonl").read_text().splitlines(keepends=True)
    (whole / "predictions.jsonl").write_text("".join(lines[:7]) + lines[7][:20])
    again = recommend(work / "visits.jsonl", work / "policy", options(work), out=whole)
    assert (whole / "predictions.jsonl").read_text() == "".join(lines)
    assert again.visits == 40
    with pytest.raises(RunMismatch, match="settings"):
        recommend(work / "visits.jsonl", work / "policy", options(work, safety=2), out=whole)


def test_history_is_found_in_any_order(work: Path, tmp_path: Path) -> None:
    lines = (work / "visits.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "v.jsonl").write_text("".join(lines[1::2] + lines[::2]))
    assert survey(work / "visits.jsonl").together
    assert not survey(tmp_path / "v.jsonl").together
    sorted_cases, others = (
        {case.visit.id: case for case in read_cases(path, together=together) if isinstance(case, Case)}
        for path, together in ((work / "visits.jsonl", True), (tmp_path / "v.jsonl", False))
    )
    assert sorted_cases == others
    assert [each.id for each in others["v1"].history] == ["v0"]


def test_a_frontier_has_a_line_for_each_weight(work: Path, tmp_path: Path) -> None:
    found = frontier(work / "visits.jsonl", work / "policy", [0, 1, 4], options(work), out=tmp_path / "f")
    lines = rows(tmp_path / "f", "frontier.jsonl")
    assert [line["safety"] for line in lines] == [0, 1, 4]
    rates = [point.ddi_rate.value for point in found.points]
    assert rates == sorted(rates, reverse=True)
    assert set(found.points[0].by_source) == {"ddi", "one", "two"}
    assert found.gold_rate is not None
    first = found.points[0].jaccard
    assert first is not None
    assert first.low <= first.value <= first.high
    page = (tmp_path / "f" / "report.html").read_text()
    assert page.count('class="knot"') == 6
    assert 'id="a-4"' in page


def test_the_frontier_agrees_with_the_score_of_a_run(work: Path, tmp_path: Path) -> None:
    found = frontier(work / "visits.jsonl", work / "policy", [1], options(work), out=tmp_path / "f").points[0]
    scores = recommend(
        work / "visits.jsonl", work / "policy", options(work, safety=1), out=tmp_path / "run"
    ).scores
    assert scores is not None
    assert found.jaccard is not None
    for name, value in (
        ("jaccard", found.jaccard.value),
        ("ddi_rate_macro", found.ddi_rate.value),
        ("ddi_rate_micro", found.ddi_rate_micro),
        ("mean_drugs", found.mean_drugs),
    ):
        figure = scores[name]
        assert isinstance(figure, dict)
        assert figure["value"] == pytest.approx(value)


def test_a_frontier_without_known_lists_tells_what_is_expected(work: Path, tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"visit_id": "a", "diagnoses": ["icd9:4019"]}\n')
    found = frontier(tmp_path / "v.jsonl", work / "policy", [0, 1], options(work), out=tmp_path / "f")
    assert found.points[0].jaccard is None
    assert "No list is known" in (tmp_path / "f" / "report.html").read_text()


def test_what_cannot_be_is_told(work: Path, tmp_path: Path) -> None:
    visits = work / "visits.jsonl"
    (tmp_path / "other.jsonl").write_text('{"visit_id": "a", "gold": ["unobtainium"]}\n')
    with pytest.raises(UsageError, match="its vocabulary is another"):
        recommend(tmp_path / "other.jsonl", work / "policy", options(work), out=tmp_path / "a")
    with pytest.raises(ModelMissing, match="no such policy"):
        recommend(visits, "nobody", options(work), out=tmp_path / "a")
    with pytest.raises(FormatError, match="cannot be read"):
        recommend(tmp_path / "none.jsonl", work / "policy", options(work), out=tmp_path / "a")
    with pytest.raises(UsageError, match="setting editor"):
        recommend(visits, work / "policy", options(work, editor="magic"), out=tmp_path / "a")
    with pytest.raises(UsageError, match="two passes"):
        both = options(work, editor="beam", composition="two-pass")
        recommend(visits, work / "policy", both, out=tmp_path / "a")
    with pytest.raises(UsageError, match="repeated"):
        frontier(visits, work / "policy", [1, 1], options(work), out=tmp_path / "a")


def test_names_that_the_table_does_not_know_are_warned_of(work: Path, tmp_path: Path) -> None:
    given = replace(options(work), excluded=("nothing",), limit=3)
    found = recommend(work / "visits.jsonl", work / "policy", given, out=tmp_path / "run")
    told = " ".join(found.warnings)
    assert "3 of 6 drugs of the policy are in no table of interactions" in told
    assert "excluded, but not known: nothing" in told
    assert found.visits == 3
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["interactions"]["drugs_not_in_the_policy"] == 1


def test_given_lists_count_with_drugs_that_the_policy_does_not_know(work: Path, tmp_path: Path) -> None:
    line = '{"visit_id": "other", "diagnoses": ["icd9:4019"], "gold": ["aspirin", "nobody"]}\n'
    (tmp_path / "v.jsonl").write_text((work / "visits.jsonl").read_text() + line)
    found = frontier(tmp_path / "v.jsonl", work / "policy", [1], options(work), out=tmp_path / "f")
    scores = recommend(tmp_path / "v.jsonl", work / "policy", options(work), out=tmp_path / "run").scores
    assert scores is not None
    figure = scores["ddi_rate_gold"]
    assert isinstance(figure, dict)
    assert found.gold_rate == pytest.approx(figure["value"])
