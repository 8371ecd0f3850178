"""``apothecary serve``: a real server on loopback, a real client, a real kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from apothecary.cli.main import main
from apothecary.formats import pubtator
from tests.service.served import TEXT, followed, scripted

EXAMPLE = Path(__file__).parents[2] / "examples" / "cdr.pubtator"
DOCUMENTS = 200
"""Many: the work goes on while a server lets its clients go, and must not be over by then."""


@contextmanager
def server(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """A server on a free port, killed in the end if it still runs; and a client of it."""
    command = [sys.executable, "-m", "apothecary", "serve", "--port", "0", "--jobs", str(folder / "jobs")]
    environment = os.environ | {"APOTHECARY_HOME": str(folder / "home")}
    with (
        (folder / "log.txt").open("a") as log,
        subprocess.Popen(
            [*command, *options], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().partition("/v1")[0]
            with httpx2.Client(base_url=address, timeout=60, trust_env=False) as client:
                yield process, client
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_goes_on_after_its_server_was_killed(tmp_path: Path, blow: signal.Signals) -> None:
    texts = [document.text for document in pubtator.read(EXAMPLE) if not isinstance(document, Exception)]
    documents = [{"id": str(n), "text": f"Report {n}. {texts[n % len(texts)]}"} for n in range(DOCUMENTS)]
    request = {"operation": "extract", "request": {"task": "relations", "documents": documents}}
    with server(tmp_path) as (process, client):
        place = client.post("/v1/jobs", json=request).headers["location"]
        followed(client, place, until=3)
        process.send_signal(blow)
        process.wait(60)
    log = (tmp_path / "log.txt").read_text()
    assert "POST /v1/jobs 202" in log
    assert "Traceback" not in log
    assert not any(text[:40] in log for text in texts)
    (predictions,) = (tmp_path / "jobs").glob("*/run/predictions.jsonl")
    kept = predictions.read_text().rpartition("\n")[0]
    assert 3 <= kept.count("\n") + 1 < DOCUMENTS
    with server(tmp_path) as (_, client):
        last = followed(client, place)[-1]
        assert (last[0], last[1]["starts"]) == ("done", 2 if blow == signal.SIGKILL else 1)
        assert [row["id"] for row in client.get(f"{place}/result").json()["records"]] == [
            str(n) for n in range(DOCUMENTS)
        ]
    assert predictions.read_text().startswith(kept)


@pytest.mark.slow
def test_the_tools_are_served_over_standard_input_and_output(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "apothecary",
        "serve",
        "--mcp",
        "--engine",
        str(scripted(tmp_path).engine),
    ]
    client = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call"}
        | {"params": {"name": "extract", "arguments": {"text": TEXT}}},
    ]
    environment = os.environ | {"APOTHECARY_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in messages:
            process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(10) == 0
    assert answers[1]["result"]["structuredContent"]["relations"][0]["evidence"] == [TEXT]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "APOTHECARY_TOKEN"),  # noqa: S104
        (["--policy", "nobody"], "there is no such policy"),
        (["--store", "none.duckdb"], "no such knowledge base"),
        (["--engine", "pokcet"], "there is no engine 'pokcet'"),
        (["--max-body", "lots"], "is no size"),
        (["--host", "256.1.1.1", "--token", "t"], "cannot listen there"),
    ],
)
def test_wrong_use_is_one_line(
    options: Sequence[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APOTHECARY_TOKEN", raising=False)
    assert main(["serve", "--jobs", str(tmp_path / "jobs"), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert told in lines[0]
