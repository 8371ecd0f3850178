"""How traces of combinations are made, where `tasks.tracing` finds it: by roles or by rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from apothecary.documents import Document
from apothecary.messages import EngineInfo, Flow, Outcome, Reply, Request
from apothecary.tasks.combinations.examples import example_of
from apothecary.tasks.combinations.trace_conversion import Chats, grpo_of_trace, sft_of_trace
from apothecary.tasks.combinations.trace_roles import STEPS, TraceSettings, prepare_traces
from apothecary.tasks.combinations.trace_rules import rule_completion, rule_trace
from apothecary.tasks.combinations.trace_steps import (
    JUDGE,
    JUDGED,
    REVISE,
    WRITE,
    Attempt,
    Draft,
    Judgement,
    Review,
    gate_scores,
)
from apothecary.tasks.flow import Extraction, Job, ask
from apothecary.tasks.settings import bind
from apothecary.tasks.tracing import REHEARSAL, Traces, TrainingRows

__all__ = ["TRACES"]

REFUSAL = Judgement(0, 0, 0, "The reason given for the combination does not stand in the sentence. " * 3)


def _prepare(given: Mapping[str, object], engines: Mapping[str, EngineInfo]) -> Job:
    settings = bind(TraceSettings, given)
    job = prepare_traces(settings, engines)
    rehearsal: Callable[[Document], Flow[Extraction]] = partial(_rehearsal, settings=settings)
    return replace(job, flows={**job.flows, REHEARSAL: rehearsal}, rehearse=partial(_rehearse, otherwise=job))


def _rows(given: Mapping[str, object], rules: bool) -> TrainingRows:
    chats = bind(Chats, given)
    return TrainingRows(
        lambda row: sft_of_trace(row, chats, fallback=rules), lambda row: grpo_of_trace(row, chats)
    )


def _rehearsal(document: Document, settings: TraceSettings) -> Flow[Extraction]:
    """Asks for every attempt and its judgement. Texts of the offline writer stand for those of a model."""
    example = example_of(document)
    think, text = rule_trace(example), rule_completion(example)
    attempts: tuple[Attempt, ...] = ()
    for _ in range(0 if settings.rules else settings.rounds):
        step = REVISE if attempts and settings.revise else WRITE
        yield from ask(step, [Draft(example, attempts)], lambda draft: draft.example.id)
        yield from ask(JUDGE, [Review(example, think)], lambda review: review.example.id)
        scores = gate_scores((), REFUSAL)
        attempts = (*attempts, Attempt(step.name, text, scores, comment=REFUSAL.comment))
    return Extraction({"id": example.id})


def _rehearse(request: Request, otherwise: Job) -> Outcome:
    if request.step == JUDGE.name:
        return Reply(json.dumps({**dict.fromkeys(JUDGED, 0), "comment": REFUSAL.comment}))
    return otherwise.rehearse(request)


TRACES = Traces(STEPS, _prepare, _rows)
