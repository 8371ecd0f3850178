# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Relations as an instruction: a line ``TYPE: [first, second]; [first, second]`` for each type, or "none".

Source: Taiyi's RE form. Departures: (1) names that hold a separator are JSON strings; (2) "none" stands for
no relation at all; (3) a relation may have more than two arguments; (4) a concept goes by its first name in
the text, its other names are kept beside the gold.
"""

from __future__ import annotations

from collections.abc import Sequence

from apothecary.errors import AnswerError
from apothecary.examples import Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Fact, Facts, Gold, distinct_facts
from apothecary.tasks.instruct_facts import (
    alike,
    bracketed,
    facts_of_json,
    merged,
    parts,
    relation_facts,
    symmetric_types,
)
from apothecary.tasks.instruct_items import is_nothing, nothing, quoted
from apothecary.tasks.instruct_replies import UNREAD, body_of, json_of, type_form, typed_lines
from apothecary.tasks.instruct_task import Asked, InstructTask, annotated, shown_types

__all__ = ["INSTRUCT", "parse", "render"]


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    example = annotated(sourced)
    facts = [fact for fact in relation_facts(example) if fact.type in labels]
    gold = Gold(
        "relations",
        "relations",
        tuple(labels),
        distinct_facts(facts, labels),
        same=alike(example.document, facts),
        symmetric=tuple(t for t in symmetric_types(example.document.relations) if t in labels),
    )
    slots = {"text": example.document.text, "types": shown_types(labels, sourced.language)}
    return Asked(gold, slots, "RE")


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The lines of relations by type; the word for nothing where there is none."""
    if not isinstance(answer, Facts):
        raise AnswerError("no answer of this task", where=gold.task)
    by_type: dict[str, list[str]] = {}
    for fact in answer.facts:
        names = ", ".join(quoted(name) for name in fact.names)
        by_type.setdefault(fact.type, []).append(f"[{names}]")
    colon = "：" if language == "zh" else ": "
    lines = [f"{type_form(type_)}{colon}{'; '.join(pairs)}" for type_, pairs in by_type.items()]
    return "\n".join(lines) or nothing(language)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The relations of a reply. Raises AnswerError when nothing in it can be read as an answer."""
    body, repairs = body_of(reply)
    if is_nothing(body):
        return Parsed(Facts(()), tuple(repairs))
    of_json = facts_of_json(json_of(body), gold.options)
    if of_json is not None:
        found = [Fact(fact.type, tuple(("", name) for name in fact.names)) for fact in of_json[0]]
        answer, more = merged(found, gold.options, ["JSON read", *of_json[1]])
    else:
        answer, more = merged(*_of_lines(body, gold.options))
    return Parsed(answer, (*repairs, *more))


def _of_lines(body: str, types: Sequence[str]) -> tuple[list[Fact], Sequence[str], list[str]]:
    lines = typed_lines(body, types)
    listed = [(line.type, item) for line in lines.lines for item in line.items]
    if not lines.lines:
        if is_nothing(body, prose=True):
            return [], types, ["a sentence read as none"]
        if len(types) > 1 or not any("[" in line or "【" in line for line in lines.others):
            raise AnswerError(
                "the reply names none of the types asked for", hint="a line is TYPE: [first, second]"
            )
        listed = [(types[0], line) for line in lines.others]
    facts: list[Fact] = []
    repairs = list(lines.repairs)
    for type_, item in listed:
        if is_nothing(item):
            continue
        inner, more = bracketed(item)
        repairs += more
        for group in map(parts, inner):
            if len(group) < 2:
                repairs.append(UNREAD)
            else:
                facts.append(Fact(type_, tuple(("", name) for name in group)))
    return facts, types, repairs


INSTRUCT = InstructTask(
    name="relations",
    serves=("relations",),
    kinds={"relations": frozenset({"text", "types"})},
    ask=_ask,
    render=render,
    parse=parse,
    splits=True,
)
