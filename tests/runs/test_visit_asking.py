"""An engine as a policy: the gate for data of patients, masks that hold, scores that are fitted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apothecary.engines.budget import Budget
from apothecary.errors import DataError, UsageError
from apothecary.messages import EngineInfo
from apothecary.runs.opening import ExtractOptions
from apothecary.runs.patient_data import check_address, check_engine
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommend import RecommendSummary
from apothecary.runs.recommending import frontier, recommend
from apothecary.runs.visit_asking import AskOptions, fit_questions, is_engine
from tests.runs.invented_visits import trained, write_visits

SCRIPT = [
    {"contains": ["Medication list", "\nheparin\n"], "reply": "stop"},
    {"contains": ["Medication list"], "reply": "remove aspirin\nadd heparin\nunobtainium"},
    {"contains": ["title of 4280", "Drug: warfarin"], "reply": "Yes", "logprobs": {"Yes": -0.1, "No": -3}},
    {"contains": ["Drug: insulin"], "failure": "TimedOut: late"},
    {"contains": ["Drug: aspirin"], "reply": "Yes", "logprobs": {"Yes": -0.2, "No": -2}},
    {"reply": "No", "logprobs": {"Yes": -2.0, "No": -0.2}},
]
UNCACHED = AskOptions(engine=ExtractOptions(cache=""))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    trained(folder, "popularity")
    (folder / "script.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SCRIPT))
    return folder


def asked(
    work: Path,
    out: Path,
    settings: Mapping[str, object] | None = None,
    *,
    visits: Path | None = None,
    how: AskOptions = UNCACHED,
) -> RecommendSummary:
    own = {"start": str(work / "policy"), **(settings or {})}
    options = RecommendOptions((work / "ddi.csv",), settings=own, limit=6)
    policy = f"scripted:{work / 'script.jsonl'}"
    return recommend(visits or work / "visits.jsonl", policy, options, out=out, asking=how)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "spec",
    [
        "http://example.org/v1#m",
        "https://10.0.0.8:8000/v1",
        "medication.edit=http://example.org/v1",
        "pocket@0.9/http://example.org/v1",
        "http://localhost.example.org/v1#m",
        "http://localhost@example.org/v1",
    ],
)
def test_an_engine_elsewhere_gets_no_visit_unless_it_is_allowed(spec: str) -> None:
    with pytest.raises(UsageError, match="--allow-remote-patient-data"):
        check_address([spec], allowed=False)
    check_address([spec], allowed=True)


@pytest.mark.parametrize(
    "spec", ["http://127.0.0.1:8000/v1#m", "http://localhost/v1", "http://[::1]:9/v1", "hf:m"]
)
def test_an_engine_of_this_machine_may_have_visits(spec: str) -> None:
    check_address([spec], allowed=False)


def test_an_engine_that_says_that_it_is_elsewhere_is_believed() -> None:
    with pytest.raises(UsageError, match="another machine"):
        check_engine(EngineInfo("far", "d", local=False), allowed=False)
    check_engine(EngineInfo("far", "d", local=False), allowed=True)
    check_engine(EngineInfo("near", "d"), allowed=False)


def test_a_run_with_an_engine_elsewhere_is_refused_before_anything_is_sent(
    work: Path, tmp_path: Path
) -> None:
    options = RecommendOptions((work / "ddi.csv",), settings={"start": str(work / "policy")})
    # An address for documentation: a connection to it would wait until the test's time is over.
    with pytest.raises(UsageError, match="192.0.2.1.*data of patients"):
        recommend(work / "visits.jsonl", "http://192.0.2.1:9/v1#m", options, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_scores_and_edits_of_an_engine_make_lists_with_reasons(work: Path, tmp_path: Path) -> None:
    found = asked(work, tmp_path / "run")
    assert (found.status, found.visits, found.failed) == ("incomplete", 6, 0)
    assert found.remarks == {"line that made no edit": 6, "question without an answer": 6}
    errors = [json.loads(line) for line in (tmp_path / "run" / "errors.jsonl").read_text().splitlines()]
    assert [each["id"] for each in errors] == [row["id"] for row in rows(tmp_path / "run")]
    assert {each["kind"] for each in errors} == {"Unanswered"}
    for row in rows(tmp_path / "run"):
        assert {"action": "add", "drug": "heparin"} in row["edits"]
        assert row["refused"] == 1
        assert row["scores"]["aspirin"] == pytest.approx(1 / (1 + 2.718281828**-1.8), abs=1e-5)
        assert [each["drug"] for each in row["reasons"]] == row["drugs"]
    ledger = json.loads((tmp_path / "run" / "ledger.json").read_text())
    assert ledger["steps"]["medication.question"]["calls"] == 36
    assert ledger["steps"]["medication.edit"]["calls"] == 12


def test_a_question_without_an_answer_leaves_the_share(work: Path, tmp_path: Path) -> None:
    asked(work, tmp_path / "run", {"asks": "scores", "editor": "none"})
    shares = json.loads((work / "policy" / "model.json").read_text())
    for row in rows(tmp_path / "run"):
        assert 0 < row["scores"]["insulin"] < 0.5
    assert "insulin" in shares["vocabulary"]


def test_no_edit_of_a_model_overrides_a_mask(work: Path, tmp_path: Path) -> None:
    visits = write_visits(tmp_path / "v.jsonl", 4, allergies=["heparin"])
    asked(work, tmp_path / "run", visits=visits)
    for row in rows(tmp_path / "run"):
        assert "heparin" not in row["drugs"]
        assert row["refused"] >= 2


def test_two_passes_are_asked_as_published(work: Path, tmp_path: Path) -> None:
    asked(work, tmp_path / "run", {"asks": "edits", "passes": "two", "threshold": 0.45})
    ledger = json.loads((tmp_path / "run" / "ledger.json").read_text())
    assert set(ledger["steps"]) == {"medication.add", "medication.remove"}


def test_fitted_scores_raise_overlap_and_are_taken_from_the_file(work: Path, tmp_path: Path) -> None:
    plain = {"asks": "scores", "editor": "none"}
    first = asked(work, tmp_path / "first", plain)
    fitted = fit_questions("medication", work / "visits.jsonl", tmp_path / "first" / "predictions.jsonl")
    (tmp_path / "fitted.json").write_text(json.dumps(fitted))
    second = asked(work, tmp_path / "second", {**plain, "fitted": tmp_path / "fitted.json"})
    assert fitted is not None
    overlaps = [found.scores["jaccard"]["value"] for found in (first, second) if found.scores]  # type: ignore[index]
    assert overlaps[1] == pytest.approx(fitted["jaccard"])
    assert overlaps[0] <= overlaps[1]
    assert any("not fitted" in warning for warning in first.warnings)
    assert not any("not fitted" in warning for warning in second.warnings)


def test_a_spent_budget_keeps_what_is_done_and_the_run_goes_on(work: Path, tmp_path: Path) -> None:
    little = AskOptions(engine=ExtractOptions(cache="", budget=Budget(calls=20)))
    stopped = asked(work, tmp_path / "run", how=little)
    assert (stopped.status, stopped.visits) == ("stopped by budget", 2)
    assert asked(work, tmp_path / "run").status == "incomplete"
    assert len(rows(tmp_path / "run")) == 6
    assert len((tmp_path / "run" / "errors.jsonl").read_text().splitlines()) == 6


def test_a_frontier_takes_an_engine(work: Path, tmp_path: Path) -> None:
    options = RecommendOptions((work / "ddi.csv",), settings={"start": str(work / "policy")}, limit=3)
    policy = f"scripted:{work / 'script.jsonl'}"
    found = frontier(work / "visits.jsonl", policy, [0.0, 1.0], options, out=tmp_path / "f", asking=UNCACHED)
    assert len(found.points) == 2


def test_the_manifest_knows_engine_prompts_and_settings_but_no_patient(work: Path, tmp_path: Path) -> None:
    asked(work, tmp_path / "run")
    text = (tmp_path / "run" / "manifest.json").read_text()
    identity = json.loads(text)["identity"]
    assert identity["asking"]["passes"] == "loop"
    assert set(identity["engines"]) == {"medication.question", "medication.edit"}
    assert "question.txt" in identity["prompts"]
    assert "p0" not in text


def test_a_run_is_replayed_from_the_cache_without_its_prompts(work: Path, tmp_path: Path) -> None:
    how = AskOptions(engine=ExtractOptions(cache=tmp_path / "replies.sqlite"))
    visits = write_visits(tmp_path / "v.jsonl", 3, note="secret of the stay")
    asked(work, tmp_path / "run", {"note": True, "asks": "edits"}, visits=visits, how=how)
    options = RecommendOptions(
        (work / "ddi.csv",), settings={"start": str(work / "policy"), "note": True, "asks": "edits"}
    )
    recommend(visits, f"replay:{tmp_path / 'run'}", options, out=tmp_path / "again", asking=how)
    assert rows(tmp_path / "again") == rows(tmp_path / "run")
    for path in (*(tmp_path / "run").iterdir(), tmp_path / "replies.sqlite"):
        assert b"secret" not in path.read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": ""}, "needs a policy"),
        ({"asks": "nothing"}, "asks"),
        ({"unheard": 1}, "unheard"),
        ({"fitted": "no-such.json"}, "no-such.json"),
    ],
)
def test_wrong_settings_are_told(
    work: Path, tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        asked(work, tmp_path / "run", settings)


def test_there_is_nothing_to_fit_without_scores(work: Path, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"visit_id": "v0", "drugs": []}\n')
    with pytest.raises(DataError, match="both a list and scores"):
        fit_questions("medication", work / "visits.jsonl", tmp_path / "p.jsonl")
    assert fit_questions("relations", work / "visits.jsonl", tmp_path / "p.jsonl") is None


def test_folders_and_engines_are_told_apart() -> None:
    assert all(map(is_engine, ["llamacpp:x", "scripted:f", "edit=hf:a,question=hf:b", "http://h/v1"]))
    assert not any(map(is_engine, ["models/hf", "pocket", "logistic", "c:/models/x"]))
