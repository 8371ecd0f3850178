"""Jobs: one after the other, removed for good, found again by the next server."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from apothecary.errors import RunError, UsageError
from apothecary.service.jobs import MOST_STARTS, SCRATCH, Jobs, opened_jobs
from apothecary.service.work import Tell
from tests.service.served import asked, called, client_of, scripted

Request = Mapping[str, object]


class Slow:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, request: Request, folder: Path, tell: Tell) -> None:
        self.begun.set()
        while not self.go.wait(0.01):
            tell(1, 0)
        (folder / "result.json").write_text(json.dumps(request))


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not true():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)


def ended(jobs: Jobs, name: str) -> Callable[[], bool]:
    return lambda: (job := jobs.get(name)) is not None and job.ended


def submitted(jobs: Jobs, **request: object) -> str:
    job = jobs.submit("extract", request, 1)
    assert job is not None
    return job.id


def test_a_job_that_ended_keeps_its_result_and_not_what_was_sent(tmp_path: Path) -> None:
    work = Slow()
    work.go.set()
    with opened_jobs(tmp_path / "jobs", work) as jobs:
        name = submitted(jobs, a=1)
        until(ended(jobs, name))
        job = jobs.get(name)
        assert job is not None
        assert json.loads(jobs.result(job).read_text()) == {"a": 1}
        until(lambda: {p.name for p in (tmp_path / "jobs" / name).iterdir()} == {"job.json", "result.json"})


def test_too_many_waiting_jobs_are_refused_with_a_time_to_come_again(tmp_path: Path) -> None:
    work, serving = Slow(), scripted(tmp_path)
    with opened_jobs(serving.jobs, work, waiting=1) as jobs:
        client, request = client_of(serving, jobs), {"operation": "extract", "request": asked("a")}
        assert client.post("/v1/jobs", json=request).status_code == 202
        work.begun.wait(10)
        assert client.post("/v1/jobs", json=request).status_code == 202
        answer = client.post("/v1/jobs", json=request)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")


def test_a_removed_job_stops_and_its_files_are_gone(tmp_path: Path) -> None:
    work = Slow()
    with opened_jobs(tmp_path / "jobs", work) as jobs:
        running, waiting = submitted(jobs), submitted(jobs)
        work.begun.wait(10)
        assert (jobs.remove(waiting), jobs.remove(running), jobs.remove(running)) == (True, True, False)
        until(lambda: [p.name for p in (tmp_path / "jobs").iterdir()] == [".lock"])
        assert jobs.all() == []


def test_what_was_not_ended_is_done_by_the_next_server(tmp_path: Path) -> None:
    work = Slow()
    with opened_jobs(tmp_path, work) as jobs:
        running, waiting = submitted(jobs, a=1), submitted(jobs, a=2)
        work.begun.wait(10)
    work.go.set()
    with opened_jobs(tmp_path, work) as jobs:
        until(ended(jobs, running))
        until(ended(jobs, waiting))
        assert [(job.id, job.status, job.starts) for job in jobs.all()] == [
            (running, "done", 1),
            (waiting, "done", 1),
        ]


def test_a_job_that_was_killed_again_and_again_is_given_up(tmp_path: Path) -> None:
    work = Slow()
    with opened_jobs(tmp_path, work) as jobs:
        name = submitted(jobs)
    path = tmp_path / name / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "running", "starts": MOST_STARTS}))
    with opened_jobs(tmp_path, work) as jobs:
        (job,) = jobs.all()
    assert (job.status, job.error and job.error["what"]) == ("failed", "was interrupted 3 times")


def test_leftovers_go_and_what_is_none_of_ours_stays(tmp_path: Path) -> None:
    for name in (f"{SCRATCH}abc", "0123456789abcdef", "fedcba9876543210", "examples"):
        (tmp_path / name).mkdir()
    (tmp_path / "0123456789abcdef" / "job.json").write_text('{"status": "removed"}')
    (tmp_path / "fedcba9876543210" / "job.json").write_text("{torn")
    with opened_jobs(tmp_path, Slow()) as jobs:
        assert jobs.all() == []
    assert {p.name for p in tmp_path.iterdir()} == {".lock", "fedcba9876543210", "examples"}


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    second = opened_jobs(tmp_path, Slow())
    with opened_jobs(tmp_path, Slow()), pytest.raises(RunError, match="another process"):
        second.__enter__()


@pytest.mark.parametrize("error", [UsageError("no such thing"), ValueError("a patient called Jane")])
def test_a_job_that_fails_says_why_and_the_next_one_is_done(
    tmp_path: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(request: Request, folder: Path, tell: Tell) -> None:
        if request:
            raise error
        (folder / "result.json").write_text("{}")

    with opened_jobs(tmp_path, work) as jobs:
        bad, good = submitted(jobs, a=1), submitted(jobs)
        until(ended(jobs, good))
        found = {job.id: job for job in jobs.all()}
    assert (found[bad].status, found[good].status) == ("failed", "done")
    assert "Jane" not in f"{found[bad].error}{capsys.readouterr().err}"


def test_a_job_answers_as_the_request_itself_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    with called(scripted(tmp_path)) as client:
        now = client.post("/v1/extract", json=asked("a")).json()
        place = client.post("/v1/jobs", json={"operation": "extract", "request": asked("a")}).headers[
            "location"
        ]
        assert client.get(f"{place}/result").status_code in (200, 409)
        events = client.get(f"{place}/events").text
        assert events.rstrip().splitlines()[-2] == "event: done"
        later = client.get(f"{place}/result").json()
        assert later["records"] == now["records"]
        assert (client.delete(place).status_code, client.get(place).status_code) == (204, 404)


def test_a_result_that_is_lost_is_a_fault_that_tells_no_path(tmp_path: Path) -> None:
    work, serving = Slow(), scripted(tmp_path)
    work.go.set()
    with opened_jobs(serving.jobs, work) as jobs:
        name = submitted(jobs)
        until(ended(jobs, name))
        (serving.jobs / name / "result.json").unlink()
        answer = client_of(serving, jobs).get(f"/v1/jobs/{name}/result")
    assert (answer.status_code, answer.json()["error"]["what"]) == (500, "a fault of the server")
    assert str(tmp_path) not in answer.text
