"""The two questions beside finding mentions: how two names relate, and what a text says of a pair.

Both are single choices among codes. The codes are offered as symbols and digits, never yes/no
(Zhao et al. 2025, principles 1 and 2). A reply is read as the odds between codes where the engine
tells them, and as the code it wrote otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apothecary.documents import Concept, Document
from apothecary.messages import (
    Choices,
    Decoding,
    LabelPair,
    LabelProbabilities,
    Offsets,
    Reply,
    Request,
)
from apothecary.tasks.answers import choice_answer
from apothecary.tasks.flow import Parsed, Step
from apothecary.tasks.prompting import document_messages, fill, load_prompt
from apothecary.tasks.schema import Template

__all__ = [
    "NAMES",
    "NAMES_PROMPT",
    "NAME_CODES",
    "PAIRS",
    "PAIRS_PROMPT",
    "Decision",
    "NamePair",
    "Pair",
    "asked_of",
    "label_of",
    "log_odds",
    "pair_name",
]

NAMES_PROMPT = load_prompt("apothecary.tasks.relations", "names.txt")
PAIRS_PROMPT = load_prompt("apothecary.tasks.relations", "pairs.txt")

NAME_CODES = ("=", ">", "<", "~")
NO_RELATION = "none"
# Thinking models may reason before the code; a constrained engine stops after it anyway.
CHOICE_DECODING = Decoding(max_new_tokens=8)
LARGEST = 1e9
"""A log-probability beyond is none: NaN, infinite, or the invention of a server."""


@dataclass(frozen=True)
class NamePair:
    """Two names of one type; `text` is what the engine reads (the document or an excerpt)."""

    document: Document
    text: str
    type: str
    first: str
    second: str


@dataclass(frozen=True)
class Pair:
    """Two concepts and the template to ask about them; `text` is what the engine reads."""

    document: Document
    text: str
    template: Template
    head: Concept
    tail: Concept


@dataclass(frozen=True)
class Decision:
    """The code of a reply and, per outcome, the log-odds for it against the codes that deny it.

    Outcomes are relation types (against the negative codes) or the name codes (each against the
    others). `log_odds` is None when the engine told no probabilities. `step` is the question that it answers.
    """

    code: str
    log_odds: Mapping[str, float] | None = None
    step: str = "relations.pairs"


def log_odds(logprobs: Mapping[str, float], positive: Iterable[str], negative: Iterable[str]) -> float:
    """ln(sum of p over the positive codes / sum of p over the negative ones); finite for finite input."""
    return _log_sum(logprobs, positive) - _log_sum(logprobs, negative)


def _log_sum(logprobs: Mapping[str, float], codes: Iterable[str]) -> float:
    values = [logprobs[code] for code in codes if code in logprobs and abs(logprobs[code]) <= LARGEST]
    if not values:
        return -1e3  # Stands for "never": keeps differences finite and JSON-able.
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def pair_name(pair: Pair) -> str:
    """How a problem calls a pair."""
    return f"{pair.template.name}: '{pair.head.names[0]}' and '{pair.tail.names[0]}'"


def spans_of(document: Document, names: Iterable[str]) -> tuple[Offsets, ...]:
    """Every place of the given names among the document's mentions."""
    wanted = set(names)
    return tuple((m.start, m.end) for m in document.mentions if m.text in wanted)


def label_of(concept: Concept) -> str:
    """How a prompt calls a concept: its first name, and up to two more where it has them."""
    first, *others = concept.names
    return f"{first} (also called {', '.join(others[:2])})" if others else first


# --- how two names relate -------------------------------------------------------------------------


def _names_prompt(pair: NamePair) -> Request:
    slots = {"type": pair.type, "first": pair.first, "second": pair.second}
    question = fill(NAMES_PROMPT, slots)
    return Request(
        messages=document_messages(pair.text, question),
        step="relations.names",
        input=LabelPair(
            pair.document.text,
            spans_of(pair.document, [pair.first]),
            spans_of(pair.document, [pair.second]),
            NAME_CODES,
        ),
        constraint=Choices(NAME_CODES),
        decoding=CHOICE_DECODING,
        want_logprobs=True,
    )


def _names_parse(reply: Reply, pair: NamePair) -> Parsed[Decision]:
    if isinstance(reply.value, LabelProbabilities):
        logprobs = {code: _log(p) for code, p in reply.value.probabilities.items()}
        parsed = Parsed(max(NAME_CODES, key=lambda code: logprobs.get(code, -math.inf)))
    else:
        parsed = choice_answer(reply.text, NAME_CODES)
        logprobs = dict(reply.logprobs or {})
    if not logprobs:
        return Parsed(Decision(parsed.value, step=NAMES.name), parsed.repairs)
    odds = {code: log_odds(logprobs, [code], [c for c in NAME_CODES if c != code]) for code in NAME_CODES}
    return Parsed(Decision(parsed.value, odds, NAMES.name), parsed.repairs)


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -1e3


def _render(decision: Decision, subject: object) -> str:
    return decision.code


NAMES: Step[NamePair, Decision] = Step("relations.names", _names_prompt, _names_parse, _render)


# --- what a text says of a pair -------------------------------------------------------------------


def asked_of(template: Template) -> str:
    """What a template asks, without the pair: requirement, scenarios with their codes, assumptions."""
    scenarios = [f"{s.code}: {s.text}" for s in template.scenarios]
    return "\n".join([template.requirement, *scenarios, *(f"Note: {line}" for line in template.assumptions)])


def _pairs_prompt(pair: Pair) -> Request:
    template = pair.template
    question = fill(
        PAIRS_PROMPT,
        {
            "question": asked_of(template),
            "head_type": template.head,
            "tail_type": template.tail,
            "head": label_of(pair.head),
            "tail": label_of(pair.tail),
        },
        where=f"template {template.name}",
    )
    return Request(
        messages=document_messages(pair.text, question),
        step="relations.pairs",
        input=LabelPair(
            pair.document.text,
            tuple((m.start, m.end) for m in (pair.document.mentions[i] for i in pair.head.mentions)),
            tuple((m.start, m.end) for m in (pair.document.mentions[i] for i in pair.tail.mentions)),
            (*template.relations, NO_RELATION),
        ),
        constraint=Choices(template.codes),
        decoding=CHOICE_DECODING,
        want_logprobs=True,
    )


def _pairs_parse(reply: Reply, pair: Pair) -> Parsed[Decision]:
    template = pair.template
    if isinstance(reply.value, LabelProbabilities):
        return _from_probabilities(reply.value, template)
    parsed = choice_answer(reply.text, template.codes)
    if not reply.logprobs:
        return Parsed(Decision(parsed.value), parsed.repairs)
    negative = [code for code in template.codes if not template.asserted_by(code)]
    odds = {
        relation: log_odds(
            reply.logprobs, [c for c in template.codes if relation in template.asserted_by(c)], negative
        )
        for relation in template.relations
    }
    return Parsed(Decision(parsed.value, odds), parsed.repairs)


def _from_probabilities(value: LabelProbabilities, template: Template) -> Parsed[Decision]:
    odds = {
        relation: _log(value.probabilities.get(relation, 0.0))
        - _log(1.0 - value.probabilities.get(relation, 0.0))
        for relation in template.relations
    }
    best = max(odds, key=lambda relation: odds[relation])
    asserting = [s.code for s in template.scenarios if best in s.relations]
    denying = [s.code for s in template.scenarios if not s.relations]
    return Parsed(Decision((asserting if odds[best] >= 0 else denying)[0], odds))


PAIRS: Step[Pair, Decision] = Step("relations.pairs", _pairs_prompt, _pairs_parse, _render)
