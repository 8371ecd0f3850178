"""What must not be told: the key anywhere, and the text of a document where only its name belongs.

Predictions and the report hold the text: that is what they are for. So may the rows of bad replies and the
reply cache hold what a model wrote, since that is what they keep. Nothing else may.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apothecary.cli.main import main
from apothecary.documents import Document
from apothecary.engines.scripted import Scripted
from apothecary.messages import Flow
from apothecary.runs.driver import drive
from apothecary.tasks.flow import Extraction
from tests.engines.stand_in import MODEL, REFUSE, StandIn, running

KEY = "sk-Quux-0815-4711"
MARK = "Zyxxomab-Secretum"
PROGRAM = [sys.executable, "-c", "from apothecary.__main__ import run; run()"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with running("--key", KEY, "--context", "700") as server:
        yield server


@pytest.fixture(scope="module")
def anyone() -> Iterator[StandIn]:
    """A server that takes any key."""
    with running() as server:
        yield server


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APOTHECARY_API_KEY", KEY)
    for name in ("APOTHECARY_ENGINE", "APOTHECARY_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def extract(server: StandIn, text: str, *more: str, task: str = "mentions") -> int:
    Path("doc.txt").write_text(text)
    engine = f"{server.base}#{MODEL}"
    settings = ["--set", "vocabulary=none"] if task == "relations" else []
    return main(["extract", "doc.txt", "--task", task, "--engine", engine, "--out", "run", *settings, *more])


def written(folder: Path) -> dict[str, str]:
    """Every file below a folder but the inputs."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("doc.txt", "key.txt")]
    return {str(path.relative_to(folder)): path.read_bytes().decode("latin-1") for path in files}


def check(work: Path, told: str) -> None:
    """Nothing that was told or written holds the key, and only predictions and report hold the text."""
    files = written(work)
    assert files
    assert [name for name, content in {**files, "output": told}.items() if KEY in content] == []
    mine = {"run/predictions.jsonl", "run/report.html"}
    assert [
        name for name, content in {**files, "output": told}.items() if MARK in content and name not in mine
    ] == []


@pytest.mark.parametrize("task", ["mentions", "relations"])
def test_a_run_that_succeeds_tells_neither(task: str, server: StandIn, work: Path, capsys: Captured) -> None:
    assert extract(server, f"{MARK} caused a rash. Aspirin did not.", task=task) == 0
    assert "home/replies.sqlite" in written(work)
    assert MARK in written(work)["run/predictions.jsonl"]
    check(work, "".join(capsys.readouterr()))


