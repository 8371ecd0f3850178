"""What goes wrong with a base while it is built: kills, two writers, full disks, read-only folders."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apothecary.errors import RunError, UsageError
from apothecary.store.build import BuildOptions, build
from apothecary.store.decisions import Decision, DecisionLog, decisions_path
from apothecary.store.opening import VERSION, opened
from tests.store.base_runs import believed, contents, rows_of, run_folder, stating

NONE = BuildOptions(vocabulary="none")
BUILD = """
import sys
from pathlib import Path
from apothecary.store.build import BuildOptions, build
runs = [Path(each) for each in sys.argv[2:]]
print("begun", flush=True)
build(runs, Path(sys.argv[1]), BuildOptions("none"))
"""


def runs_of(folder: Path) -> list[Path]:
    """Three runs over the same documents; the last takes some of the first one's with it by another text."""
    documents = [stating(str(number), "A", f"B{number % 7}") for number in range(400)]
    other = [stating(str(number), "A", "C", text=f"Now A and C, {number}.") for number in range(0, 400, 9)]
    return [
        run_folder(folder / "one", documents),
        run_folder(folder / "two", documents[::2], engine="other"),
        run_folder(folder / "three", other, started="2026-02-01T00:00:00+00:00"),
    ]


def started(store: Path, runs: list[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(store), *map(str, runs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_build_that_is_killed_anywhere_goes_on_to_the_same_base(tmp_path: Path) -> None:
    runs, chance = runs_of(tmp_path), random.Random(5)  # noqa: S311
    begun = time.monotonic()
    build(runs, tmp_path / "whole.duckdb", NONE)
    seconds = time.monotonic() - begun
    whole = contents(tmp_path / "whole.duckdb")
    killed = 0
    for number in range(5):
        store = tmp_path / f"{number}.duckdb"
        for _ in range(3):
            with started(store, runs) as process:
                time.sleep(chance.uniform(0, 1.5 * seconds))
                process.send_signal(signal.SIGKILL)
                process.communicate()
            killed += process.returncode == -signal.SIGKILL
            if store.exists():
                with opened(store, write=True) as connection:
                    taken = connection.execute("SELECT count(*) FROM runs").fetchone()
                    edges = connection.execute("SELECT count(*) FROM edges").fetchone()
                assert taken is not None
                assert (edges == (0,)) == (taken == (0,))
        build(runs, store, NONE)
        assert contents(store) == whole
    assert killed >= 5


@pytest.mark.slow
def test_a_run_that_breaks_off_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    one, two, _ = runs_of(tmp_path)
    store = tmp_path / "kb.duckdb"
    build([one], store, NONE)
    before = contents(store)

    def break_off(name: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build([two], store, NONE, break_off)
    assert contents(store) == before


def test_a_second_writer_is_told_so(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    store = tmp_path / "kb.duckdb"
    build([run], store, NONE)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb,sys; c=duckdb.connect(sys.argv[1]); print(1,flush=True); input()",
            store,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(RunError, match="another process is at work"):
        build([run], store, NONE)
    holder.communicate("\n")
    assert build([run], store, NONE).unchanged == 1


def full_disk(store: Path, run: Path, room: int) -> subprocess.CompletedProcess[str]:
    """A build in a process whose files may grow by that much and no more."""
    script = BUILD.replace(
        'print("begun"',
        f"import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f' resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); print("begun"',
    )
    command = [sys.executable, "-c", script, str(store), str(run)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_on_a_full_disk_nothing_is_lost_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    store = tmp_path / "kb.duckdb"
    build([run_folder(tmp_path / "small", [stating("1", "A", "B")])], store, NONE)
    before = contents(store)
    chance = random.Random(3)  # noqa: S311
    large = run_folder(
        tmp_path / "large",
        [
            stating(f"x{number}", "A", f"B{number}", text=f"A and B{number}: {chance.randbytes(4000).hex()}")
            for number in range(600)
        ],
    )
    done = full_disk(store, large, store.stat().st_size + 200_000)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "cannot be written" in last
    assert "nothing is lost" in last
    assert contents(store) == before
    assert build([large], store, NONE).documents == 600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told_so(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="closed"):
        build([run], tmp_path / "closed" / "kb.duckdb", NONE)


def test_a_folder_that_cannot_be_made_is_told_so(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        build([run], tmp_path / "file" / "kb.duckdb", NONE)
    assert build([run], tmp_path / "new" / "kb.duckdb", NONE).documents == 1


def test_a_base_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    store = tmp_path / "kb.duckdb"
    build([run], store, NONE)
    with opened(store, write=True) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(RunError, match="later version"):
        build([run], store, NONE)


def test_a_base_of_an_earlier_version_is_brought_up_to_date_by_a_build_alone(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    store = tmp_path / "kb.duckdb"
    build([run], store, NONE)
    with opened(store, write=True) as connection:
        connection.execute("DROP TABLE edge_moves; DROP TABLE concept_moves")
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    with pytest.raises(RunError, match="earlier version.*store build"), opened(store):
        pass
    assert build([run], store, NONE).unchanged == 1
    assert rows_of(store, "SELECT value FROM meta WHERE key = 'schema'") == [(str(VERSION),)]
    assert rows_of(store, "SELECT count(*) FROM edge_moves") == [(0,)]


def test_a_build_takes_decisions_from_a_log_that_a_reviewer_has_open(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")])
    store = tmp_path / "kb.duckdb"
    build([run], store, NONE)
    (edge,) = rows_of(store, "SELECT edge FROM edges")[0]
    with DecisionLog(decisions_path(store)) as log:
        log.append(Decision(0, "1", str(edge), "reject", "Ada", "", None, ""))
        assert build([run], store, NONE).decisions == 1
        assert believed(store)["POS"] == (0, 0, False, 0.0)
        assert rows_of(store, "SELECT reviewed, wrong FROM sources") == [(1, 1)]
        assert build([], store, NONE).decisions == 0
        built = build([run_folder(tmp_path / "run", [])], store, NONE)
        assert built.notes == ("1 decisions are about statements that no run makes now",)
