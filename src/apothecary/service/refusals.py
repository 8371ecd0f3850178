"""What is said to a client that is not served: a status, and where, what, what to do.

    {"error": {"where": "documents.jsonl:3", "what": "field text is missing", "hint": ""}}

Of a file only the name is told, of an engine that cannot answer only that, of a fault of our own only that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from apothecary.errors import (
    ApothecaryError,
    BudgetExhausted,
    EngineError,
    RunError,
    RunMismatch,
    StepNotServed,
    UsageError,
)

__all__ = [
    "RETRY_SECONDS",
    "STATUSES",
    "fault",
    "refusal",
    "say_error",
    "say_fault",
    "status_of",
    "without_path",
]

RETRY_SECONDS = 10
"""What Retry-After says."""
STATUSES: Mapping[int, str] = {
    400: "The request asks for what there is not.",
    401: "The token is missing or wrong.",
    404: "There is no such thing on this server.",
    405: "The address does not take this method.",
    409: "What is asked for is not possible now.",
    413: "The request is too large.",
    415: "The body is not JSON.",
    422: "The data are wrong.",
    429: "Too much is waiting already; Retry-After says when to come again.",
    500: "A fault of the server.",
    503: "The engine does not answer, or not in time.",
}


def status_of(error: ApothecaryError) -> int:
    """The status of an error of ours."""
    match error:
        case StepNotServed():
            return 422
        case EngineError() | BudgetExhausted():
            return 503
        case RunError():
            return 409
        case UsageError():
            return 400
    return 422


def refusal(error: ApothecaryError, folder: Path | None = None) -> dict[str, str]:
    """What a client is told of an error of ours; `folder` is where its data were put.

    Of an engine it is told no more than that it cannot answer: its name may be a path.
    """
    match error:
        case StepNotServed():
            what, hint = "the engine of this server does not serve this task", "GET /v1/tasks"
            return {"where": "task", "what": what, "hint": hint}
        case BudgetExhausted():
            return {"where": "", "what": "took too long", "hint": "send it as a job: POST /v1/jobs"}
        case EngineError():
            what = "the engine or the policy of this server cannot answer"
            return {"where": "", "what": what, "hint": "its operator can read why in its log"}
        case RunMismatch():
            what = "the server was started anew with another engine or version"
            return {"where": "", "what": what, "hint": "send the job again"}
    where = without_path(error.where, folder)
    return {
        # What is left of paths are those of the operator: of the base, say.
        "where": where.rpartition("/")[2] if where.startswith("/") else where,
        "what": without_path(error.message, folder),
        "hint": without_path(error.hint, folder),
    }


def without_path(text: str, folder: Path | None) -> str:
    """A text without the path of a folder: of files in it the names stay."""
    return text if folder is None else text.replace(f"{folder}/", "").replace(str(folder), "")


def fault() -> dict[str, str]:
    """What a client is told of a fault of our own."""
    return {"where": "", "what": "a fault of the server", "hint": "its operator can read where in its log"}


def say_error(error: ApothecaryError) -> None:
    """A line for the log where an engine cannot answer; other errors are those of the client."""
    if isinstance(error, EngineError) and not isinstance(error, StepNotServed):
        print(f"engine: {error}", file=sys.stderr, flush=True)


def say_fault(error: Exception) -> None:
    """A line for the log: the kind of a fault and its place. Its text may quote what was sent."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"
    print(f"fault: {type(error).__name__} at {place}", file=sys.stderr, flush=True)
