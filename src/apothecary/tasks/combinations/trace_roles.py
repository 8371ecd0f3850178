"""Traces by roles: a writer, gates, a judge, and a reviser where there is one.

Source: RexDrug (arXiv 2603.08166), its trace generation: a writer that sees the answer, a judge that gives
six scores, up to three rounds, a pass when every score is at least 4. Departures:
1. Gates come first (see `gates`); what fails one is never sent to the judge, and is told why.
2. The judge gives three scores; form, consistency and naturalness are the gates' and are 5 or 0.
3. Feedback holds the last attempt beside comments and scores of all, as the paper draws and the release
   leaves out. With a reviser the attempt is mended; without one it is written anew.
4. The first round is greedy, later ones sample, so that they do not repeat it.
5. An engine that fails costs the round of nobody: the example stays open and is taken up by the next run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

from apothecary.documents import Document
from apothecary.errors import UsageError
from apothecary.messages import EngineInfo, Flow, Outcome, Reply, Request
from apothecary.tasks.combinations.answers import read_completion
from apothecary.tasks.combinations.examples import Example, example_of, example_record
from apothecary.tasks.combinations.gates import check
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.combinations.trace_rules import rule_completion
from apothecary.tasks.combinations.trace_steps import (
    JUDGE,
    JUDGED,
    PROMPTS,
    REVISE,
    WRITE,
    Attempt,
    Draft,
    Judgement,
    Review,
    Scores,
    gate_scores,
)
from apothecary.tasks.flow import Answer, Extraction, Job, Problem, ask
from apothecary.tasks.prompting import prompt_digest

__all__ = ["STEPS", "TraceSettings", "prepare_traces"]

STEPS = (WRITE.name, JUDGE.name, REVISE.name)


@dataclass(frozen=True)
class TraceSettings:
    """How traces are made.

    `rules`: by the offline writer alone, without an engine. `revise`: a reviser takes over from the second
    round on. `threshold` is the least of each judged score that passes; `temperature` and `seed` hold from
    the second round on.
    """

    rules: bool = False
    revise: bool = False
    rounds: int = 3
    threshold: int = 4
    temperature: float = 0.7
    seed: int = 0


@dataclass(frozen=True)
class _Asked:
    """An attempt that was made, or the problem of an engine that could not be asked."""

    attempt: Attempt | None
    problems: tuple[Problem, ...] = ()


def prepare_traces(settings: TraceSettings, engines: Mapping[str, EngineInfo]) -> Job:
    """The flow ``traces`` with its settings bound: one document that stands for a row, one record.

    The record holds the example, every attempt, the best one with its six scores, and whether it passed.
    Raises UsageError for rounds below 1 or a threshold outside 0 to 5.
    """
    if settings.rounds < 1 or not 0 <= settings.threshold <= 5:
        raise UsageError("traces need at least one round and a threshold from 0 to 5")
    asked = () if settings.rules else (STEPS if settings.revise else STEPS[:2])
    return Job(
        flows={"traces": partial(_traces, settings=settings)},
        steps=asked,
        settings=asdict(settings),
        prompts={name: prompt_digest(text) for name, text in PROMPTS.items()},
        rehearse=_rehearse,
    )


def _traces(document: Document, settings: TraceSettings) -> Flow[Extraction]:
    example = example_of(document)
    if settings.rules:
        return Extraction(_record(example, (_by_rule(example),), settings))
    attempts: tuple[Attempt, ...] = ()
    for number in range(settings.rounds):
        asked = yield from _round(example, attempts, number, settings)
        if asked.attempt is None:
            return Extraction(None, asked.problems)
        attempts = (*attempts, asked.attempt)
        if _passes(asked.attempt, settings):
            break
    return Extraction(_record(example, attempts, settings))


def _round(
    example: Example, earlier: tuple[Attempt, ...], number: int, settings: TraceSettings
) -> Flow[_Asked]:
    draft = Draft(example, earlier, settings.temperature if number else 0.0, settings.seed + number)
    step = REVISE if earlier and settings.revise else WRITE
    (written,) = yield from ask(step, [draft], _name)
    role = step.name.partition(".")[2]
    if written.value is None and written.reply is None:
        return _Asked(None, _problems(written))
    output = written.value or ""
    failures = check(output, example)
    if failures:
        return _Asked(Attempt(role, output, gate_scores(failures), failures))
    think = read_completion(output, label_set(example.corpus)).think or ""
    (judged,) = yield from ask(JUDGE, [Review(example, think)], _name)
    if judged.value is None and judged.reply is None:
        return _Asked(None, _problems(judged))
    return _Asked(_judged(role, output, judged))


def _judged(role: str, output: str, judged: Answer[Judgement]) -> Attempt:
    if judged.value is None:
        problem = judged.problem
        unread, raw = (f"{problem.kind}: {problem.message}", problem.raw) if problem else ("", "")
        return Attempt(role, output, gate_scores(()), unread=unread, raw=raw)
    return Attempt(role, output, gate_scores((), judged.value), comment=judged.value.comment)


def _by_rule(example: Example) -> Attempt:
    output = rule_completion(example)
    failures = check(output, example)
    gated = gate_scores(failures)
    scores = Scores(gated.format, gated.consistency, gated.naturalness, None, None, None)
    return Attempt("rules", output, scores, failures)


def _passes(attempt: Attempt, settings: TraceSettings) -> bool:
    if attempt.failures or attempt.unread:
        return False
    scores = asdict(attempt.scores)
    return all(scores[name] is None or scores[name] >= settings.threshold for name in JUDGED)


def _problems(answer: Answer[str] | Answer[Judgement]) -> tuple[Problem, ...]:
    return (answer.problem,) if answer.problem else ()


def _name(subject: Draft | Review) -> str:
    return f"example {subject.example.id}"


def _record(example: Example, attempts: tuple[Attempt, ...], settings: TraceSettings) -> dict[str, object]:
    """Everything about one example; the best attempt is the one that passed, else that of the highest sum."""
    passed = _passes(attempts[-1], settings)
    best = attempts[-1] if passed else max(attempts, key=lambda attempt: attempt.scores.total)
    read = read_completion(best.output, label_set(example.corpus))
    return {
        **example_record(example),
        "passed": passed,
        "writer": best.role,
        "rounds": len(attempts),
        "think": read.think,
        "answer": read.answer,
        "output": best.output,
        "scores": asdict(best.scores),
        "attempts": [asdict(attempt) for attempt in attempts],
    }


def _rehearse(request: Request) -> Outcome:
    """A made-up reply: it passes no gate, so a rehearsal counts the most rounds and no judge."""
    return Reply("- " + "word " * 150)
