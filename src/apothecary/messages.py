"""What tasks and engines exchange. Tasks yield requests, engines give replies; neither sees the other.

A `Request` says the same question twice: as chat messages for a language model and, where
possible, as structured `input` for a small model that reads no prompt. An engine uses the
form it understands. A `Reply` carries text, and `value` when the engine answered the
structured form.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

__all__ = [
    "Choices",
    "Choose",
    "Constraint",
    "Decoding",
    "Done",
    "Engine",
    "EngineInfo",
    "Failure",
    "Flow",
    "Grammar",
    "Input",
    "JsonSchema",
    "LabelPair",
    "LabelProbabilities",
    "LabelSet",
    "Message",
    "Outcome",
    "Reply",
    "Request",
    "RoleSpan",
    "SetProbabilities",
    "SoftToken",
    "TagSpans",
    "TaggedSpan",
    "TaggedSpans",
    "Usage",
    "Value",
    "nothing",
    "soft_mark",
]

Offsets = tuple[int, int]
"""Start and end in code points, end-exclusive."""


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


# What a model without prompts can be asked. The set is closed: a new kind is a new design.


@dataclass(frozen=True)
class TagSpans:
    """Find every span of `text` that carries one of `labels`."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class LabelPair:
    """Which of `labels` hold between two concepts, each given by all its spans in `text`?"""

    text: str
    head_spans: tuple[Offsets, ...]
    tail_spans: tuple[Offsets, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class LabelSet:
    """Which of `labels` holds for each candidate set? A candidate set indexes into `spans`."""

    text: str
    spans: tuple[Offsets, ...]
    candidate_sets: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Choose:
    """Which of `options` fits `text`?"""

    text: str
    options: tuple[str, ...]


Input = TagSpans | LabelPair | LabelSet | Choose


@dataclass(frozen=True)
class TaggedSpan:
    """A labelled stretch of the text of a `TagSpans`, with its probability."""

    start: int
    end: int
    label: str
    probability: float


@dataclass(frozen=True)
class TaggedSpans:
    """The answer to `TagSpans`."""

    spans: tuple[TaggedSpan, ...]


@dataclass(frozen=True)
class LabelProbabilities:
    """The answer to `LabelPair` and `Choose`: label -> probability. Labels need not exclude each other."""

    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class SetProbabilities:
    """The answer to `LabelSet`: one label distribution for each candidate set, in their order."""

    sets: tuple[LabelProbabilities, ...]


Value = TaggedSpans | LabelProbabilities | SetProbabilities


# What the text of a reply may look like.


@dataclass(frozen=True)
class JsonSchema:
    """The reply is JSON that satisfies a schema, given as canonical JSON text (so that it hashes)."""

    schema: str


@dataclass(frozen=True)
class Grammar:
    """The reply is a sentence of a GBNF grammar."""

    gbnf: str


@dataclass(frozen=True)
class Choices:
    """The reply is exactly one of `options`."""

    options: tuple[str, ...]


Constraint = JsonSchema | Grammar | Choices


@dataclass(frozen=True)
class Decoding:
    """How to decode. Temperature 0 is greedy; `seed` matters only above 0."""

    max_new_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoleSpan:
    """A character span of one message that plays a role (role-conditioned adapters)."""

    message: int
    start: int
    end: int
    role: str


@dataclass(frozen=True)
class SoftToken:
    """What a mark in a message stands for, whose vector a model reads in its place: one name, or several.

    Of several, such as the codes of a visit, the vectors are averaged. The engine has the vectors, by kind.
    """

    kind: str
    names: tuple[str, ...]


def soft_mark(kind: str) -> str:
    """What stands in a message for a soft token."""
    return f"<|soft:{kind}|>"


@dataclass(frozen=True)
class Request:
    """One question. `step` is ``task.step`` and routes it; everything else is its content.

    `soft_tokens` are what the marks in the messages stand for, in their order.
    """

    messages: tuple[Message, ...]
    step: str
    input: Input | None = None
    constraint: Constraint | None = None
    decoding: Decoding = Decoding()
    want_logprobs: bool = False
    roles: tuple[RoleSpan, ...] = ()
    soft_tokens: tuple[SoftToken, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What one reply cost. `cached_tokens` of `prompt_tokens` came from the engine's prefix cache.

    `from_cache` marks a reply that no engine was asked for: its counts repeat what it once cost.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    from_cache: bool = False


@dataclass(frozen=True)
class Reply:
    """One answer.

    `logprobs` maps each option of a `Choices` constraint to the natural logarithm of the
    probability that the model gives it, before the constraint is applied; None when it was not
    asked for or the engine cannot tell. `finish` is ``length`` when the reply was cut off, ``breach``
    when it is not of the form asked for: a tolerant reader may make sense of it, another attempt may
    do better.
    """

    text: str
    value: Value | None = None
    logprobs: Mapping[str, float] | None = None
    usage: Usage = field(default_factory=Usage)
    finish: Literal["stop", "length", "breach"] = "stop"


@dataclass(frozen=True)
class Failure:
    """A question without an answer: the error's class name and its one-line text."""

    kind: str
    message: str


Outcome = Reply | Failure

R = TypeVar("R")
Flow = Generator[Sequence[Request], Sequence[Outcome], R]
"""A task at work on one item: yields rounds of requests, receives their outcomes, returns a result."""


@dataclass(frozen=True)
class EngineInfo:
    """What the rest of the program may know of an engine.

    `name` is how a user writes it, `digest` stands for its weights and every setting that can
    change a reply, `steps` are the steps it serves (None: any), `local` is false when requests
    leave this machine, `concurrency` is how many threads may usefully call `answer` at once, `notes`
    are what its user should know before trusting it. `tuned` are settings by task that its weights were
    trained with: a run takes them where its user says nothing.
    """

    name: str
    digest: str
    adapter_digest: str = ""
    steps: tuple[str, ...] | None = None
    local: bool = True
    concurrency: int = 1
    notes: tuple[str, ...] = ()
    tuned: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)


Done = Callable[[int, Outcome], None]
"""Told of the outcome of one request of a group, by its place, as soon as it is there."""


def nothing(place: int, outcome: Outcome) -> None:
    """Nobody wants to be told."""


class Engine(Protocol):
    """Messages in, replies out."""

    @property
    def info(self) -> EngineInfo:
        """Name, digest and abilities; constant over the life of the engine."""
        ...

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Answer one group of requests, in order; safe to call from several threads.

        An engine that takes its time over each request tells `done`, so that what was answered is not
        lost when the process dies before the group is whole. Others need not.
        A request that fails alone becomes a `Failure`. Raises EngineError when no further
        request can be answered.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds; calling it twice is harmless."""
        ...
