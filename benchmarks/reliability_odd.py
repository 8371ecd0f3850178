"""Part of the reliability campaign: odd conditions, the message shown in each, and what came after."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.reliability_cases import LONGEST, PLAIN, TABLES, Ended, Place, leaks, serving
from benchmarks.reliability_kills import SOURCE, Stage, staged

__all__ = ["Odd", "Scene", "measure_odd"]

FAR = 4_102_444_800
"""The first of January 2100, in seconds."""


@dataclass(frozen=True)
class Odd:
    """One condition. `then` is what became of the same command once things were mended."""

    name: str
    code: int | None
    message: str
    then: str = ""
    differences: list[str] = field(default_factory=list)
    skipped: str = ""


@dataclass(frozen=True)
class Scene:
    """A place, an engine that answers, and the tables of a run under ordinary conditions."""

    stage: Stage
    engine: str
    tables: Mapping[str, bytes]

    @property
    def place(self) -> Place:
        """Where it happens."""
        return self.stage.place

    def run(self, *more: str) -> Ended:
        """The command."""
        return self.place.extract(self.engine, SOURCE, "--json", *more)

    def whole(self) -> bool:
        """Whether the run folder holds what an ordinary run leaves."""
        return all(
            (path := self.place.run / name).exists() and path.read_bytes() == data
            for name, data in self.tables.items()
        )

    def complete(self) -> None:
        """A finished run, new."""
        self.place.emptied()
        ended = self.run()
        assert ended.code == 0, ended.err

    def seen(self, name: str, ended: Ended, words: str, then: Ended | None = None) -> Odd:
        """How a condition went: with `words` in the one line of an error or, without words, to a good end."""
        shown = ended.err.strip().replace(f"{self.place.path}/", "")
        found = leaks(self.place, ended)
        if ended.code != (2 if words else 0):
            found.append(f"exit {ended.code}")
        if words and (words not in shown or not shown.startswith("error: ") or "\n" in shown):
            found.append(f"not one line that says '{words}'")
        if shown and not words:
            found.append("something is said")
        last = then or ended
        what = f"exit {last.code}, tables {'identical' if self.whole() else 'not identical'}"
        if (then or not words) and what != "exit 0, tables identical":
            found.append(what)
        return Odd(name, ended.code, shown, what if then else "", found)


class NotPermitted(Exception):
    """This machine does not let us make the condition."""


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[None]:
    """A file system of its own on a folder. Raises NotPermitted."""
    path.mkdir(parents=True, exist_ok=True)
    for each in options:
        done = subprocess.run(["mount", *each.split(), str(path)], capture_output=True, text=True)
        if done.returncode:
            subprocess.run(["umount", "-l", str(path)], capture_output=True)
            raise NotPermitted(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], capture_output=True)


# No room, and no permission.


def disk_full(scene: Scene) -> Iterator[Odd]:
    """Too little room for the run folder, at its beginning, middle and end, and for the cache."""
    nearly = sum(len(data) for data in scene.tables.values()) // 1024 + 24
    no_room = "No space left on device"
    for size, words in (("8k", no_room), ("24k", no_room), (f"{nearly}k", f"the report: {no_room}")):
        yield _without_room(scene, "run", size, words)
    for size in ("4k", "48k"):
        yield _without_room(scene, "home", size, "the reply cache cannot be used")


def _without_room(scene: Scene, folder: str, size: str, words: str) -> Odd:
    path = scene.place.emptied().path / folder
    with mounted(path, f"-t tmpfs -o size={size} tmpfs"):
        ended = scene.run()
        subprocess.run(["mount", "-o", "remount,size=64m", str(path)], check=True)
        name = f"a disk of {size}B for the {'run folder' if folder == 'run' else 'cache'}"
        return scene.seen(name, ended, words, scene.run())


def size_limit(scene: Scene) -> Iterator[Odd]:
    """No file may be larger than 16 kB."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))\n"
    place = Place(scene.place.emptied().path, limit + PLAIN)
    ended = place.extract(scene.engine, SOURCE, "--json", "--no-cache")
    yield scene.seen("files of at most 16 kB (`ulimit -f`)", ended, "File too large", scene.run())


def read_only(scene: Scene) -> Iterator[Odd]:
    """Folders that cannot be written: a run folder, a cache."""
    for folder, words in (
        ("run", "cannot write the run folder: Read-only file system"),
        ("home", "the reply cache cannot be used"),
    ):
        path = scene.place.emptied().path / folder
        with mounted(path, f"--bind {path}", "-o remount,ro,bind"):
            ended = scene.run()
        name = f"a read-only {'run folder' if folder == 'run' else 'cache'}"
        yield scene.seen(name, ended, words, scene.run())


