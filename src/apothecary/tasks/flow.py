"""Steps, flows and tasks: how a task says what to ask without knowing who answers.

A `Step` turns a subject (a document, a pair of concepts) into a request, a reply into a value, and
a value back into the text a perfect model would have written. A flow is a generator over rounds of
requests; `ask` puts one step to many subjects in one round. A `Task` prepares a `Job`: the flows
with their settings bound. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from apothecary.documents import Document
from apothecary.errors import AnswerError, UsageError
from apothecary.messages import EngineInfo, Failure, Flow, Outcome, Reply, Request
from apothecary.tasks.ablation import Ablatable
from apothecary.tasks.settings import bind

__all__ = [
    "Answer",
    "Extraction",
    "Job",
    "Pairs",
    "Parsed",
    "Problem",
    "ScoreOptions",
    "Step",
    "Task",
    "Taught",
    "ask",
    "check_score",
    "read",
]

S = TypeVar("S")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

RAW_LIMIT = 2000
"""Characters of a bad reply that a row keeps: enough to see what went wrong, bounded for hostile servers."""


@dataclass(frozen=True)
class Parsed(Generic[V]):
    """What a reply says, and what had to be mended to read it."""

    value: V
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step(Generic[S, V]):
    """One kind of question.

    `parse` raises AnswerError when the reply is no answer; ``parse(render(value))`` gives `value`
    back.
    """

    name: str
    prompt: Callable[[S], Request]
    parse: Callable[[Reply, S], Parsed[V]]
    render: Callable[[V, S], str]


@dataclass(frozen=True)
class Problem:
    """A question that got no usable answer, as a row: the step, what it was about, and the raw reply."""

    step: str
    subject: str
    kind: str
    message: str
    raw: str = ""


@dataclass(frozen=True)
class Answer(Generic[V_co]):
    """The outcome of one question: a value, or the problem that stands in its place."""

    value: V_co | None
    repairs: tuple[str, ...] = ()
    reply: Reply | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Extraction:
    """What a flow leaves: one JSON-able record, and the questions that went wrong on the way.

    No record means that nothing is known of the document: it failed, it is not empty.
    """

    record: Mapping[str, object] | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Taught:
    """A question of a task with the answer that annotation gives: what a model is trained on."""

    request: Request
    answer: str


@dataclass(frozen=True)
class Job:
    """A task with its settings bound.

    `flows` start the work on one document, by name; every task has ``extract``. `steps` are the steps
    it may ask, `settings` and `prompts` (file name -> SHA-256) go into the manifest of a run. `rehearse`
    makes up a reply of typical size, so that a dry run can walk the flow. `teach` gives what can be learnt
    from an annotated document, asked as the flow asks; nothing from any other.
    """

    flows: Mapping[str, Callable[[Document], Flow[Extraction]]]
    steps: tuple[str, ...]
    settings: Mapping[str, object]
    prompts: Mapping[str, str]
    rehearse: Callable[[Request], Outcome]
    teach: Callable[[Document], Iterable[Taught]] | None = None


@dataclass(frozen=True)
class ScoreOptions:
    """How to score: broader predictions kept or dropped, wrong ones excused or not, and the bootstrap.

    `settings` are those of the task's own score, as given by a user; `check_score` checks them.
    """

    broader: Literal["keep", "drop"] = "keep"
    excuse_broader: bool = False
    resamples: int = 1000
    seed: int = 0
    list_errors: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


Pairs = Iterable[tuple[Document, Mapping[str, object] | None]]
"""Gold documents with their prediction record; None where nothing was predicted."""


@dataclass(frozen=True)
class Task:
    """A kind of extraction, found by the name of its folder.

    `prepare` binds settings (as given by a user, unchecked) and the engine that answers each step;
    it raises UsageError. `is_gold` says whether a document carries the annotation that `score`
    compares prediction records with. `table` lays a score out as rows of text, headings first. `fit`
    turns recorded odds into a file of settings, for tasks that decide by thresholds; `compare`
    tells for each evaluator by how much one set of predictions is better than another, `compare_runs` the
    same of systems that were run several times, with the spread of each; `ablation` is there for tasks that
    ask by scenarios. `score_settings` is the dataclass of the settings that its scores know. `with_gold`
    reads annotation that files hold as text: it gives the document with it, or as it was; it raises
    DataError. `remarks` are sentences on the records of a run, for who made it.
    """

    name: str
    prepare: Callable[[Mapping[str, object], Mapping[str, EngineInfo]], Job]
    is_gold: Callable[[Document], bool]
    score: Callable[[Pairs, ScoreOptions], dict[str, object]]
    table: Callable[[Mapping[str, object]], Sequence[Sequence[str]]]
    steps: tuple[str, ...]
    fit: Callable[[Pairs, float | None], dict[str, object]] | None = None
    compare: Callable[[Pairs, Pairs, ScoreOptions], Mapping[str, Mapping[str, object]]] | None = None
    compare_runs: (
        Callable[[Sequence[Pairs], Sequence[Pairs], ScoreOptions], Mapping[str, Mapping[str, object]]] | None
    ) = None
    ablation: Ablatable | None = None
    score_settings: type[object] | None = None
    with_gold: Callable[[Document], Document] | None = None
    remarks: Callable[[Iterable[Mapping[str, object]]], Sequence[str]] | None = None


def check_score(task: Task, options: ScoreOptions) -> None:
    """Raises UsageError, with the settings there are, for one that the scores of a task do not know."""
    if task.score_settings is not None:
        bind(task.score_settings, options.settings)
    elif options.settings:
        unknown = ", ".join(options.settings)
        raise UsageError(f"the score of {task.name} has no setting '{unknown}'", hint="it has none at all")


def ask(step: Step[S, V], subjects: Sequence[S], describe: Callable[[S], str]) -> Flow[list[Answer[V]]]:
    """Put one question to every subject in a single round. One bad reply costs one answer.

    `describe` names a subject in the row of a problem; it must not quote more than names.
    """
    if not subjects:
        return []
    outcomes = yield [step.prompt(subject) for subject in subjects]
    return [
        read(step, subject, outcome, describe) for subject, outcome in zip(subjects, outcomes, strict=True)
    ]


def read(step: Step[S, V], subject: S, outcome: Outcome, describe: Callable[[S], str]) -> Answer[V]:
    """Parse one outcome; a failure or an unusable reply becomes a problem."""
    if isinstance(outcome, Failure):
        return Answer(None, problem=Problem(step.name, describe(subject), outcome.kind, outcome.message))
    try:
        parsed = step.parse(outcome, subject)
    except AnswerError as error:
        kind = "TruncatedReply" if outcome.finish == "length" else "AnswerError"
        problem = Problem(step.name, describe(subject), kind, str(error), outcome.text[:RAW_LIMIT])
        return Answer(None, reply=outcome, problem=problem)
    return Answer(parsed.value, parsed.repairs, outcome)