def test_a_key_in_a_file_is_told_no_more(
    server: StandIn, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("APOTHECARY_API_KEY")
    monkeypatch.setenv("APOTHECARY_API_KEY_FILE", "key.txt")
    Path("key.txt").write_text(KEY + "\n")
    assert extract(server, f"{MARK} caused a rash.", "--json") == 0
    check(work, "".join(capsys.readouterr()))


@pytest.mark.parametrize("before", ["", "A rash was seen in one of them. " * 4], ids=["first", "later"])
def test_a_server_that_quotes_prompt_and_key_is_not_quoted(
    before: str, server: StandIn, work: Path, capsys: Captured
) -> None:
    assert extract(server, f"{before}{MARK} caused a rash. {REFUSE}") == 1
    assert "refused the request (400)" in written(work)["run/errors.jsonl"]
    check(work, "".join(capsys.readouterr()))


def test_a_prompt_that_is_too_long_is_not_quoted(server: StandIn, work: Path, capsys: Captured) -> None:
    assert extract(server, f"{MARK} caused a rash. " * 200) == 1
    assert "ContextOverflow" in written(work)["run/errors.jsonl"]
    check(work, "".join(capsys.readouterr()))


@pytest.mark.parametrize("key", ["sk-Wrong-0815", "two words", "sk-Umlaut-\xe4"])
def test_a_wrong_key_is_not_told(
    key: str, server: StandIn, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("APOTHECARY_API_KEY", key)
    assert extract(server, f"{MARK} caused a rash.") == 2
    told = "".join(capsys.readouterr())
    assert key not in told + "".join(written(work).values())
    assert MARK not in told
    assert not Path("run").exists()


@pytest.mark.parametrize("address", ["http://me:{key}@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?api_key={key}"])
def test_a_key_in_an_address_is_refused_unseen(address: str, work: Path, capsys: Captured) -> None:
    Path("doc.txt").write_text("A rash.")
    spec = address.format(key=KEY)
    assert main(["extract", "doc.txt", "--task", "mentions", "--engine", spec, "--out", "run"]) == 2
    assert KEY not in "".join(capsys.readouterr())


def test_another_key_is_no_other_run(anyone: StandIn, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest that held the key would tell it to whoever can guess."""
    assert extract(anyone, "A rash was seen.") == 0
    monkeypatch.setenv("APOTHECARY_API_KEY", "sk-Another")
    assert extract(anyone, "A rash was seen.") == 0


def interrupted(folder: Path, *, hang: float, patience: float) -> str:
    """What a run says that is stopped by Ctrl-C while its server is silent; nothing when it goes on."""
    (folder / "doc.txt").write_text(f"{MARK} caused a rash.")
    options = ("--faults", "1", "--faults-after", "5", "--kinds", "hang", "--hang", str(hang))
    environment = os.environ | {"APOTHECARY_HOME": str(folder / "home"), "APOTHECARY_API_KEY": KEY}
    with running("--key", KEY, *options) as server:
        engine = ["--engine", f"{server.base}#{MODEL}", "--out", "run"]
        command = [*PROGRAM, "extract", "doc.txt", "--task", "mentions", *engine]
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            deadline = time.monotonic() + 30
            # Five questions open the server, the next one is that of the run.
            while server.count() < 6 and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            try:
                told = "".join(process.communicate(timeout=patience))
            except subprocess.TimeoutExpired:
                process.kill()
                return ""
    assert process.returncode == 130
    return told


@pytest.mark.slow
def test_an_interrupted_run_tells_neither(tmp_path: Path) -> None:
    told = interrupted(tmp_path, hang=0.5, patience=60)
    assert "interrupted; the same command goes on from here" in told
    check(tmp_path, told)


@pytest.mark.slow
def test_an_interrupt_does_not_wait_for_a_server_that_hangs(tmp_path: Path) -> None:
    told = interrupted(tmp_path, hang=8, patience=7)
    assert "interrupted" in told


def test_a_fault_of_our_own_does_not_quote_the_document() -> None:
    def start(document: Document) -> Flow[Extraction]:
        yield []
        raise ValueError(document.text)

    (result,) = drive([Document("1", MARK)], start, Scripted(lambda request: ""))
    assert [problem.kind for problem in result.problems] == ["ValueError"]
    assert MARK not in str(result.problems)


BROKEN = {
    "doc.pubtator": f"1|t|{MARK} and rash.\n1\t900\t905\t{MARK}\tChemical\tD1\n\n2|t|A rash.\n",
    "doc.jsonl": f'{{"id": "1", "text": "{MARK}", "mentions": [{{"start": "x"}}]}}\n'
    '{"id": "2", "text": "A rash."}\n',
    "doc.xml": "<collection><document><id>1</id><passage><offset>x</offset>"
    f"<text>{MARK}</text></passage></document><document><id>2</id><passage><offset>0</offset>"
    "<text>A rash.</text></passage></document></collection>",
    "doc.json": f'{{"id": "1", "passages": [{{"offset": -5, "text": "{MARK}", "infons": {{}}}}]}}\n'
    '{"id": "2", "passages": [{"offset": 0, "text": "A rash.", "infons": {}}]}\n',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_document_is_named_and_not_quoted(name: str, work: Path, capsys: Captured) -> None:
    Path(name).write_text(BROKEN[name])
    Path("script.jsonl").write_text('{"reply": {"Chemical": [], "Disease": ["rash"]}}\n')
    engine = ["--engine", "scripted:script.jsonl", "--out", "run"]
    assert main(["extract", name, "--task", "mentions", *engine]) == 1
    Path(name).unlink()
    check(work, "".join(capsys.readouterr()))


def test_a_dry_run_tells_only_figures(work: Path, capsys: Captured) -> None:
    Path("doc.txt").write_text(f"{MARK} caused a rash.")
    assert main(["extract", "doc.txt", "--task", "mentions", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert MARK not in out + err
    assert written(work) == {}


def test_the_reply_cache_keeps_replies_and_no_prompt(server: StandIn, work: Path) -> None:
    assert extract(server, f"{MARK} caused a rash.") == 0
    with sqlite3.connect(work / "home" / "replies.sqlite") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(replies)")]
        rows = database.execute("SELECT * FROM replies").fetchall()
    database.close()
    assert columns == ["key", "reply"]
    assert rows
    assert all(MARK not in cell and "caused" not in cell for row in rows for cell in row)


def debugged(*arguments: str) -> str:
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.slow
def test_debug_alone_shows_a_traceback(work: Path) -> None:
    command = ("extract", "none.txt", "--task", "mentions")
    assert "Traceback" not in debugged(*command)
    shown = debugged("--debug", *command)
    assert "Traceback" in shown
    assert KEY not in shown


@pytest.mark.slow
def test_debug_says_that_it_may_quote_the_texts(work: Path) -> None:
    assert "may quote your texts" in debugged("--debug", "extract", "none.txt", "--task", "mentions")


def test_the_help_says_what_debug_reveals(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    assert "may quote" in " ".join(capsys.readouterr().out.split())
