"""One invented instance, and the task walked over a document with a reply written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from apothecary.documents import Document
from apothecary.messages import EngineInfo, Outcome, Reply, Request
from apothecary.tasks.conditions.answers import Condition, render_output
from apothecary.tasks.conditions.instances import Instance, document_of
from apothecary.tasks.conditions.task import TASK
from apothecary.tasks.flow import Extraction
from tests.walking import walk

__all__ = ["INSTANCE", "ROW", "SAID", "record_of", "run", "said"]

INSTANCE = Instance(
    "i1",
    "12",
    "Zincol for colds.",
    "Ten women with a cold took 5 mg\nof zincol. Girls did not.",
    "zincol",
    "colds",
    (Condition("Ten women", "Gender"), Condition("5 mg", "Dosage")),
)
ROW = document_of(INSTANCE)
SAID = render_output(INSTANCE.conditions)
ENGINES = {step: EngineInfo("scripted:t", "d") for step in TASK.steps}


def run(
    answer: Callable[[Request], Outcome] | str, document: Document = ROW, **settings: object
) -> tuple[Extraction, list[Request]]:
    reply = (lambda request: Reply(answer)) if isinstance(answer, str) else answer
    return walk(TASK.prepare(settings, ENGINES).flows["extract"](document), reply)


def record_of(
    answer: Callable[[Request], Outcome] | str, document: Document = ROW, **settings: object
) -> Any:
    extraction, _ = run(answer, document, **settings)
    assert extraction.record is not None
    return json.loads(json.dumps(extraction.record))


def said(*items: str) -> str:
    """An answer of spans of one type."""
    return render_output([Condition(item, "Age") for item in items])
