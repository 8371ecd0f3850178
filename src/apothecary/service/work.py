"""A request done: its data into files, a public function over them, what it found into ``result.json``.

All is inside one folder, which the caller makes and removes. Done again in the same folder, a run of
`extract` or `recommend` goes on where it was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from pydantic import TypeAdapter

from apothecary import ADVICE, api
from apothecary.engines.budget import Budget
from apothecary.errors import BudgetExhausted, UsageError
from apothecary.runs.durable import replace_text
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_json, read_lines
from apothecary.service.models import (
    Asked,
    ExtractJob,
    ExtractRequest,
    QueryJob,
    QueryRequest,
    RecommendJob,
    RecommendRequest,
    ScoreJob,
)
from apothecary.service.refusals import without_path
from apothecary.service.serving import Serving
from apothecary.store.opening import opened
from apothecary.store.query import Found, Question, ask
from apothecary.tasks.flow import ScoreOptions

__all__ = ["PREDICTIONS", "RESULT", "RUN", "SOURCES", "Tell", "answer_to", "do", "items_of", "run_extract"]

Tell = Callable[[int, int], None]
"""Is told how many items are finished, and how many failed; may raise, to stop the work."""
RESULT, RUN = "result.json", "run"
DOCUMENTS, VISITS, GOLD, PREDICTIONS = "documents.jsonl", "visits.jsonl", "gold.jsonl", "predictions.jsonl"
_QUESTION = TypeAdapter(Question)
SOURCES = (DOCUMENTS, VISITS, GOLD, PREDICTIONS)


def do(asked: Asked, folder: Path, serving: Serving, tell: Tell, *, seconds: float | None = None) -> None:
    """Do what is asked and write ``result.json``. Raises ApothecaryError; BudgetExhausted after `seconds`."""
    match asked:
        case ExtractJob():
            parts = _extract(asked.request, folder, serving, tell, seconds)
        case RecommendJob():
            parts = _recommend(asked.request, folder, serving, tell)
        case ScoreJob():
            parts = _score(asked, folder, serving)
        case QueryJob():
            parts = _object(answer_to(asked.request, serving).to_record(), {})
    replace_text(folder / RESULT, parts)


def items_of(asked: Asked) -> tuple[int, int]:
    """How many items there are to be done one by one, and the characters of all that was sent."""
    match asked:
        case ExtractJob():
            items = len(asked.request.documents)
        case RecommendJob():
            items = len(asked.request.visits)
        case _:
            items = 1
    return items, len(json.dumps(asked.model_dump(exclude_unset=True)))


def run_extract(
    asked: ExtractRequest, folder: Path, serving: Serving, tell: Tell, seconds: float | None
) -> Summary:
    """The run of a request, in ``run`` below the folder."""
    rows = (document.model_dump(exclude_unset=True) for document in asked.documents)
    settings: dict[str, object] = {}
    if asked.schema_name is not None:
        settings["schema"] = asked.schema_name
    if asked.oracle_mentions:
        settings["oracle_mentions"] = True
    summary = api.extract(
        _written(folder / DOCUMENTS, rows),
        asked.task,
        engine=serving.engine,
        settings=settings,
        out=folder / RUN,
        options=api.ExtractOptions(budget=Budget(seconds=seconds)),
        on_progress=lambda progress: tell(progress.before + progress.finished, progress.failed),
    )
    if summary.status == "stopped by budget":
        raise BudgetExhausted(summary.reason)
    return summary


def answer_to(asked: QueryRequest, serving: Serving) -> Found:
    """What the knowledge base answers to a question. Raises UsageError without a base."""
    if serving.store is None:
        raise UsageError("this server has no knowledge base")
    with opened(serving.store) as connection:
        return ask(connection, _QUESTION.validate_python(asked.model_dump()))


def _extract(
    asked: ExtractRequest, folder: Path, serving: Serving, tell: Tell, seconds: float | None
) -> Iterator[str]:
    summary = run_extract(asked, folder, serving, tell, seconds)
    manifest = read_json(folder / RUN / "manifest.json") or {}
    head = {
        "status": summary.status,
        "documents": summary.documents,
        "failed": summary.failed,
        "fingerprint": manifest.get("fingerprint"),
    }
    return _object(head, {"records": read_lines(folder / RUN / PREDICTIONS), "problems": _problems(folder)})


def _recommend(asked: RecommendRequest, folder: Path, serving: Serving, tell: Tell) -> Iterator[str]:
    if serving.policy is None:
        raise UsageError("this server has no policy")
    rows = (visit.model_dump(exclude_unset=True) for visit in asked.visits)
    done = folder / RUN / PREDICTIONS
    summary = api.recommend(
        _written(folder / VISITS, rows),
        serving.policy,
        api.RecommendOptions(
            interactions=serving.interactions,
            excluded=tuple(asked.exclude),
            settings={} if asked.safety is None else {"safety": asked.safety},
        ),
        out=folder / RUN,
        say=lambda line: tell(sum(1 for _ in read_lines(done)), 0),
    )
    head = {
        "status": summary.status,
        "visits": summary.visits,
        "failed": summary.failed,
        "note": ADVICE,
        "remarks": dict(summary.remarks),
        "warnings": [without_path(each, folder) for each in summary.warnings],
        "scores": summary.scores,
    }
    return _object(head, {"lists": read_lines(done), "problems": _problems(folder)})


def _score(asked: ScoreJob, folder: Path, serving: Serving) -> Iterator[str]:
    request = asked.request
    settings: dict[str, object] = {}
    if asked.task == api.RecommendOptions(()).task and serving.interactions:
        settings["interactions"] = tuple(str(path) for path in serving.interactions)
    scores = api.score(
        asked.task,
        _written(folder / GOLD, request.gold),
        _written(folder / PREDICTIONS, request.predictions),
        options=ScoreOptions(
            broader=request.broader,
            excuse_broader=request.excuse_broader,
            resamples=request.resamples,
            seed=request.seed,
            settings=settings,
        ),
    )
    return _object({"task": asked.task, "scores": scores}, {})


def _written(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    replace_text(path, (json.dumps(row) + "\n" for row in rows))
    return path


def _problems(folder: Path) -> Iterator[dict[str, object]]:
    for row in read_lines(folder / RUN / "errors.jsonl"):
        yield {
            key: without_path(each, folder) if isinstance(each, str) else each for key, each in row.items()
        }


def _object(head: Mapping[str, object], lists: Mapping[str, Iterable[Mapping[str, object]]]) -> Iterator[str]:
    """A JSON object in parts: no list is ever held whole."""
    yield "{"
    yield ", ".join(f"{json.dumps(key)}: {_json(value)}" for key, value in head.items())
    for key, rows in lists.items():
        yield f", {json.dumps(key)}: ["
        yield from chain.from_iterable(
            (", " if number else "", _json(row)) for number, row in enumerate(rows)
        )
        yield "]"
    yield "}\n"


def _json(value: object) -> str:
    """JSON of a value; null for a number that is not finite, as JSON has no name for it."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None))
