# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Events as an instruction: a line ``TYPE: (Trigger: word, Role: name); (...)`` for each type, or "none".

Source: Taiyi's EE form, one for both languages. Departures: names and roles that hold a separator are JSON
strings, "none" stands for no event, the trigger comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from apothecary.errors import AnswerError
from apothecary.examples import Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Fact, Facts, Gold, distinct_facts
from apothecary.tasks.instruct_facts import TRIGGER, alike, bracketed, event_facts, facts_of_json, merged
from apothecary.tasks.instruct_items import is_nothing, nothing, pieces, quoted, unquoted
from apothecary.tasks.instruct_replies import UNREAD, body_of, json_of, type_form, typed_lines
from apothecary.tasks.instruct_task import Asked, InstructTask, annotated, shown_types

__all__ = ["INSTRUCT", "parse", "render"]

_ROUND = "()（）"
_TRIGGER_WORDS = {"en": "Trigger", "zh": "触发词"}
_TRIGGERS = frozenset({"trigger", "触发词", "trigger word", "触发"})


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    example = annotated(sourced)
    facts = [fact for fact in event_facts(example) if fact.type in labels]
    same = alike(example.document, facts)
    gold = Gold("events", "events", tuple(labels), distinct_facts(facts, labels), same=same)
    slots = {"text": example.document.text, "types": shown_types(labels, sourced.language)}
    return Asked(gold, slots, "EE")


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The lines of events by type; the word for nothing where there is none."""
    if not isinstance(answer, Facts):
        raise AnswerError("no answer of this task", where=gold.task)
    comma, colon, left, right = ("，", "：", "（", "）") if language == "zh" else (", ", ": ", "(", ")")
    by_type: dict[str, list[str]] = {}
    for fact in answer.facts:
        roles = [_TRIGGER_WORDS[language], *(quoted(role, _ROUND) for role, _ in fact.arguments[1:])]
        told = (f"{role}{colon}{quoted(name, _ROUND)}" for role, name in zip(roles, fact.names, strict=True))
        by_type.setdefault(fact.type, []).append(f"{left}{comma.join(told)}{right}")
    lines = [f"{type_form(type_)}{colon}{'; '.join(events)}" for type_, events in by_type.items()]
    return "\n".join(lines) or nothing(language)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The events of a reply. Raises AnswerError when nothing in it can be read as an answer."""
    body, repairs = body_of(reply)
    if is_nothing(body):
        return Parsed(Facts(()), tuple(repairs))
    of_json = facts_of_json(json_of(body), gold.options)
    if of_json is not None:
        events = [event for fact in of_json[0] if (event := _event(fact.type, fact.arguments))]
        lost = [UNREAD] * (len(of_json[0]) - len(events))
        answer, more = merged(events, gold.options, ["JSON read", *of_json[1], *lost])
    else:
        answer, more = merged(*_of_lines(body, gold.options))
    return Parsed(answer, (*repairs, *more))


def _of_lines(body: str, types: Sequence[str]) -> tuple[list[Fact], Sequence[str], list[str]]:
    lines = typed_lines(body, types)
    if not lines.lines:
        if is_nothing(body, prose=True):
            return [], types, ["a sentence read as none"]
        raise AnswerError(
            "the reply names none of the types asked for", hint="a line is TYPE: (Trigger: word, Role: name)"
        )
    facts: list[Fact] = []
    repairs = list(lines.repairs)
    for line in lines.lines:
        for item in (item for item in line.items if not is_nothing(item)):
            inner, more = bracketed(item)
            repairs += more
            events = [_event(line.type, _pairs(each)) for each in inner]
            facts += [event for event in events if event]
            repairs += [UNREAD] * events.count(None)
    return facts, types, repairs


def _pairs(inner: str) -> tuple[tuple[str, str], ...]:
    """The (role, name) pairs between brackets; what has no role is left out."""
    found = pieces(inner, ";；，")
    if len(found) == 1:
        found = pieces(inner, ",，")
    pairs = []
    for piece in found:
        halves = pieces(piece, ":：")
        role, name = unquoted(halves[0]), unquoted(piece[len(halves[0]) + 1 :])
        if len(halves) > 1 and role and name:
            pairs.append((role, name))
    return tuple(pairs)


def _event(type_: str, pairs: tuple[tuple[str, str], ...]) -> Fact | None:
    """An event of its pairs, the trigger first; None without a trigger."""
    place = next((place for place, (role, _) in enumerate(pairs) if role.casefold() in _TRIGGERS), None)
    if place is None:
        return None
    return Fact(type_, ((TRIGGER, pairs[place][1]), *pairs[:place], *pairs[place + 1 :]))


INSTRUCT = InstructTask(
    name="events",
    serves=("events",),
    kinds={"events": frozenset({"text", "types"})},
    ask=_ask,
    render=render,
    parse=parse,
    splits=True,
)
