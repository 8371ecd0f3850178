"""Shared by the parts of the reliability campaign: abstracts, a server, the command, what it left."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.reliability_server import CHEMICAL, DISEASE

__all__ = [
    "KEY",
    "ROOT",
    "TABLES",
    "Ended",
    "Place",
    "Server",
    "finished",
    "free_port",
    "leaks",
    "ledger",
    "lost",
    "rows",
    "serving",
    "write_documents",
]

ROOT = Path(__file__).parent.parent
KEY = "sk-Qwyx-4711-do-not-show"
MARK = "Zzyzx"
"""In every abstract and in no name: what shows it quotes a text."""
PROMPTS = (
    "You read biomedical literature",
    "sort them under these labels",
    "How do two names relate",
    "Answer with",
)
TABLES = ("predictions.jsonl", "errors.jsonl")
LONGEST = 300.0
"""Seconds after which a command counts as hung."""

PLAIN = "from apothecary.__main__ import run; run()"
QUICK = """
from functools import partial
from apothecary.cli.main import run
from apothecary.engines import open as engines
from apothecary.engines.http import Patience
patience = Patience(seconds=2.0, gone_after=2.0, first_pause=0.02)
engines.open_http = partial(engines.open_http, patience=patience)
run()
"""
"""The command with shorter waits: 2 seconds for an answer, not 300; pauses from 0.02 seconds, not 0.5."""

_STARTS = ("bra", "cor", "dal", "fen", "gri", "hul", "jor", "kal", "lim", "mor", "nes", "pra", "quo", "ril")
_MIDDLES = ("va", "ni", "do", "ro", "te", "la", "mi", "so", "ru", "pe")


def write_documents(path: Path, count: int, *, seed: int, extra: str = "") -> Path:
    """Annotated abstracts in PubTator about invented chemicals and diseases, all different."""
    draw = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_document(number, draw) for number in range(count)) + extra, encoding="utf-8")
    return path


def _document(number: int, draw: random.Random) -> str:
    drug, other = (_name(draw, CHEMICAL) for _ in range(2))
    illness, second = (_name(draw, DISEASE) for _ in range(2))
    title = f"{drug.capitalize()} and {illness}: case {number}."
    abstract = (
        f"A patient of {draw.randint(20, 80)} years took {drug} for {second} and then developed {illness}. "
        f"The note {MARK}{number} stands in this record alone. No {illness} was seen after {other}."
    )
    text = f"{title} {abstract}"
    lines = [f"{number}|t|{title}", f"{number}|a|{abstract}"]
    for word, kind, name in ((drug, "Chemical", "C1"), (other, "Chemical", "C2"), (illness, "Disease", "D1")):
        for place in re.finditer(rf"\b{word}\b", text, re.IGNORECASE):
            lines.append(f"{number}\t{place.start()}\t{place.end()}\t{place.group()}\t{kind}\t{name}{number}")
    return "\n".join([*lines, f"{number}\tCID\tC1{number}\tD1{number}", ""])


def _name(draw: random.Random, endings: Sequence[str]) -> str:
    return draw.choice(_STARTS) + draw.choice(_MIDDLES) + draw.choice(_MIDDLES) + draw.choice(endings)


# The server.


def free_port() -> int:
    """A port to be used for one server after the other: its address is part of what a run is."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A stand-in in a process of its own."""

    port: int
    process: subprocess.Popen[str]

    @property
    def engine(self) -> str:
        """As a user names it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def told(self, what: str) -> dict[str, object]:
        """What it counted: ``count`` or ``kinds``."""
        with urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=20) as response:
            found: dict[str, object] = json.load(response)
        return found

    @property
    def requests(self) -> int:
        """All requests so far, those of the probing included."""
        return int(str(self.told("count")["requests"]))

    @property
    def by_prompt(self) -> dict[str, int]:
        """How often each prompt came."""
        counts = self.told("count")["by_prompt_hash"]
        return dict(counts) if isinstance(counts, dict) else {}

    @property
    def kinds(self) -> dict[str, int]:
        """Faults by kind."""
        return {kind: int(str(count)) for kind, count in self.told("kinds").items()}


@contextmanager
def serving(port: int, *options: str) -> Iterator[Server]:
    """A server that asks for the key, for as long as the block takes."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.reliability_server",
        "--port",
        str(port),
        "--key",
        KEY,
        *options,
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == str(port)
            yield Server(port, process)
        finally:
            process.kill()


# The command.


@dataclass(frozen=True)
class Ended:
    """How a command ended. A negative code is the signal that killed it."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Place:
    """A folder of its own for one run: inputs, run folder and reply cache."""

    path: Path
    launch: str = PLAIN

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.path / "run"

    @property
    def cache(self) -> Path:
        """The file of the reply cache."""
        return self.path / "home" / "replies.sqlite"

    def emptied(self) -> Place:
        """Without run folder and cache."""
        for name in ("run", "home"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        return self

    def start(self, engine: str, source: Path, *more: str) -> subprocess.Popen[str]:
        """``apothecary extract`` over a file, in a process group of its own."""
        arguments = [
            "extract",
            str(source),
            "--engine",
            engine,
            "--out",
            "run",
            "--set",
            "vocabulary=none",
            *more,
        ]
        if "--task" not in more:
            arguments += ["--task", "relations"]
        return subprocess.Popen(
            [sys.executable, "-c", self.launch, *arguments],
            cwd=self.path,
            env=_environment(self.path / "home"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def extract(self, engine: str, source: Path, *more: str) -> Ended:
        """The same, to its end; killed when it takes too long."""
        began = time.monotonic()
        process = self.start(engine, source, *more)
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err += f"\nstill running after {LONGEST:g} s"
        return Ended(process.returncode, out, err, time.monotonic() - began)


def _environment(home: Path) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("APOTHECARY_")}
    return rest | {"APOTHECARY_HOME": str(home), "APOTHECARY_API_KEY": KEY}


# What it left.


def rows(folder: Path, name: str) -> list[dict[str, object]]:
    """The rows of a table of a run folder."""
    path = folder / name
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def finished(folder: Path) -> int:
    """Documents whose line in the predictions is whole, also while the run is under way."""
    path = folder / "predictions.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def ledger(folder: Path) -> Mapping[str, float]:
    """What a run says that it cost."""
    found: dict[str, float] = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    return found


def lost(folder: Path, count: int) -> list[str]:
    """Documents that are neither in the predictions nor in the errors."""
    known = {str(row["id"]) for name in TABLES for row in rows(folder, name)}
    return [str(number) for number in range(count) if str(number) not in known]


def leaks(place: Place, ended: Ended) -> list[str]:
    """Where the key, a prompt or a text is shown that must not be."""
    shown = {"standard output": ended.out, "standard error": ended.err}
    for path in sorted(
        path for name in ("run", "home") for path in (place.path / name).rglob("*") if path.is_file()
    ):
        shown[str(path.relative_to(place.path))] = path.read_bytes().decode("utf-8", "replace")
    found = [f"the key in {name}" for name, text in shown.items() if KEY in text]
    found += [
        f"a prompt in {name}" for name, text in shown.items() if any(prompt in text for prompt in PROMPTS)
    ]
    # Predictions and report hold the texts themselves.
    quoting = {
        name: text for name, text in shown.items() if not name.endswith(("predictions.jsonl", ".html"))
    }
    found += [f"a text in {name}" for name, text in quoting.items() if MARK in text]
    return found + (["a traceback"] if "Traceback" in ended.err else [])
