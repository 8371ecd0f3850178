"""Triples as an instruction: a line ``[first; TYPE; second]`` for each relation, or "none".

The same relations as the task relations, in another form: one line each, the type in the middle.

Source: the subject-predicate-object form of CBLUE's CMeIE. Departures: names that hold a separator are JSON
strings, "none" stands for no relation, and relations of more than two arguments have no form.
"""

from __future__ import annotations

from collections.abc import Sequence

from apothecary.errors import AnswerError, DataError
from apothecary.examples import Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Fact, Facts, Gold
from apothecary.tasks.instruct_facts import (
    asked_relations,
    bracketed,
    facts_in,
    facts_of_json,
    merged,
    parts,
)
from apothecary.tasks.instruct_items import is_nothing, nothing, quoted
from apothecary.tasks.instruct_replies import UNKNOWN, UNREAD, body_of, json_of, type_of
from apothecary.tasks.instruct_task import Asked, InstructTask

__all__ = ["INSTRUCT", "parse", "render"]


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    asked = asked_relations("triples", sourced, labels)
    if any(len(fact.arguments) != 2 for fact in facts_in(asked.gold.answer, asked.gold)):
        raise DataError("a relation of more than two arguments is no triple", where=sourced.example.id)
    return asked


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """One line for each triple; the word for nothing where there is none."""
    lines = []
    for fact in facts_in(answer, gold):
        first, second = fact.names
        lines.append(f"[{quoted(first)}; {quoted(fact.type)}; {quoted(second)}]")
    return "\n".join(lines) or nothing(language)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The triples of a reply. Raises AnswerError when nothing in it can be read as an answer."""
    body, repairs = body_of(reply)
    if is_nothing(body):
        return Parsed(Facts(()), tuple(repairs))
    of_json = facts_of_json(json_of(body), gold.options)
    found, more = of_json if of_json is not None else _of_lines(body, gold.options)
    pairs = [Fact(fact.type, tuple(("", name) for name in fact.names)) for fact in found]
    complete = [fact for fact in pairs if len(fact.arguments) == 2]
    more = [*more, *[UNREAD] * (len(pairs) - len(complete))]
    if not complete and more:
        if is_nothing(body, prose=True):
            return Parsed(Facts(()), (*repairs, "a sentence read as none"))
        raise AnswerError(
            "the reply holds no triple of the types asked for", hint="a line is [first; TYPE; second]"
        )
    answer, more = merged(complete, gold.options, more)
    return Parsed(answer, (*repairs, *more))


def _of_lines(body: str, types: Sequence[str]) -> tuple[list[Fact], list[str]]:
    facts: list[Fact] = []
    repairs: list[str] = []
    for line in body.split("\n"):
        inner, more = bracketed(line)
        repairs += more
        for group in map(parts, inner):
            if len(group) != 3:
                repairs.append(UNREAD)
            elif (type_ := type_of(group[1], types)) is None:
                repairs.append(UNKNOWN)
            else:
                facts.append(Fact(type_, (("", group[0]), ("", group[2]))))
    return facts, repairs


INSTRUCT = InstructTask(
    name="triples",
    serves=("triples",),
    kinds={"triples": frozenset({"text", "types"})},
    ask=_ask,
    render=render,
    parse=parse,
    splits=True,
)
