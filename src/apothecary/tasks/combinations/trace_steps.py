"""The three questions of trace writing: write a trace, judge one, revise one.

A judge is asked for what a program cannot tell: medicine, meaning and usefulness. The other three of the
published six scores follow from the gates and are 5 or 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from apothecary.errors import AnswerError
from apothecary.messages import Decoding, JsonSchema, Message, Reply, Request
from apothecary.tasks.answers import json_answer
from apothecary.tasks.combinations.answers import render_answer
from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.gates import Gate, GateFailure
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.combinations.prompting import SECTIONS
from apothecary.tasks.flow import Parsed, Step
from apothecary.tasks.prompting import fill, load_prompt

__all__ = [
    "HIGHEST",
    "JUDGE",
    "JUDGED",
    "PROMPTS",
    "REVISE",
    "WRITE",
    "Attempt",
    "Draft",
    "Judgement",
    "Review",
    "Scores",
    "gate_scores",
]

HIGHEST = 5
JUDGED = ("medical", "semantic", "usefulness")
_GATED: Mapping[str, tuple[Gate, ...]] = {
    "format": ("tags", "sections", "length"),
    "consistency": ("answer", "drugs"),
    "naturalness": ("leak",),
}
_FOLDER = "apothecary.tasks.combinations"
PROMPTS = {
    f"trace_{name}.txt": load_prompt(_FOLDER, f"trace_{name}.txt")
    for name in ("write", "judge", "revise", "feedback", "context")
}
LONGEST_COMMENT = 600
THINKING_TOKENS = 700
"""Room for 300 words of thinking; the answer gets a token for every two of its characters on top."""
JUDGE_TOKENS = 300


@dataclass(frozen=True)
class Scores:
    """Six whole numbers from 0 to 5. None: nobody judged it, because nobody was to."""

    format: int = 0
    consistency: int = 0
    naturalness: int = 0
    medical: int | None = 0
    semantic: int | None = 0
    usefulness: int | None = 0

    @property
    def total(self) -> int:
        """Their sum, by which attempts at one example compare."""
        return sum(value or 0 for value in asdict(self).values())


@dataclass(frozen=True)
class Judgement:
    """What a judge said: its three scores and a comment."""

    medical: int
    semantic: int
    usefulness: int
    comment: str


@dataclass(frozen=True)
class Attempt:
    """One round: what was written, and what became of it.

    `failures` are gates; `comment` is the judge's; `unread` says why a judge's reply could not be used, and
    `raw` is that reply.
    """

    role: str
    output: str
    scores: Scores
    failures: tuple[GateFailure, ...] = ()
    comment: str = ""
    unread: str = ""
    raw: str = ""

    @property
    def feedback(self) -> str:
        """What the next round is told of this one."""
        mended = [f"- {failure.message}" for failure in self.failures]
        said = [f"- Comment: {self.comment}"] if self.comment else []
        scores = ", ".join(f"{name}={value}" for name, value in asdict(self.scores).items())
        return "\n".join([*mended, *said, f"- Scores: {scores}"])


@dataclass(frozen=True)
class Draft:
    """What a writer or reviser is asked about: the example, earlier attempts, and how to sample."""

    example: Example
    earlier: tuple[Attempt, ...] = ()
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Review:
    """What a judge is asked about: the example and the thinking written for it."""

    example: Example
    think: str


def gate_scores(failures: tuple[GateFailure, ...], judged: Judgement | None = None) -> Scores:
    """Six scores: three by the gates, three by the judge, or 0 where no judgement came about."""
    failed = {failure.gate for failure in failures}
    format_, consistency, naturalness = (
        0 if failed.intersection(gates) else HIGHEST for gates in _GATED.values()
    )
    if judged is None:
        return Scores(format_, consistency, naturalness)
    return Scores(format_, consistency, naturalness, judged.medical, judged.semantic, judged.usefulness)


# --- writing --------------------------------------------------------------------------------------


def _task(example: Example) -> str:
    names = ("section_one", "section_two", "section_three", "section_four")
    sections = dict(zip(names, SECTIONS[label_set(example.corpus).name], strict=True))
    return fill(PROMPTS["trace_write.txt"], _slots(example) | sections, where="trace_write.txt")


def _slots(example: Example) -> dict[str, str]:
    labels = label_set(example.corpus)
    paragraph = fill(PROMPTS["trace_context.txt"], {"paragraph": example.paragraph})
    return {
        "types": "\n".join(f"{name}: {meaning}" for name, meaning in labels.types.items()),
        "none": labels.none,
        "sentence": example.sentence,
        "context": paragraph if example.paragraph else "",
        "answer": render_answer(example.gold, labels),
    }


def _written(draft: Draft, step: str, prompt: str) -> Request:
    content = _task(draft.example)
    if draft.earlier:
        rounds = (f"Attempt {number}:\n{each.feedback}" for number, each in enumerate(draft.earlier, start=1))
        slots = {"task": content, "chain": draft.earlier[-1].output, "feedback": "\n".join(rounds)}
        content = fill(PROMPTS[prompt], slots, where=prompt)
    room = THINKING_TOKENS + len(_slots(draft.example)["answer"]) // 2
    decoding = Decoding(max_new_tokens=room, temperature=draft.temperature, seed=draft.seed)
    return Request((Message("user", content),), step, decoding=decoding)


def _read_text(reply: Reply, _: Draft) -> Parsed[str]:
    """The text as it is: its faults are the gates' to name."""
    if not reply.text.strip():
        raise AnswerError("the reply is empty")
    return Parsed(reply.text.strip())


