"""Part of the reliability campaign: runs stopped at random moments, and taken up by the same command."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from apothecary.engines.http import Connection
from benchmarks.reliability_cases import (
    LONGEST,
    TABLES,
    Ended,
    Place,
    Server,
    finished,
    free_port,
    leaks,
    serving,
    write_documents,
)

__all__ = ["Killed", "Reference", "Stage", "killed", "measure_kills", "reference"]

SOURCE = Path("documents.pubtator")
SCRIPT = Path("script.jsonl")
SETTLES = 0.2
"""Seconds after which a server has counted what a killed client had sent."""
INTERRUPTED = 130
DELAY = 0.1
"""Seconds of the server for a reply: a run should spend most of its time at work, not at starting."""


@dataclass(frozen=True)
class Stage:
    """Where the runs take place, and with which engine: a server's port, or none for a script."""

    place: Place
    port: int | None
    delay: float = DELAY

    @contextmanager
    def engine(self) -> Iterator[tuple[str, Server | None]]:
        """The engine as a user names it, and the server behind it."""
        if self.port is None:
            yield f"scripted:{SCRIPT}", None
            return
        with serving(self.port, "--delay", str(self.delay)) as server:
            yield server.engine, server


@dataclass(frozen=True)
class Reference:
    """The run that nothing stops: what others must come to. `probes` are prompts that are no questions."""

    tables: Mapping[str, bytes]
    names: frozenset[str]
    scores: object
    seconds: float
    probes: frozenset[str]
    questions: int


@dataclass
class Killed:
    """One run that was stopped several times.

    At each stop: the exit code, the documents done, and the questions asked whose reply was not kept.
    """

    seed: int
    how: str
    moments: list[float] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    unstored: list[int] = field(default_factory=list)
    repeated: int = 0
    differences: list[str] = field(default_factory=list)


def staged(path: Path, documents: int, *, seed: int, http: bool, delay: float = DELAY) -> Stage:
    """A stage with invented abstracts and, without a server, the script that answers for them."""
    write_documents(path / SOURCE, documents, seed=seed)
    if http:
        return Stage(Place(path), free_port(), delay)
    lines: list[dict[str, object]] = [{"contains": ["First name:"], "reply": "~"}]
    lines += [{"contains": ["Answer with the code alone"], "reply": "1"}]
    for number, found in enumerate(_annotated(path / SOURCE)):
        lines.append({"contains": [f"case {number}.", "one JSON object"], "reply": found})
    (path / SCRIPT).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Stage(Place(path), None)


def _annotated(path: Path) -> Iterator[dict[str, list[str]]]:
    for record in path.read_text(encoding="utf-8").split("\n\n"):
        found: dict[str, list[str]] = {}
        for line in record.splitlines():
            parts = line.split("\t")
            if len(parts) == 6 and parts[3] not in found.setdefault(parts[4], []):
                found[parts[4]].append(parts[3])
        if found:
            yield found


# A run that nothing stops.


def reference(stage: Stage) -> Reference:
    """Run to the end; once more, to see which prompts come again though nothing is left to ask.

    The time is the shorter of two: the first run may have found cold disks.
    """
    place = stage.place
    with stage.engine() as (engine, server):
        seconds = LONGEST
        for _ in range(2):
            ended = place.emptied().extract(engine, SOURCE, "--json")
            assert ended.code == 0, ended.err
            seconds = min(seconds, ended.seconds)
        first = server.by_prompt if server else {}
        assert place.extract(engine, SOURCE, "--json").code == 0
        again = server.by_prompt if server else {}
    probes = frozenset(prompt for prompt in again if again[prompt] > first.get(prompt, 0))
    return Reference(
        {name: (place.run / name).read_bytes() for name in TABLES},
        frozenset(path.name for path in place.run.iterdir()),
        json.loads(ended.out)["scores"],
        seconds,
        probes,
        len(first.keys() - probes),
    )


# A run that is stopped.


class Watch:
    """What a server was asked, between one look and the next. Without a server there is nothing to see."""

    def __init__(self, server: Server | None, probes: frozenset[str], cache: Path) -> None:
        self._server = server
        self._probes = probes
        self._cache = cache
        self._asked: dict[str, int] = {}
        self._kept = 0

    def look(self) -> list[str]:
        """Only what was asked before and not kept may have been asked again."""
        if self._server is None:
            return []
        time.sleep(SETTLES)
        told = self._server.by_prompt
        asked = {prompt: count for prompt, count in told.items() if prompt not in self._probes}
        again = sum(asked[prompt] > count for prompt, count in self._asked.items())
        may = self.unstored
        self._asked, self._kept = asked, stored(self._cache)
        return [f"{again} questions asked again, {may} had no kept reply"] if again > may else []

    @property
    def unstored(self) -> int:
        """Questions asked whose reply is not kept."""
        return len(self._asked) - self._kept

    @property
    def repeated(self) -> int:
        """Requests beyond the first for each question."""
        return sum(self._asked.values()) - len(self._asked)


