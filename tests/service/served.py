"""A service with a scripted engine, called without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
from starlette.testclient import TestClient

from apothecary import api
from apothecary.service.app import create_app, performer
from apothecary.service.jobs import Jobs, opened_jobs
from apothecary.service.serving import Serving
from apothecary.store.build import BuildOptions, build

__all__ = ["TEXT", "asked", "base_of", "called", "client_of", "followed", "scripted"]

TEXT = "Druga caused a rash in one patient."
SCRIPT: list[dict[str, object]] = [
    {"contains": ["one JSON object"], "reply": {"Chemical": ["Druga"], "Disease": ["rash"]}},
    {"contains": ["Chemical: Druga\nDisease: rash"], "reply": "1"},
    {"reply": "0"},
]


def scripted(folder: Path) -> Serving:
    """What a service works with, its jobs below the folder."""
    script = folder / "script.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in SCRIPT))
    return Serving(jobs=folder / "jobs", engine=f"scripted:{script}")


@contextmanager
def called(serving: Serving, **more: object) -> Iterator[TestClient]:
    """A client of a service; `more` are fields of `serving` to change."""
    serving = replace(serving, **more)  # type: ignore[arg-type]
    with opened_jobs(serving.jobs, performer(serving), waiting=serving.waiting) as jobs:
        yield client_of(serving, jobs)


def base_of(folder: Path) -> Path:
    """A knowledge base of what one document says: druga induces a rash."""
    documents = folder / "said.jsonl"
    documents.write_text(json.dumps({"id": "said", "text": TEXT}) + "\n")
    run = api.extract(documents, "relations", engine=scripted(folder).engine, out=folder / "run").folder
    build([run], folder / "kb.duckdb", BuildOptions(vocabulary="none"))
    return folder / "kb.duckdb"


def client_of(serving: Serving, jobs: Jobs) -> TestClient:
    """A client of a service that has these jobs."""
    return TestClient(create_app(serving, jobs), base_url="http://127.0.0.1")


def asked(*names: str, **more: object) -> dict[str, object]:
    """A request to extract relations from documents of these ids."""
    documents = [{"id": name, "text": TEXT} for name in names]
    return {"task": "relations", "documents": documents, **more}


def followed(
    client: httpx2.Client, place: str, *, until: int | None = None
) -> list[tuple[str, dict[str, int]]]:
    """The events of a job; no more than to where `until` items are done."""
    found: list[tuple[str, dict[str, int]]] = []
    kind = ""
    with client.stream("GET", f"{place}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: "))))
                if until is not None and found[-1][1]["done"] >= until:
                    break
    return found