def in_the_way(scene: Scene) -> Iterator[Odd]:
    """A file where a folder should be."""
    for folder, words in (("run", "cannot write the run folder"), ("home", "the reply cache cannot be used")):
        path = scene.place.emptied().path / folder
        path.write_text("")
        ended = scene.run()
        path.unlink()
        name = f"a file in the place of the {'run' if folder == 'run' else 'cache'} folder"
        yield scene.seen(name, ended, words, scene.run())


def outputs(scene: Scene) -> Iterator[Odd]:
    """Standard output or error that takes nothing."""
    full = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n" + PLAIN
    closed = (
        "import os, sys; os.close({}); os.execv(sys.executable, [sys.executable, '-c', {!r}, *sys.argv[1:]])"
    )
    for name, launch, words in (
        ("standard output on a full disk", full, "No space left on device"),
        ("standard output closed", closed.format(1, PLAIN), ""),
        ("standard error closed", closed.format(2, PLAIN), ""),
    ):
        ended = Place(scene.place.emptied().path, launch).extract(scene.engine, SOURCE, "--json")
        yield scene.seen(name, ended, words, scene.run() if words else None)


# Two at once.


def one_folder(scene: Scene) -> Iterator[Odd]:
    """Two processes with one run folder."""
    place = scene.place.emptied()
    with serving(_port(scene), "--delay", "0.1") as server:
        first = place.start(server.engine, SOURCE, "--json")
        _wait_for(place.run / "manifest.json")
        # Held still, so that it is at work however long the second takes to start.
        os.kill(first.pid, signal.SIGSTOP)
        second = place.extract(server.engine, SOURCE, "--json")
        os.kill(first.pid, signal.SIGCONT)
        ended = _ended(first)
    yield scene.seen("a second process on the same run folder", second, "another process is writing", ended)


def one_cache(scene: Scene) -> Iterator[Odd]:
    """Two processes with one cache."""
    place = scene.place.emptied()
    with serving(_port(scene)) as server:
        first = place.start(server.engine, SOURCE, "--json")
        second = place.start(server.engine, SOURCE, "--json", "--out", "beside")
        ended, beside = _ended(first), _ended(second)
    odd = scene.seen("two processes with one cache", ended, "")
    same = all((place.path / "beside" / name).read_bytes() == data for name, data in scene.tables.items())
    odd.differences.extend(
        [] if same and beside.code == 0 else [f"the other: exit {beside.code}, or differs"]
    )
    shutil.rmtree(place.path / "beside")
    yield odd


def _port(scene: Scene) -> int:
    assert scene.stage.port is not None, "two at once need a server, which takes its time"
    return scene.stage.port


def _ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=LONGEST)
    return Ended(process.returncode, out, err, 0.0)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline and not (path.exists() and path.stat().st_size):
        time.sleep(0.02)