WRITE: Step[Draft, str] = Step(
    "traces.write",
    lambda draft: _written(draft, "traces.write", "trace_feedback.txt"),
    _read_text,
    lambda text, _: text,
)
REVISE: Step[Draft, str] = Step(
    "traces.revise",
    lambda draft: _written(draft, "traces.revise", "trace_revise.txt"),
    _read_text,
    lambda text, _: text,
)


# --- judging --------------------------------------------------------------------------------------


def _judge_request(review: Review) -> Request:
    form = json.dumps({**dict.fromkeys(JUDGED, 0), "comment": "..."})
    slots = _slots(review.example) | {"think": review.think, "form": form}
    score = {"type": "integer", "minimum": 0, "maximum": HIGHEST}
    schema = {
        "type": "object",
        "properties": {
            **dict.fromkeys(JUDGED, score),
            "comment": {"type": "string", "maxLength": LONGEST_COMMENT},
        },
        "required": [*JUDGED, "comment"],
        "additionalProperties": False,
    }
    return Request(
        (Message("user", fill(PROMPTS["trace_judge.txt"], slots, where="trace_judge.txt")),),
        "traces.judge",
        constraint=JsonSchema(json.dumps(schema)),
        decoding=Decoding(max_new_tokens=JUDGE_TOKENS),
    )


def _read_judgement(reply: Reply, _: Review) -> Parsed[Judgement]:
    """Scores under their names or as ``score_...``; a missing comment is an empty one."""
    parsed = json_answer(reply.text)
    if not isinstance(parsed.value, dict):
        raise AnswerError("the judgement is not a JSON object")
    scores: list[int] = []
    for name in JUDGED:
        value = parsed.value.get(name, parsed.value.get(f"score_{name}"))
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= HIGHEST:
            raise AnswerError(f"the judgement has no whole number from 0 to {HIGHEST} for {name}")
        scores.append(value)
    comment = parsed.value.get("comment", "")
    told = " ".join(comment.split())[:LONGEST_COMMENT] if isinstance(comment, str) else ""
    medical, semantic, usefulness = scores
    return Parsed(Judgement(medical, semantic, usefulness, told), parsed.repairs)


JUDGE: Step[Review, Judgement] = Step(
    "traces.judge",
    _judge_request,
    _read_judgement,
    lambda judgement, _: json.dumps(asdict(judgement), ensure_ascii=False),
)
