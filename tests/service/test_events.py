"""Progress over a real connection: uvicorn on loopback, and a client that reads as it comes."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import uvicorn

from apothecary.service.app import create_app
from apothecary.service.jobs import Perform, opened_jobs
from apothecary.service.work import Tell
from tests.service.served import asked, followed, scripted

REQUEST = {"operation": "extract", "request": asked("a", "b")}


@contextmanager
def listening(folder: Path, perform: Perform) -> Iterator[httpx2.Client]:
    """A client of a server whose jobs do that."""
    serving = scripted(folder)
    with opened_jobs(serving.jobs, perform) as jobs, socket.create_server(("127.0.0.1", 0)) as place:
        config = uvicorn.Config(create_app(serving, jobs), log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{place.getsockname()[1]}"
            with httpx2.Client(base_url=address, timeout=30, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def test_progress_comes_while_the_job_is_at_work(tmp_path: Path) -> None:
    seen = threading.Event()

    def work(request: Mapping[str, object], folder: Path, tell: Tell) -> None:
        tell(1, 0)
        # It ends only after the client has seen that it is half done.
        assert seen.wait(20)
        tell(1, 1)

    with listening(tmp_path, work) as client:
        place = client.post("/v1/jobs", json=REQUEST).headers["location"]
        before = followed(client, place, until=1)
        seen.set()
        after = followed(client, place)
    assert {kind for kind, _ in before} == {"progress"}
    kind, last = after[-1]
    assert (kind, last["done"], last["failed"], last["total"]) == ("done", 1, 1, 2)


def test_a_job_that_is_removed_ends_its_events(tmp_path: Path) -> None:
    begun = threading.Event()

    def work(request: Mapping[str, object], folder: Path, tell: Tell) -> None:
        while not begun.wait(0.01):
            tell(0, 0)
        while True:
            tell(1, 0)

    with listening(tmp_path, work) as client:
        place = client.post("/v1/jobs", json=REQUEST).headers["location"]
        remover = threading.Timer(0.5, client.delete, [place])
        remover.start()
        assert followed(client, place)[-1][0] == "failed"
        assert client.get(place).status_code == 404
        begun.set()