def clocks(scene: Scene) -> Iterator[Odd]:
    """A run folder and a cache from the future, as a clock that was set back leaves them."""
    scene.complete()
    cut(scene.place.run / "predictions.jsonl", lambda data: data[: len(data) // 2])
    for name in ("manifest.json", "ledger.json"):
        path = scene.place.run / name
        found = json.loads(path.read_text())
        found |= (
            {"started": "2100-01-01T00:00:00+00:00"} if name == "manifest.json" else {"wall_seconds": 4e9}
        )
        path.write_text(json.dumps(found))
    for path in (*scene.place.run.iterdir(), scene.place.cache):
        os.utime(path, (FAR, FAR))
    yield scene.seen("half a run and a cache with times of the year 2100", scene.run(), "")


# What was there before.


def cut(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a file."""
    path.write_bytes(change(path.read_bytes()))


CACHES: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
    ("is no database", lambda data: b"no database at all " * 100, "file is not a database"),
    ("is cut in half", lambda data: data[: len(data) // 2], "database disk image is malformed"),
    ("has 4 kB of zeros in it", lambda data: data[:9000] + bytes(4096) + data[13096:], "malformed"),
    ("is empty", lambda data: b"", ""),
)
STATEMENTS = (
    ("is of a later version", "PRAGMA user_version = 9", "the reply cache is newer than this version"),
    ("holds replies that are none", "UPDATE replies SET reply = '{}'", "is not a stored reply"),
    ("is of another program", "ALTER TABLE replies RENAME COLUMN key TO name", "no such column"),
)


def caches(scene: Scene) -> Iterator[Odd]:
    """A cache that is damaged or not ours; then the same command with ``--no-cache``."""
    for name, change, words in CACHES:
        scene.complete()
        shutil.rmtree(scene.place.run)
        for beside in ("-wal", "-shm"):
            scene.place.cache.with_name(scene.place.cache.name + beside).unlink(missing_ok=True)
        cut(scene.place.cache, change)
        ended = scene.run()
        yield scene.seen(f"a cache that {name}", ended, words, scene.run("--no-cache") if words else None)
    for name, statement, words in STATEMENTS:
        scene.complete()
        shutil.rmtree(scene.place.run)
        with closing(sqlite3.connect(scene.place.cache)) as database, database:
            database.execute(statement)
        yield scene.seen(f"a cache that {name}", scene.run(), words, scene.run("--no-cache"))


DAMAGED = "is damaged"
FILES: tuple[tuple[str, str, Callable[[bytes], bytes], str], ...] = (
    ("predictions.jsonl", "cut in the middle of a line", lambda data: data[: len(data) // 2], ""),
    ("predictions.jsonl", "cut, and zeros to its end", lambda data: data[: len(data) // 2] + bytes(999), ""),
    ("predictions.jsonl", "with zeros in it", lambda data: data[:500] + bytes(900) + data[1400:], DAMAGED),
    ("predictions.jsonl", "that is not UTF-8", lambda data: data[:500] + b"\xff\xfe" + data[502:], DAMAGED),
    ("predictions.jsonl", "with a row that is no object", lambda data: b"[1]\n" + data, DAMAGED),
    ("predictions.jsonl", "that is empty", lambda data: b"", ""),
    ("errors.jsonl", "cut in the middle of a line", lambda data: b'{"id": "1", "ki', ""),
    ("errors.jsonl", "with a row that is no object", lambda data: b"null\n", DAMAGED),
    ("manifest.json", "that is empty", lambda data: b"", DAMAGED),
    ("manifest.json", "of zeros", lambda data: bytes(len(data)), DAMAGED),
    ("ledger.json", "that is empty", lambda data: b"", DAMAGED),
    (
        "ledger.json",
        "with words for numbers",
        lambda data: re.sub(rb'"calls": \d+', b'"calls": "no"', data),
        "is not a ledger",
    ),
)


def files(scene: Scene) -> Iterator[Odd]:
    """A run folder whose files a power loss, a disk or a hand has changed; then ``--fresh``."""
    for file, name, change, words in FILES:
        scene.complete()
        cut(scene.place.run / file, change)
        ended = scene.run()
        yield scene.seen(f"a {file} {name}", ended, words, scene.run("--fresh") if words else None)


def settings(scene: Scene) -> Iterator[Odd]:
    """A run folder of other settings, of another version and of other inputs; then ``--fresh``."""
    words = "holds a run made with other settings ({}) (choose another --out, or start it anew with --fresh)"
    scene.complete()
    ended = scene.run("--set", "names=none")
    yield scene.seen("a run folder of other settings", ended, words.format("settings"), scene.run())
    path = scene.place.run / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["identity"]["version"], manifest["fingerprint"] = "0.0.9", "of that version"
    path.write_text(json.dumps(manifest))
    ended = scene.run()
    yield scene.seen("a run folder of another version", ended, words.format("version"), scene.run("--fresh"))
    scene.complete()
    other = scene.place.path / "other" / SOURCE.name
    other.parent.mkdir(exist_ok=True)
    other.write_bytes((scene.place.path / SOURCE).read_bytes() + b"\n99|t|One more.\n99|a|Here.\n")
    ended = scene.place.extract(scene.engine, other, "--json")
    yield scene.seen("a run folder of other inputs", ended, words.format("inputs"), scene.run())


# The campaign.

ALONE = (disk_full, size_limit, read_only, in_the_way, outputs, clocks, caches, files, settings)
TOGETHER = (one_folder, one_cache)


def measure_odd(work: Path, *, documents: int, seed: int) -> list[dict[str, object]]:
    """All of them; one that this machine does not permit is told as such."""
    found: list[Odd] = []
    for conditions, http in ((ALONE, False), (TOGETHER, True)):
        name = "odd-server" if http else "odd"
        scene = _scene(staged(work / name, documents, seed=seed, http=http))
        for condition in conditions:
            for odd in _met(condition, scene):
                found.append(odd)
                what = odd.skipped or "; ".join(odd.differences) or "as it should be"
                print(f"odd: {odd.name}: {odd.message or 'nothing said'}: {what}", flush=True)
    return [asdict(odd) for odd in found]


def _met(condition: Callable[[Scene], Iterator[Odd]], scene: Scene) -> Iterator[Odd]:
    try:
        yield from condition(scene)
    except NotPermitted as error:
        name = (condition.__doc__ or "").rstrip(".")
        yield Odd(name, None, "", skipped=f"not permitted here: {error}")


def _scene(stage: Stage) -> Scene:
    place = stage.place.emptied()
    with stage.engine() as (engine, _):
        ended = place.extract(engine, SOURCE)
        assert ended.code == 0, ended.err
        return Scene(stage, engine, {name: (place.run / name).read_bytes() for name in TABLES})
