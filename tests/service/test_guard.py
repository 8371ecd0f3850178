"""Who may call the service, how much one may send, and what the log says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from apothecary.errors import UsageError
from apothecary.service.guard import App, Guard, Message, Receive, Scope, Send
from apothecary.service.serving import check_serving
from tests.service.served import called, scripted

QUOTED = "a patient called Jane"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with called(scripted(tmp_path), most_bytes=1000) as client:
        yield client


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "::1"])
def test_another_name_than_that_of_this_machine_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/v1/health", headers={"host": host})
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, "Host")


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "[::1]:80", "127.0.0.1"])
def test_the_names_of_this_machine_are_taken(client: TestClient, host: str) -> None:
    assert client.get("/v1/health", headers={"host": host}).status_code == 200


def test_without_the_token_only_health_is_told(tmp_path: Path) -> None:
    with called(scripted(tmp_path), token="s3cret", host="0.0.0.0") as client:  # noqa: S104, S106
        assert client.get("/v1/health").status_code == 200
        for wrong in ({}, {"authorization": "Bearer s3cre"}, {"authorization": "s3cret"}):
            answer = client.get("/v1/openapi.json", headers=wrong)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        right = {"authorization": "Bearer s3cret", "host": "any.example"}
        assert "HTTPBearer" in client.get("/v1/openapi.json", headers=right).text


def test_an_address_that_others_reach_needs_a_token(tmp_path: Path) -> None:
    serving = replace(scripted(tmp_path), host="0.0.0.0")  # noqa: S104
    with pytest.raises(UsageError, match="APOTHECARY_TOKEN"):
        check_serving(serving)
    check_serving(replace(serving, token="t"))  # noqa: S106


def test_a_body_that_is_too_long_is_refused_whether_or_not_it_says_so(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/v1/query", content=b"x" * 1001, headers=headers).status_code == 413
    parts = iter([b"x" * 600, b"x" * 600])
    assert client.post("/v1/query", content=parts, headers=headers).status_code == 413
    assert client.post("/v1/query", content=b"x" * 1000, headers=headers).status_code == 422


def test_a_form_of_another_site_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/query", content="{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert "access-control-allow-origin" not in client.options("/v1/query").headers


def test_a_fault_tells_nothing_to_the_client_and_only_its_place_to_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        message: Message = await receive()
        raise ValueError(message["body"])

    app: App = Guard(broken, scripted(tmp_path))
    client = TestClient(app, base_url="http://127.0.0.1")
    answer = client.post(f"/v1/{QUOTED}", json=QUOTED)
    log = capsys.readouterr().err
    assert (answer.status_code, QUOTED in answer.text, QUOTED in log) == (500, False, False)
    assert "ValueError at tests.service.test_guard" in log
    assert "POST (another address) 500" in log
