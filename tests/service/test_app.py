"""What the service answers, and what it refuses."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from apothecary.service.models import ExtractResult, RecommendResult, ScoreResult
from tests.runs.invented_visits import trained
from tests.service.served import TEXT, asked, base_of, called, scripted


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with called(scripted(tmp_path)) as client:
        yield client


def test_a_text_is_answered_with_its_relations_and_leaves_no_file(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/v1/extract", json=asked("a"))
    (record,) = ExtractResult.model_validate(answer.json()).records
    assert [(r["type"], r["evidence"][0]["quote"]) for r in record["relations"]] == [("CID", TEXT)]  # type: ignore[attr-defined]
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [".lock"]


def test_a_bad_record_among_good_ones_is_a_problem_and_no_path_is_told(
    client: TestClient, tmp_path: Path
) -> None:
    request = asked("a", "a", "b")
    answer = client.post("/v1/extract", json=request)
    assert (answer.status_code, answer.json()["documents"], answer.json()["failed"]) == (200, 2, 1)
    assert "already read" in answer.json()["problems"][0]["message"]
    assert str(tmp_path) not in json.dumps(answer.json()["problems"])


def test_many_documents_become_a_job(client: TestClient) -> None:
    answer = client.post("/v1/extract", json=asked(*map(str, range(21))))
    assert answer.status_code == 202
    assert client.get(answer.headers["location"]).json()["total"] == 21


def test_predictions_are_scored_against_gold(client: TestClient) -> None:
    gold = {"id": "1", "text": TEXT, "mentions": [{"start": 0, "end": 5, "type": "Chemical"}]}
    found = client.post("/v1/score/mentions", json={"gold": [gold], "predictions": [gold], "resamples": 10})
    scores = ScoreResult.model_validate(found.json()).scores
    assert scores["strict"]["micro"]["f1"] == 1.0  # type: ignore[index]


def test_visits_get_lists_with_reasons(tmp_path: Path) -> None:
    policy = trained(tmp_path)
    with called(scripted(tmp_path), policy=str(policy), interactions=(tmp_path / "ddi.csv",)) as client:
        visits = [{"visit_id": "n", "diagnoses": ["icd9:4280"], "allergies": ["warfarin"]}, {"visit_id": "n"}]
        answer = client.post("/v1/recommend", json={"visits": visits, "safety": 1})
    found = RecommendResult.model_validate(answer.json())
    assert (found.visits, found.failed, found.note) == (1, 1, "A research tool, not medical advice.")
    assert found.lists[0]["reasons"]
    assert "warfarin" not in found.lists[0]["drugs"]  # type: ignore[operator]


def test_a_question_is_answered_from_the_knowledge_base_with_its_sentence(tmp_path: Path) -> None:
    with called(scripted(tmp_path), store=base_of(tmp_path)) as client:
        (edge,) = client.post("/v1/query", json={"drugs": ["Druga"]}).json()["edges"]
        unknown = client.post("/v1/query", json={"drugs": ["drugz"]})
    assert (edge["type"], edge["evidence"][0]["quote"]) == ("CID", TEXT)
    assert (unknown.status_code, "drugz" in unknown.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "what"),
    [
        ("extract", asked(), 422, "at least 1 item"),
        ("extract", asked("a", colour="red"), 422, "Extra inputs"),
        ("extract", asked("a", task="../x"), 422, "is none of combinations"),
        ("extract", asked("a", schema="/etc/passwd"), 422, "is none of biored"),
        ("extract", asked("a", task="combinations", schema="cdr"), 400, "there is no setting"),
        ("extract", {"task": "relations", "documents": [{"id": "a"}]}, 422, "field text is missing"),
        ("extract", {"task": "relations", "documents": [{"id": "a", "text": "\ud800"}]}, 422, ""),
        (
            "score/mentions",
            {"gold": [{"id": 1, "text": "x"}], "predictions": [{"id": "2"}]},
            422,
            "not in the",
        ),
        (
            "extract",
            {"task": "mentions", "documents": [{"id": "a", "text": "b", "c": "\ud800"}]},
            422,
            "half of",
        ),
        (
            "extract",
            {"task": "mentions", "documents": [{"id": "a", "text": "b", "c": math.nan}]},
            422,
            "not JSON",
        ),
        ("query", {}, 404, "no knowledge base"),
        ("recommend", {"visits": [{"visit_id": "1"}]}, 404, "no policy"),
        ("jobs", {"operation": "recommend", "request": {"visits": [{"visit_id": "1"}]}}, 404, "no policy"),
        ("jobs", {"operation": "rm", "request": {}}, 422, "tag"),
        ("nowhere", {}, 404, "Not Found"),
    ],
)
def test_what_cannot_be_done_says_where_what_and_what_to_do(
    path: str, body: object, status: int, what: str, client: TestClient, tmp_path: Path
) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post(f"/v1/{path}", content=json.dumps(body), headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, set(error)) == (status, {"where", "what", "hint"})
    assert what in error["what"]
    assert str(tmp_path) not in answer.text


def test_what_takes_too_long_is_refused_and_can_be_a_job(tmp_path: Path) -> None:
    with called(scripted(tmp_path), seconds=0.0) as client:
        answer = client.post("/v1/extract", json=asked("a"))
    assert (answer.status_code, "POST /v1/jobs" in answer.text) == (503, True)


def test_an_engine_that_cannot_answer_is_named_in_the_log_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with called(scripted(tmp_path), engine="llamacpp:no-such-weights.gguf") as client:
        answer = client.post("/v1/extract", json=asked("a"))
    assert answer.status_code == 503
    assert "no-such-weights" not in answer.text
    assert "no-such-weights" in capsys.readouterr().err


def test_a_base_that_is_damaged_is_refused_by_its_name_only(tmp_path: Path) -> None:
    (tmp_path / "kb.duckdb").write_text("no base")
    with called(scripted(tmp_path), store=tmp_path / "kb.duckdb") as client:
        answer = client.post("/v1/query", json={})
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "kb.duckdb")


def test_every_address_is_described_with_its_refusals(client: TestClient) -> None:
    description = client.get("/v1/openapi.json").json()
    operations = [(path, each) for path, methods in description["paths"].items() for each in methods.values()]
    assert len(operations) == 12
    for path, operation in operations:
        answers = operation["responses"]
        assert {"400", "401", "404", "409", "413", "415", "422", "429", "500", "503"} <= answers.keys(), path
        for status, answer in answers.items():
            if status >= "400":
                assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal")
            elif status != "204":
                assert all(each["schema"] for each in answer["content"].values()), path
