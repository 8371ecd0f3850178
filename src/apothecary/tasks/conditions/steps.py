"""The question of the task: which spans of a text are conditions of one pair, and of which type.

A language model writes a JSON list of ``Span: ... | Label: TYPE``. The schema holds it to the six types and,
where the engine lets it, to the blanks that models are trained to write (`answers.render_output`). A span
with a "|", a quotation mark or a backslash is beyond the schema. All replies are read tolerantly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from apothecary.errors import AnswerError
from apothecary.messages import Decoding, JsonSchema, Reply, Request
from apothecary.metrics.condition_match import Item
from apothecary.tasks.conditions.answers import (
    Condition,
    Status,
    read_output,
    read_reference,
    render_output,
)
from apothecary.tasks.conditions.labels import TYPES, canonical
from apothecary.tasks.conditions.prompting import Shown, chat, unmarked
from apothecary.tasks.conditions.questions import Question
from apothecary.tasks.conditions.scored import as_reference
from apothecary.tasks.flow import Parsed, Step

__all__ = ["SCHEMA", "SPANS", "Answered", "read_as_released", "spans_step"]

SPANS = "conditions.spans"

LONGEST_SPAN = 200
"""Characters of a span under the schema; the longest in a sample of 123 pairs has 120."""
MOST_ITEMS = 40
"""Conditions of one pair under the schema; the most in that sample are 12."""
MOST_READ = 200
"""Conditions of a reply that are looked at."""
TOKENS = 512
"""New tokens; the longest answer of that sample has 654 characters."""
_SHOWN_OF_A_TYPE = 40

# Quotation mark and backslash too: some servers copy a class of characters as it stands into a grammar of
# JSON text, where a bare one of them would end the string or begin an escape.
_FORBIDDEN = r'|"\\\x00-\x1F'
_SPAN = rf"[^ {_FORBIDDEN}][^{_FORBIDDEN}]{{0,{LONGEST_SPAN - 1}}}"
SCHEMA = json.dumps(
    {
        "type": "array",
        "items": {"type": "string", "pattern": rf"^Span: {_SPAN} \| Label: ({'|'.join(TYPES)})$"},
        "maxItems": MOST_ITEMS,
    }
)


@dataclass(frozen=True)
class Answered:
    """What a reply says: conditions, each once, and how it was read (`answers.ParsedOutput`).

    `as_released` is what the published scorer reads from it, None where that is `items`.
    """

    items: tuple[Condition, ...]
    status: Status
    dropped: int = 0
    as_released: tuple[Item, ...] | None = None


def spans_step(shown: Shown) -> Step[Question, Answered]:
    """The question about one pair, put in a certain way."""

    def prompt(question: Question) -> Request:
        asked = chat(question, shown)
        return Request(
            messages=asked.messages,
            step=SPANS,
            constraint=JsonSchema(SCHEMA),
            decoding=Decoding(max_new_tokens=TOKENS),
            roles=asked.roles,
        )

    def parse(reply: Reply, question: Question) -> Parsed[Answered]:
        return _parse(reply, marker=shown.marker)

    def render(answered: Answered, question: Question) -> str:
        return render_output(answered.items)

    return Step(SPANS, prompt, parse, render)


def _parse(reply: Reply, *, marker: bool) -> Parsed[Answered]:
    """Raises AnswerError for a reply that neither names a condition nor says that there is none."""
    read = read_output(reply.text)
    if read.status == "malformed":
        raise AnswerError("the reply holds no list of conditions")
    released = read_as_released(reply)
    items, dropped = read.items[:MOST_READ], read.dropped + max(0, len(read.items) - MOST_READ)
    if marker:
        bare = [replace(item, span=unmarked(item.span)) for item in items]
        items = tuple(item for item in bare if item.span)
        if bare and not items:
            raise AnswerError("the reply holds no list of conditions")
        dropped += len(bare) - len(items)
        released = tuple((unmarked(span), label) for span, label in released)
    once = tuple(dict.fromkeys(items))
    strange = dict.fromkeys(item.type[:_SHOWN_OF_A_TYPE] for item in once if canonical(item.type) is None)
    repairs = [
        *(["list put together from what could be read"] if read.status == "salvaged" else []),
        *([f"items without a span or a label, or beyond the limit: {dropped}"] if dropped else []),
        *([f"repeated conditions left out: {len(items) - len(once)}"] if len(once) < len(items) else []),
        *(f"type that is none of the six: {name}" for name in strange),
    ]
    as_released = None if released == as_reference(once) else released
    return Parsed(Answered(once, read.status, dropped, as_released), tuple(repairs))


def read_as_released(reply: Reply) -> tuple[Item, ...]:
    """What the published scorer reads from a reply, less half surrogate pairs, which no file can hold."""
    found = read_reference(reply.text)[:MOST_READ]
    return tuple((_whole(span), _whole(label)) for span, label in found)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
