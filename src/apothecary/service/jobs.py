"""Jobs: requests that take longer, each in a folder of its own, done one after the other.

    JOBS/1f0c.../job.json       what it is and where it stands
                request.json    what was asked, until it has ended
                run/            the run folder of its task
                result.json     what was found

A folder appears whole or not at all, and every change of `job.json` is one replaced file, so a server that is
killed at any moment finds its jobs again. Those that had not ended are taken up where their run folder ends;
one that was begun `MOST_STARTS` times and never ended is given up, as it may be what ends the server.
"""

from __future__ import annotations

import json
import queue
import re
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import ApothecaryError, FormatError, RunError, UsageError
from apothecary.runs.durable import held_folder, replace_text
from apothecary.runs.folder import read_json
from apothecary.service.refusals import fault, refusal, say_error, say_fault
from apothecary.service.work import RESULT, SOURCES, Tell

__all__ = ["Job", "Jobs", "Perform", "opened_jobs"]

MOST_STARTS = 3
JOB, REQUEST = "job.json", "request.json"
REMOVED = "removed"
"""What `job.json` says from when a job is forgotten to when its files are gone."""
SCRATCH = ".job-"
"""Folders that begin with it hold nothing worth keeping after a kill."""
CLOSING_SECONDS = 10.0

Perform = Callable[[Mapping[str, object], Path, Tell], None]
"""Does what was asked in a folder and writes its result there; raises ApothecaryError."""


@dataclass(frozen=True)
class Job:
    """Where a job stands. Times are UTC; `done` and `failed` count its `total` items.

    `error` says why it failed: where, what, hint. `starts` is how often it was begun.
    """

    id: str
    operation: str
    status: Literal["queued", "running", "done", "failed"]
    created: str
    total: int
    started: str | None = None
    finished: str | None = None
    done: int = 0
    failed: int = 0
    starts: int = 0
    error: dict[str, str] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("done", "failed")


_JOB = TypeAdapter(Job)
_ID = re.compile(r"[0-9a-f]{16}")
_LEFTOVER = re.compile(rf"{re.escape(SCRATCH)}\w+")


class _Stopped(Exception):
    """The job was removed, or the server stops: nothing went wrong."""


