"""Whether a relation that a text states is its own finding or was known before (BioRED's novelty)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apothecary.documents import Document, Relation
from apothecary.messages import Choices, Decoding, Flow, LabelPair, LabelProbabilities, Reply, Request
from apothecary.tasks.answers import choice_answer
from apothecary.tasks.flow import Parsed, Step, ask
from apothecary.tasks.prompting import document_messages, fill, load_prompt
from apothecary.tasks.relations import evidence
from apothecary.tasks.relations.bound import Bound, Notes
from apothecary.tasks.relations.steps import label_of

__all__ = ["NOVELTY", "NOVELTY_PROMPT", "with_novelty"]

NOVELTY_PROMPT = load_prompt("apothecary.tasks.relations", "novelty.txt")
VALUES = {"N": "Novel", "K": "No"}
"""As BioRED writes them."""


@dataclass(frozen=True)
class Finding:
    """A relation of a document; `text` is what the engine reads."""

    document: Document
    text: str
    relation: Relation


def with_novelty(document: Document, bound: Bound, notes: Notes) -> Flow[Document]:
    """The document with the attribute "novelty" on each relation of which a usable answer says it."""
    text = evidence.split(document)
    asked = [Finding(document, _excerpt(document, each, text, bound), each) for each in document.relations]
    answers = yield from ask(NOVELTY, asked, lambda finding: f"relation {finding.relation.id}")
    notes.take(NOVELTY.name, answers)
    relations = [
        replace(each, attributes={**each.attributes, "novelty": answer.value}) if answer.value else each
        for each, answer in zip(document.relations, answers, strict=True)
    ]
    return replace(document, relations=tuple(relations))


def _excerpt(document: Document, relation: Relation, text: evidence.Sentences, bound: Bound) -> str:
    mentions = [i for a in relation.arguments for i in document.concept(a.concept).mentions]
    return text.excerpt(mentions, bound.settings.window)


def _prompt(finding: Finding) -> Request:
    document, relation = finding.document, finding.relation
    head, tail = (document.concept(relation.argument(role)) for role in ("head", "tail"))
    slots = {
        "relation": relation.type,
        "head_type": head.type,
        "head": label_of(head),
        "tail_type": tail.type,
        "tail": label_of(tail),
    }
    return Request(
        messages=document_messages(finding.text, fill(NOVELTY_PROMPT, slots)),
        step=NOVELTY.name,
        input=LabelPair(
            document.text, _spans(document, head.mentions), _spans(document, tail.mentions), tuple(VALUES)
        ),
        constraint=Choices(tuple(VALUES)),
        decoding=Decoding(max_new_tokens=8),
    )


def _spans(document: Document, mentions: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((document.mentions[index].start, document.mentions[index].end) for index in mentions)


def _parse(reply: Reply, finding: Finding) -> Parsed[str]:
    if isinstance(reply.value, LabelProbabilities):
        chances = reply.value.probabilities
        return Parsed(VALUES[max(VALUES, key=lambda code: chances.get(code, 0.0))])
    parsed = choice_answer(reply.text, tuple(VALUES))
    return Parsed(VALUES[parsed.value], parsed.repairs)


def _render(value: str, finding: Finding) -> str:
    return next(code for code, name in VALUES.items() if name == value)


NOVELTY: Step[Finding, str] = Step("relations.novelty", _prompt, _parse, _render)
