"""The weight of interactions where a language model edits: its edits are weighed, if the user asks for it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apothecary.cli.main import main
from apothecary.engines.budget import Budget
from apothecary.errors import RunMismatch
from apothecary.runs.opening import ExtractOptions
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import frontier, recommend
from apothecary.runs.visit_asking import AskOptions
from tests.runs.invented_visits import trained, write_visits

PAIR = {"aspirin", "warfarin"}
UNCACHED = AskOptions(engine=ExtractOptions(cache="", budget=Budget()))
OFF = "safety weighs nothing"
WORSE = "edit not made: it would make the list worse"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    trained(folder, "popularity")
    script = [
        {"contains": ["Which drugs are missing"], "reply": "aspirin\nwarfarin"},
        {"contains": ["Which drugs should not"], "reply": "none"},
        {"contains": ["Medication list"], "reply": "add aspirin\nadd warfarin\nadd heparin\nstop"},
    ]
    (folder / "script.jsonl").write_text("".join(json.dumps(row) + "\n" for row in script))
    return folder


def options(work: Path, **settings: object) -> RecommendOptions:
    own = {"start": str(work / "policy"), "asks": "edits", "threshold": 2.0, **settings}
    return RecommendOptions((work / "ddi.csv",), settings=own, limit=3)


def run(work: Path, out: Path, visits: str = "visits.jsonl", **settings: object) -> list[dict[str, Any]]:
    policy = f"scripted:{work / 'script.jsonl'}"
    recommend(work / visits, policy, options(work, **settings), out=out, asking=UNCACHED)
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("passes", ["loop", "two"])
def test_an_edit_that_would_lower_the_objective_is_not_made(passes: str, work: Path, tmp_path: Path) -> None:
    free, safe = (run(work, tmp_path / str(alpha), passes=passes, safety=alpha) for alpha in (0, 100))
    for row in free:
        assert set(row["drugs"]) >= PAIR
        assert "declined" not in row
    for row in safe:
        assert len(PAIR & set(row["drugs"])) == 1
        first = row["declined"][0]
        assert (first["action"], first["reason"], first["interactions"]) == ("add", "safety", 1.0)
        assert row["remarks"].count(WORSE) == len(row["declined"])
        assert row["refused"] == 0


def test_the_model_goes_on_from_the_list_as_it_is(work: Path, tmp_path: Path) -> None:
    # Heparin interacts with warfarin, which is not in the list; so it comes in.
    for row in run(work, tmp_path / "run", safety=100):
        assert row["drugs"] == ["aspirin", "heparin"]
        assert [each["drug"] for each in row["declined"]] == ["warfarin"]


def test_without_a_weight_every_edit_is_made_and_a_line_says_so(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(run(work, tmp_path / "run")[0]["drugs"]) >= PAIR
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["identity"]["settings"]["safety"] is None
    told = (
        f"recommend {work}/visits.jsonl --policy scripted:{work}/script.jsonl --interactions {work}/ddi.csv "
        f"--set start={work}/policy --set asks=edits --limit 1 --no-cache --out {tmp_path}"
    )
    for name, given in (("a", ""), ("b", "--safety 0.5"), ("c", "--frontier 0,1")):
        assert main(f"{told}/{name} {given}".split()) == 0
        assert (OFF in capsys.readouterr().err) == (name == "a")


def test_a_weight_that_is_given_is_another_run(work: Path, tmp_path: Path) -> None:
    run(work, tmp_path / "run")
    with pytest.raises(RunMismatch, match="settings"):
        run(work, tmp_path / "run", safety=0.5)


def test_other_editors_of_its_scores_have_their_usual_weight(work: Path, tmp_path: Path) -> None:
    for name, settings in (("a", {"asks": "scores"}), ("b", {"editor": "greedy"})):
        run(work, tmp_path / name, **settings)
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        assert manifest["identity"]["settings"]["safety"] == 0.5
        assert not any(OFF in note for note in manifest["notes"])


def test_the_frontier_of_a_model_is_not_flat(work: Path, tmp_path: Path) -> None:
    policy = f"scripted:{work / 'script.jsonl'}"
    found = frontier(
        work / "visits.jsonl", policy, [0, 1, 100], options(work), out=tmp_path / "f", asking=UNCACHED
    )
    rates = [point.ddi_rate.value for point in found.points]
    assert rates[0] > rates[2] == 0.0


def test_masks_hold_whatever_the_weight(work: Path, tmp_path: Path) -> None:
    write_visits(work / "allergic.jsonl", 3, allergies=["warfarin"])
    for alpha in (0, 100):
        for row in run(work, tmp_path / str(alpha), "allergic.jsonl", safety=alpha):
            assert "warfarin" not in row["drugs"]
            assert row["refused"] == 1


def test_an_edit_that_joins_a_class_is_not_made_and_not_weighed_with(work: Path, tmp_path: Path) -> None:
    (work / "classes.csv").write_text("drug,class\naspirin,thinners\nwarfarin,thinners\n")
    policy = f"scripted:{work / 'script.jsonl'}"
    classed = replace(options(work, safety=100), classes=work / "classes.csv", limit=1)
    recommend(work / "visits.jsonl", policy, classed, out=tmp_path / "run", asking=UNCACHED)
    row = json.loads((tmp_path / "run" / "predictions.jsonl").read_text())
    assert row["declined"] == [{"action": "add", "drug": "warfarin", "reason": "duplicate class"}]
    # Weighed with warfarin in the list, heparin would not be added.
    assert row["drugs"] == ["aspirin", "heparin"]