class Jobs:
    """The jobs of a folder and the thread that does them. Safe for threads; use `opened_jobs`."""

    def __init__(self, folder: Path, perform: Perform, waiting: int) -> None:
        self.folder = folder
        self._perform = perform
        self._most_waiting = waiting
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._closing = False
        self._worker = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Find the jobs of earlier servers, and begin to work."""
        for job in sorted(_found(self.folder), key=lambda each: each.created):
            self._jobs[job.id] = job
            if not job.ended and job.starts >= MOST_STARTS:
                hint = "send less at once"
                self._end(job, {"where": job.id, "what": f"was interrupted {job.starts} times", "hint": hint})
            elif not job.ended:
                self._jobs[job.id] = replace(job, status="queued")
                self._queue.put(job.id)
        self._worker.start()

    def close(self) -> None:
        """Stop the job at work; the next server takes it up."""
        self._closing = True
        self._queue.put(None)
        self._worker.join(CLOSING_SECONDS)

    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def get(self, name: str) -> Job | None:
        """The job of that id."""
        with self._lock:
            return self._jobs.get(name)

    def result(self, job: Job) -> Path:
        """The file of what a job found; only one that is done has it."""
        return self.folder / job.id / RESULT

    def submit(self, operation: str, request: Mapping[str, object], total: int) -> Job | None:
        """Take a job in; None when too many are waiting. Raises RunError when it cannot be written."""
        job = Job(secrets.token_hex(8), operation, "queued", _now(), total)
        with self._lock:
            if sum(each.status == "queued" for each in self._jobs.values()) >= self._most_waiting:
                return None
            with self.scratch() as place:
                replace_text(place / REQUEST, [json.dumps(request)])
                _write(place, job)
                # What is renamed away is not there to be cleaned up, and need not be.
                place.rename(self.folder / job.id)
            self._jobs[job.id] = job
        self._queue.put(job.id)
        return job

    def remove(self, name: str) -> bool:
        """Forget a job, stop it if it is at work, and delete its files; whether there was one."""
        with self._lock:
            job = self._jobs.pop(name, None)
            if job is None:
                return False
            # A kill from here on does not bring it back.
            replace_text(self.folder / name / JOB, [json.dumps({"status": REMOVED})])
        if job.status != "running":
            shutil.rmtree(self.folder / name, ignore_errors=True)
        return True

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for a request that is answered at once; it does not outlive it. Raises RunError."""
        try:
            with TemporaryDirectory(prefix=SCRATCH, dir=self.folder, ignore_cleanup_errors=True) as place:
                yield Path(place)
        except OSError as error:
            raise RunError(f"cannot write the folder of jobs: {error.strerror}") from error

    def _work(self) -> None:
        while (name := self._queue.get()) is not None and not self._closing:
            job = self.get(name)
            if job is None:
                continue
            try:
                self._do(replace(job, status="running", started=_now(), starts=job.starts + 1))
            except Exception as error:
                # The worker outlives whatever happens to one job: a full disk, mostly.
                say_fault(error)

    def _do(self, job: Job) -> None:
        place = self.folder / job.id
        if not self._keep(job):
            return
        error = None
        try:
            request = read_json(place / REQUEST)
            if request is None:
                raise FormatError("the request is not there any more", where=job.id, hint="send it again")
            self._perform(request, place, lambda done, failed: self._tell(job.id, done, failed))
        except _Stopped:
            if self._closing:
                # Not the fault of the job: this start does not count.
                self._keep(replace(job, status="queued", starts=job.starts - 1))
            else:
                shutil.rmtree(place, ignore_errors=True)
            return
        except ApothecaryError as caught:
            say_error(caught)
            error = refusal(caught, place)
        except Exception as caught:
            say_fault(caught)
            error = fault()
        self._end(self.get(job.id) or job, error)

    def _tell(self, name: str, done: int, failed: int) -> None:
        with self._lock:
            job = self._jobs.get(name)
            if job is None or self._closing:
                raise _Stopped
            self._jobs[name] = replace(job, done=done, failed=failed)

    def _end(self, job: Job, error: dict[str, str] | None) -> None:
        place = self.folder / job.id
        status: Literal["done", "failed"] = "done" if error is None else "failed"
        if not self._keep(replace(job, status=status, finished=_now(), error=error)):
            shutil.rmtree(place, ignore_errors=True)
            return
        for name in (REQUEST, *SOURCES):
            (place / name).unlink(missing_ok=True)

    def _keep(self, job: Job) -> bool:
        """Write where a job stands; False when it was removed."""
        with self._lock:
            if job.id not in self._jobs:
                return False
            self._jobs[job.id] = job
            _write(self.folder / job.id, job)
            return True


@contextmanager
def opened_jobs(folder: Path, perform: Perform, *, waiting: int = 20) -> Iterator[Jobs]:
    """The jobs of a folder, at work until the end. Raises ApothecaryError; RunError while another server
    has them."""
    try:
        # Only its user may read what was sent.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder of jobs: {error.strerror}", where=str(folder)) from error
    with held_folder(folder, "the folder of jobs"):
        jobs = Jobs(folder, perform, waiting)
        jobs.start()
        try:
            yield jobs
        finally:
            jobs.close()


def _now() -> str:
    # Fine enough to keep the jobs of one second in their order.
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _write(place: Path, job: Job) -> None:
    replace_text(place / JOB, [json.dumps(asdict(job), indent=2), "\n"])


def _found(folder: Path) -> Iterator[Job]:
    """The jobs in a folder, once what a kill left half done is removed; what is none of ours stays."""
    for place in sorted(folder.iterdir()):
        if _LEFTOVER.fullmatch(place.name):
            shutil.rmtree(place, ignore_errors=True)
        if not _ID.fullmatch(place.name):
            continue
        try:
            record = read_json(place / JOB) or {}
            if record.get("status") == REMOVED:
                shutil.rmtree(place, ignore_errors=True)
            else:
                yield _JOB.validate_python({**record, "id": place.name})
        except (ApothecaryError, ValidationError):
            print(f"{place / JOB}: is damaged; this job is left out", file=sys.stderr)