def killed(stage: Stage, whole: Reference, how: signal.Signals, *, seed: int, most: int) -> Killed:
    """Stop a run at up to `most` random moments, uniform over the time of a whole one; then let it end."""
    draw, place = random.Random(seed), stage.place.emptied()
    run = Killed(seed, how.name)
    moments = [draw.uniform(0.0, whole.seconds) for _ in range(most)]
    with stage.engine() as (engine, server):
        watch = Watch(server, whole.probes, place.cache)
        for moment in (*moments, LONGEST):
            ended = _until(place.start(engine, SOURCE, "--json"), moment, how)
            run.differences += watch.look()
            if ended.code == 0:
                break
            if moment < LONGEST:
                _note_stop(run, place, ended, round(moment, 2))
                run.unstored.append(watch.unstored)
        _check_end(run, place, ended, whole)
        run.repeated = watch.repeated
        if server and (left := watch.unstored):
            run.differences.append(f"{left} replies are not kept at the end")
    return run


def _until(process: subprocess.Popen[str], moment: float, how: signal.Signals) -> Ended:
    """Let a command run until a moment, and stop its whole group then."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, how)
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err += f"\nstill running {LONGEST:g} s after {how.name}"
    return Ended(process.returncode, out, err, time.monotonic() - began)


def _note_stop(run: Killed, place: Place, ended: Ended, moment: float) -> None:
    run.moments.append(moment)
    run.codes.append(ended.code)
    run.done.append(finished(place.run))
    what = f"{run.how} at {moment} s"
    if ended.code not in (-signal.Signals[run.how], INTERRUPTED):
        run.differences.append(f"{what}: exit {ended.code}: {ended.err.strip()[-200:]}")
    # Until Python has started itself, Ctrl-C is Python's own to answer.
    if "Traceback" in ended.err and "apothecary" in ended.err:
        run.differences.append(f"{what}: a traceback: {ended.err.strip()[-400:]}")
    if not sound(place.cache):
        run.differences.append(f"{what}: the cache is damaged")


def _check_end(run: Killed, place: Place, ended: Ended, whole: Reference) -> None:
    """The last command must leave what a run leaves that nothing stops."""
    if ended.code != 0:
        run.differences.append(f"at last exit {ended.code}: {ended.err.strip()[-200:]}")
        return
    for name, data in whole.tables.items():
        if (place.run / name).read_bytes() != data:
            run.differences.append(f"{name} differs")
    if json.loads(ended.out)["scores"] != whole.scores:
        run.differences.append("the scores differ")
    left = {path.name for path in place.run.iterdir()} - whole.names
    run.differences += [f"{name} is left over" for name in sorted(left)]
    run.differences += [] if sound(place.cache) else ["the cache is damaged"]
    run.differences += leaks(place, ended)


def stored(cache: Path) -> int:
    """Replies in a cache; none before there is one."""
    if not cache.exists():
        return 0
    with closing(sqlite3.connect(cache)) as database:
        tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'replies'").fetchone()
        return int(database.execute("SELECT count(*) FROM replies").fetchone()[0]) if tables[0] else 0


def sound(cache: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file, if there is one."""
    if not cache.exists():
        return True
    with closing(sqlite3.connect(cache)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


# The campaign.


@dataclass(frozen=True)
class Sizes:
    """How much is done. Of `runs`, half go to a server and half to a script."""

    runs: int = 120
    documents: int = 150
    most: int = 4
    first_seed: int = 1


def measure_kills(work: Path, sizes: Sizes) -> dict[str, object]:
    """Kill -9 for every other run, Ctrl-C and SIGTERM for the rest."""
    stages = {
        "server": staged(work / "kills", sizes.documents, seed=sizes.first_seed, http=True),
        "script": staged(work / "kills-script", 4 * sizes.documents, seed=sizes.first_seed, http=False),
    }
    signals = (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
    found: dict[str, object] = {}
    for name, stage in stages.items():
        whole = reference(stage)
        runs: list[Killed] = []
        for number in range(sizes.runs // len(stages)):
            how = signals[number % len(signals)]
            run = killed(stage, whole, how, seed=sizes.first_seed + number, most=sizes.most)
            runs.append(run)
            what = "; ".join(run.differences) or "as it should be"
            print(f"kills: {name} {number} {run.how} x {len(run.moments)}: {what}", flush=True)
        found[name] = summed(runs, whole)
    return found


def summed(runs: list[Killed], whole: Reference) -> dict[str, object]:
    """The figures of one engine."""
    unstored = [each for run in runs for each in run.unstored]
    documents = whole.tables["predictions.jsonl"].count(b"\n")
    return {
        "runs": len(runs),
        "stops": dict(sum((Counter({run.how: len(run.moments)}) for run in runs), Counter())),
        "codes": dict(Counter(str(code) for run in runs for code in run.codes)),
        "working": sum(0 < done < documents for run in runs for done in run.done),
        "seconds": whole.seconds,
        "questions": whole.questions,
        "repeated": sum(run.repeated for run in runs),
        "most_unstored": max(unstored, default=0),
        "median_unstored": statistics.median(unstored) if unstored else 0,
        "in_flight": Connection.most,
        "different": sum(bool(run.differences) for run in runs),
        "rows": [asdict(run) for run in runs],
    }
