"""``apothecary review``: from a run folder to pages, decisions and files, as a user does it."""

import http.client
import json
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from apothecary.cli.main import main
from apothecary.store.opening import opened
from tests.review.bases import make_base, sample


def visit(port: int, method: str, path: str, cookie: str = "", body: str = "") -> tuple[int, str, str]:
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    return answer.status, text, (answer.getheader("Set-Cookie") or cookie).split(";")[0]


@pytest.mark.slow
def test_a_review_from_the_command_line_changes_the_base(tmp_path: Path) -> None:
    base = make_base(tmp_path / "kb.duckdb", [sample()])
    command = [sys.executable, "-m", "apothecary", "review", str(tmp_path), "--reviewer", "ann"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().split(":")[2].split("/")[0])
        _, page, cookie = visit(port, "GET", "/queue")
        item = re.search("/items/[0-9a-f]{16}", page)
        word = re.search('name="word" value="([0-9a-f]+)"', page)
        assert item is not None
        assert word is not None
        status, _, _ = visit(port, "POST", item[0], cookie, urlencode({"word": word[1], "action": "accept"}))
        assert status == 303
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
    finally:
        server.kill()
        server.communicate()
    with opened(base) as connection:
        found = connection.execute("SELECT reviewer, verdict FROM decisions").fetchall()
    assert found == [("ann", "accept")]


def test_others_need_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_base(tmp_path / "kb.duckdb", [sample()])
    assert main(["review", str(tmp_path), "--host", "0.0.0.0"]) == 2  # noqa: S104
    assert "they need a token" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nothing", "kb.duckdb"])
def test_what_is_no_base_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "kb.duckdb").write_bytes(b"not a base" * 500)
    assert main(["review", str(tmp_path / name)]) == 2
    assert re.fullmatch(rf"error: \S*{name}: .*\n", capsys.readouterr().err)


def test_export_says_what_it_wrote_and_refuses_other_forms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_base(tmp_path / "kb.duckdb", [sample()])
    with opened(base) as connection:
        edges = [edge for (edge,) in connection.execute("SELECT edge FROM edges").fetchall()]
    decide(base, edges)
    out = str(tmp_path / "gold.jsonl")
    assert main(["review", "export", str(base), "-o", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == 1
    assert main(["review", "export", str(base), "-o", out, "--form", "silver"]) == 2
    assert "gold, sft, preference" in capsys.readouterr().err


def decide(base: Path, edges: list[str]) -> None:
    from apothecary.store.decisions import Decision, DecisionLog, decisions_path

    with DecisionLog(decisions_path(base)) as log:
        log.extend(Decision(0, "d1", edge, "accept", "ann", "") for edge in edges)
