"""Mentions alone: stage I a of `tagging` with the labels of a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field

from apothecary.documents import Document
from apothecary.formats.records import to_record
from apothecary.messages import EngineInfo, Flow, Outcome, Request
from apothecary.tasks.flow import Extraction, Job, Pairs, ScoreOptions, Task, ask
from apothecary.tasks.mentions.score import score
from apothecary.tasks.prompting import SYSTEM, prompt_digest
from apothecary.tasks.schema import Schema, load_schema
from apothecary.tasks.settings import as_record, bind
from apothecary.tasks.tables import mention_table
from apothecary.tasks.tagging import PROMPT, located, rehearsed, tagging_step, windows

__all__ = ["TASK", "Settings"]

TAG = tagging_step("mentions.tag")


@dataclass(frozen=True)
class Settings:
    """What a user may set: the schema whose labels are looked for, and the characters of a window."""

    schema: str = "cdr"
    window: Annotated[int, Field(ge=1)] = 6000


def _extract(document: Document, settings: Settings, schema: Schema) -> Flow[Extraction]:
    asked = windows(document, schema.labels, settings.window)
    answers = yield from ask(TAG, asked, lambda w: f"characters {w.span.start}-{w.span.end}")
    problems = tuple(answer.problem for answer in answers if answer.problem)
    if asked and len(problems) == len(asked):
        return Extraction(None, problems)
    tagged = [item for answer in answers if answer.value is not None for item in answer.value]
    found = located(document, tagged, schema.labels)
    result = Document(
        document.id,
        document.text,
        document.passages,
        found.mentions,
        unlocated=found.unlocated,
        attributes=document.attributes,
    )
    record: dict[str, object] = {"mentions": [], **to_record(result)}
    record["repairs"] = [{"step": TAG.name, "repair": r} for answer in answers for r in answer.repairs]
    record["incomplete"] = sorted({problem.step for problem in problems})
    return Extraction(record, problems)


def _prepare(given: Mapping[str, object], engines: Mapping[str, EngineInfo]) -> Job:
    settings = bind(Settings, given)
    schema, schema_text = load_schema(settings.schema)
    return Job(
        flows={"extract": partial(_extract, settings=settings, schema=schema)},
        steps=(TAG.name,),
        settings=as_record(settings),
        prompts={
            "system.txt": prompt_digest(SYSTEM),
            "mentions.txt": prompt_digest(PROMPT),
            f"schema {settings.schema}": prompt_digest(schema_text),
        },
        rehearse=partial(_rehearse, schema=schema),
    )


def _rehearse(request: Request, schema: Schema) -> Outcome:
    return rehearsed(request, schema.labels)


def _score(pairs: Pairs, options: ScoreOptions) -> dict[str, object]:
    return score(pairs, seed=options.seed, resamples=options.resamples)


TASK = Task(
    name="mentions",
    prepare=_prepare,
    is_gold=lambda document: bool(document.mentions),
    score=_score,
    table=mention_table,
    steps=(TAG.name,),
)
