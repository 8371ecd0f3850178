"""The addresses of the service. What each of them does is in `work`, who may call it in `guard`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from apothecary import ADVICE, __version__
from apothecary.errors import ApothecaryError, FormatError
from apothecary.service.guard import App, Guard
from apothecary.service.job_addresses import busy, demand_able, job_addresses, submitted
from apothecary.service.jobs import Job, Jobs, Perform
from apothecary.service.models import (
    SCORED,
    Asked,
    ExtractJob,
    ExtractRequest,
    ExtractResult,
    Health,
    JobRequest,
    QueryJob,
    QueryRequest,
    RecommendJob,
    RecommendRequest,
    RecommendResult,
    Refusal,
    ScoredName,
    ScoreJob,
    ScoreRequest,
    ScoreResult,
    TaskInfo,
    Tasks,
)
from apothecary.service.refusals import STATUSES, fault, refusal, say_error, status_of
from apothecary.service.serving import Serving
from apothecary.service.work import RESULT, Tell, do, items_of
from apothecary.store.query import Found
from apothecary.tasks import catalog
from apothecary.tasks.schema import schema_names

__all__ = ["create_app", "performer"]

FEW_ITEMS, FEW_CHARACTERS = 20, 100_000
"""What is answered at once; more becomes a job."""
ABOUT = f"""The operations of the command line `apothecary`, over HTTP. {ADVICE}

Texts and visits are sent in requests: no request names a file of the server. Offsets are code points,
end-exclusive, into the text as it was sent."""


def create_app(serving: Serving, jobs: Jobs) -> App:
    """The whole service, as an ASGI application."""
    app = FastAPI(
        title="apothecary",
        version=__version__,
        description=ABOUT,
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from another server.
        docs_url=None,
        redoc_url=None,
        responses={status: {"model": Refusal, "description": about} for status, about in STATUSES.items()},
        # The guard checks the token. This one only says in the description that there is one.
        dependencies=[Depends(HTTPBearer(auto_error=False))] if serving.token else [],
    )
    app.exception_handler(StarletteHTTPException)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(Exception)(_faulty)
    app.include_router(_about_addresses(serving))
    app.include_router(_work_addresses(serving, jobs))
    app.include_router(job_addresses(serving, jobs))
    return Guard(app, serving)


def performer(serving: Serving) -> Perform:
    """What the jobs do: as a request that is answered at once, without a limit of time."""
    adapter: TypeAdapter[Asked] = TypeAdapter(JobRequest)

    def perform(request: Mapping[str, object], folder: Path, tell: Tell) -> None:
        try:
            asked = adapter.validate_python(request)
        except ValidationError as error:
            raise FormatError(
                "was taken in by another version of the server", where=folder.name, hint="send it again"
            ) from error
        do(asked, folder, serving, tell)

    return perform


def _about_addresses(serving: Serving) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["about"])

    @router.get("/health")
    async def health() -> Health:
        """Whether the server answers. Needs no token."""
        return Health(status="ok", version=__version__)

    @router.get("/tasks")
    def tasks() -> Tasks:
        """What this server can be asked for."""
        settings = {name: catalog.load(name).prepare({}, {}).settings for name in catalog.names()}
        return Tasks(
            extract=[
                TaskInfo(name=name, schemas=list(schema_names()) if "schema" in known else [])
                for name, known in settings.items()
            ],
            score=list(SCORED),
            query=serving.store is not None,
            recommend=serving.policy is not None,
        )

    return router


def _work_addresses(serving: Serving, jobs: Jobs) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["work"])
    turn = threading.Lock()

    def at_once(asked: Asked) -> Response:
        # One at a time: each of them takes all cores.
        if not turn.acquire(timeout=serving.turn_seconds):
            raise busy("others are being answered")
        try:
            return _answered(asked, serving, jobs)
        finally:
            turn.release()

    def at_once_or_as_a_job(asked: Asked) -> Response:
        demand_able(asked, serving)
        items, characters = items_of(asked)
        few = items <= FEW_ITEMS and characters <= FEW_CHARACTERS
        return at_once(asked) if few else submitted(jobs, asked)

    later: dict[int | str, dict[str, object]] = {202: {"model": Job, "description": "It has become a job."}}

    @router.post("/extract", response_model=ExtractResult, responses=later)
    def extract(asked: ExtractRequest) -> Response:
        """Extract from documents."""
        return at_once_or_as_a_job(ExtractJob(operation="extract", request=asked))

    @router.post("/recommend", response_model=RecommendResult, responses=later)
    def recommend(asked: RecommendRequest) -> Response:
        """A list of medication for every visit, with reasons. A research tool, not medical advice."""
        return at_once_or_as_a_job(RecommendJob(operation="recommend", request=asked))

    @router.post("/score/{task}", response_model=ScoreResult)
    def score(task: ScoredName, asked: ScoreRequest) -> Response:
        """Compare predictions with gold, by the rules of the task."""
        return at_once(ScoreJob(operation="score", task=task, request=asked))

    @router.post("/query", response_model=Found)
    def query(asked: QueryRequest) -> Response:
        """Ask the knowledge base: which statements, how sure, under which conditions, and who says so."""
        question = QueryJob(operation="query", request=asked)
        demand_able(question, serving)
        return _answered(question, serving, jobs)

    return router


def _answered(asked: Asked, serving: Serving, jobs: Jobs) -> Response:
    with jobs.scratch() as place:
        try:
            do(asked, place, serving, lambda done, failed: None, seconds=serving.seconds)
            return Response((place / RESULT).read_bytes(), media_type="application/json")
        except ApothecaryError as error:
            say_error(error)
            raise HTTPException(status_of(error), refusal(error, place)) from error


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    # Of the framework's own errors the detail is a word or two.
    told = error.detail if isinstance(error.detail, dict) else {"where": "", "what": error.detail, "hint": ""}
    return JSONResponse({"error": told}, error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    told = {
        "where": ".".join(str(part) for part in found[0]["loc"]),
        "what": f"{found[0]['msg']}{more}",
        "hint": "GET /v1/openapi.json describes every request",
    }
    return JSONResponse({"error": told}, 422)


async def _faulty(request: Request, error: Exception) -> Response:
    # The framework raises it again once this is sent: the guard says it to the log.
    return JSONResponse({"error": fault()}, 500)
