"""One stage: a single question for the names of a text and the relations between them. The baseline.

Source: the one-stage prompt that Zhao et al. 2025 compare with (Table 8); theirs was not released in a form
that runs, so the wording is our own. Names are located, and joined by rules and the vocabulary alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from apothecary.align.locate import locate
from apothecary.documents import Argument, Concept, Document, Origin, Relation
from apothecary.errors import AnswerError
from apothecary.messages import Decoding, Flow, JsonSchema, Reply, Request
from apothecary.tasks.answers import json_answer
from apothecary.tasks.flow import Parsed, Step, ask
from apothecary.tasks.linking import with_ids
from apothecary.tasks.prompting import document_messages, fill, load_prompt
from apothecary.tasks.relations import evidence
from apothecary.tasks.relations.bound import Bound, Notes
from apothecary.tasks.relations.clusters import concepts_of
from apothecary.tasks.relations.stage_one import group
from apothecary.tasks.schema import Schema, Template
from apothecary.tasks.tagging import NAME_LIMIT, Tagged, Window, located, windows

__all__ = ["WHOLE", "WHOLE_PROMPT", "find_whole", "whole_step"]

WHOLE = "relations.whole"
WHOLE_PROMPT = load_prompt("apothecary.tasks.relations", "whole.txt")
RELATIONS = 60
"""Relations of a window; the most in an abstract of CDR's training part are 39."""
FIELDS = ("relation", "head", "head_label", "tail", "tail_label")


@dataclass(frozen=True)
class Stated:
    """A relation between two names, each under its label, as a reply gives it."""

    relation: str
    head: str
    head_label: str
    tail: str
    tail_label: str


def find_whole(document: Document, bound: Bound, notes: Notes) -> Flow[Document | None]:
    """Names, concepts and relations of a document. None when every window failed."""
    step = whole_step(bound.schema)
    asked = windows(document, bound.schema.labels, bound.settings.window)
    answers = yield from ask(step, asked, lambda window: f"characters {window.span.start}-{window.span.end}")
    notes.take(WHOLE, answers)
    if asked and all(answer.value is None for answer in answers):
        return None
    stated = list(dict.fromkeys(each for answer in answers for each in answer.value or ()))
    return _built(document, stated, bound, notes)


def whole_step(schema: Schema) -> Step[Window, tuple[Stated, ...]]:
    """The step that asks for everything in a window."""

    def prompt(window: Window) -> Request:
        labels = [label for label in schema.labels if not label.decoy]
        slots = {
            "labels": "\n".join(f"- {label.name}: {label.description}" for label in labels),
            "relations": "\n".join(_described(schema.templates)),
            "form": json.dumps({"relations": [dict.fromkeys(FIELDS, "...")]}),
        }
        return Request(
            messages=document_messages(window.text, fill(WHOLE_PROMPT, slots)),
            step=WHOLE,
            constraint=JsonSchema(_json_schema([label.name for label in labels], schema)),
            decoding=Decoding(max_new_tokens=128 + len(window.text) // 3),
        )

    def parse(reply: Reply, window: Window) -> Parsed[tuple[Stated, ...]]:
        return _parse(reply, schema)

    return Step(WHOLE, prompt, parse, _render)


def _described(templates: Iterable[Template]) -> list[str]:
    """A line for each relation type: its two labels and the scenarios that assert it."""
    found: list[str] = []
    for template in templates:
        for relation in template.relations:
            texts = " ".join(s.text for s in template.scenarios if relation in s.relations)
            found.append(f"- {relation}, from {template.head} to {template.tail}: {texts}")
    return found


def _json_schema(labels: Sequence[str], schema: Schema) -> str:
    relations = list(dict.fromkeys(name for template in schema.templates for name in template.relations))
    name = {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT}
    label = {"enum": list(labels)}
    values = ({"enum": relations}, name, label, name, label)
    item = {
        "type": "object",
        "properties": dict(zip(FIELDS, values, strict=True)),
        "required": list(FIELDS),
        "additionalProperties": False,
    }
    rows = {"type": "array", "items": item, "maxItems": RELATIONS}
    whole = {
        "type": "object",
        "properties": {"relations": rows},
        "required": ["relations"],
        "additionalProperties": False,
    }
    return json.dumps(whole, ensure_ascii=False)


def _parse(reply: Reply, schema: Schema) -> Parsed[tuple[Stated, ...]]:
    parsed = json_answer(reply.text)
    rows = parsed.value.get("relations") if isinstance(parsed.value, dict) else parsed.value
    if not isinstance(rows, list):
        raise AnswerError("the reply holds no list of relations")
    known = {(name, t.head, t.tail) for t in schema.templates for name in t.relations}
    repairs = list(parsed.repairs)
    found: list[Stated] = []
    for row in rows[:RELATIONS]:
        values = [str(row.get(name, "")).strip() for name in FIELDS] if isinstance(row, dict) else [""]
        if not all(values):
            repairs.append("relation with an empty field ignored")
            continue
        stated = Stated(*values)
        if (stated.relation, stated.head_label, stated.tail_label) in known:
            found.append(stated)
        else:
            repairs.append("relation of an unknown type, or between other labels, ignored")
    return Parsed(tuple(found), tuple(dict.fromkeys(repairs)))


def _render(stated: tuple[Stated, ...], window: Window) -> str:
    rows = [{name: getattr(each, name) for name in FIELDS} for each in stated]
    return json.dumps({"relations": rows}, ensure_ascii=False)


def _built(document: Document, stated: Sequence[Stated], bound: Bound, notes: Notes) -> Document:
    """Locate the names, join them, and keep the relations whose two names are in the text."""
    items = [
        Tagged(*side)
        for each in stated
        for side in ((each.head, each.head_label), (each.tail, each.tail_label))
    ]
    found = located(document, items, bound.schema.labels)
    bare = Document(
        id=document.id,
        text=document.text,
        passages=document.passages,
        mentions=found.mentions,
        unlocated=found.unlocated,
        attributes=document.attributes,
    )
    bare, names = group(bare, bound, notes)
    concepts, notes.conflicts = concepts_of(bare.mentions, names, {})
    whole = replace(bare, concepts=with_ids(concepts, bare.mentions))
    relations = _relations(whole, stated, bound)
    return replace(whole, relations=relations)


def _relations(document: Document, stated: Sequence[Stated], bound: Bound) -> tuple[Relation, ...]:
    text = evidence.split(document)
    found: dict[tuple[str, str, str], Relation] = {}
    for each in stated:
        head = _named(document, each.head, each.head_label)
        tail = _named(document, each.tail, each.tail_label)
        if not head or not tail or head.id == tail.id:
            continue
        arguments = Argument("head", head.id), Argument("tail", tail.id)
        origin = Origin(engine=bound.engines.get(WHOLE, ""), step=WHOLE, answer=each.relation)
        relation = Relation(
            f"r{len(found) + 1}", each.relation, arguments, text.evidence(head, tail), origin=origin
        )
        found.setdefault((each.relation, head.id, tail.id), relation)
    return tuple(found.values())


def _named(document: Document, name: str, label: str) -> Concept | None:
    """The concept of the label that the name stands for, where the text has it."""
    starts = {place.span.start for place in locate(name, document.text)}
    for concept in document.concepts:
        if concept.type == label and any(document.mentions[i].start in starts for i in concept.mentions):
            return concept
    return None
