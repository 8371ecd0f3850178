"""The addresses of jobs: send one, follow it, take its result, remove it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from apothecary.errors import ApothecaryError
from apothecary.service.jobs import Job, Jobs
from apothecary.service.models import (
    Asked,
    ExtractResult,
    JobRequest,
    QueryJob,
    RecommendJob,
    RecommendResult,
    ScoreResult,
)
from apothecary.service.refusals import RETRY_SECONDS, refusal, status_of
from apothecary.service.serving import Serving
from apothecary.service.work import items_of
from apothecary.store.query import Found

__all__ = ["busy", "demand_able", "job_addresses", "submitted"]

LOOK_EVERY_SECONDS = 0.2
QUIET_SECONDS = 15.0
"""A comment is sent after so long without an event, so that nobody on the way closes the connection."""
JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
STREAM: dict[int | str, dict[str, object]] = {
    200: {
        "description": "Server-sent events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def busy(what: str) -> HTTPException:
    """The refusal of what could be done later."""
    told = {"where": "", "what": what, "hint": f"come again in {RETRY_SECONDS} seconds"}
    return HTTPException(429, told, {"Retry-After": str(RETRY_SECONDS)})


def demand_able(asked: Asked, serving: Serving) -> None:
    """Raises HTTPException for what this server has not been given."""
    if isinstance(asked, QueryJob) and serving.store is None:
        told = {
            "where": "query",
            "what": "this server has no knowledge base",
            "hint": "start it with --store",
        }
        raise HTTPException(404, told)
    if isinstance(asked, RecommendJob) and serving.policy is None:
        told = {"where": "recommend", "what": "this server has no policy", "hint": "start it with --policy"}
        raise HTTPException(404, told)


def submitted(jobs: Jobs, asked: Asked) -> Response:
    """The answer to a request that has become a job. Raises HTTPException."""
    request = asked.model_dump(exclude_unset=True, by_alias=True)
    try:
        job = jobs.submit(asked.operation, request, items_of(asked)[0])
    except ApothecaryError as error:
        raise HTTPException(status_of(error), refusal(error, jobs.folder)) from error
    if job is None:
        raise busy("as many jobs as may wait are waiting")
    return JSONResponse(asdict(job), 202, {"Location": f"/v1/jobs/{job.id}"})


def job_addresses(serving: Serving, jobs: Jobs) -> APIRouter:
    """Their router."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    def wanted(name: str) -> Job:
        job = jobs.get(name)
        if job is None:
            told = {"where": name, "what": "there is no such job", "hint": "GET /v1/jobs"}
            raise HTTPException(404, told)
        return job

    @router.post("", status_code=202, response_model=Job)
    def submit(asked: JobRequest) -> Response:
        """Do something later: one job after the other."""
        demand_able(asked, serving)
        return submitted(jobs, asked)

    @router.get("")
    def every() -> list[Job]:
        """All jobs, the oldest first."""
        return jobs.all()

    @router.get("/{job}")
    def one(job: JobId) -> Job:
        """Where a job stands."""
        return wanted(job)

    @router.get("/{job}/result", response_model=ExtractResult | ScoreResult | RecommendResult | Found)
    def result(job: JobId) -> Response:
        """What a job found, as its operation answers."""
        found = wanted(job)
        if found.status != "done":
            why = (found.error or {}).get("what", "its result comes when it is done")
            told = {"where": job, "what": f"the job is {found.status}: {why}", "hint": f"GET /v1/jobs/{job}"}
            raise HTTPException(409, told)
        return FileResponse(jobs.result(found), media_type="application/json")

    @router.get("/{job}/events", response_class=StreamingResponse, responses=STREAM)
    async def events(job: JobId) -> StreamingResponse:
        """Its progress as server-sent events: any number of `progress`, then `done` or `failed`."""
        wanted(job)
        return StreamingResponse(_events(jobs, job), media_type="text/event-stream")

    @router.delete("/{job}", status_code=204)
    def remove(job: JobId) -> Response:
        """Stop a job if it is at work, and delete all its files."""
        wanted(job)
        jobs.remove(job)
        return Response(status_code=204)

    return router


async def _events(jobs: Jobs, name: str) -> AsyncIterator[str]:
    said, quiet = None, 0.0
    while True:
        job = jobs.get(name)
        if job is None:
            error = {"where": name, "what": "the job was removed", "hint": ""}
            yield _event("failed", {"id": name, "error": error})
            return
        if job.ended:
            yield _event(job.status, asdict(job))
            return
        if job != said:
            yield _event("progress", asdict(job))
            said, quiet = job, 0.0
        elif quiet >= QUIET_SECONDS:
            yield ":\n\n"
            quiet = 0.0
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        quiet += LOOK_EVERY_SECONDS


def _event(kind: str, data: dict[str, object]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
