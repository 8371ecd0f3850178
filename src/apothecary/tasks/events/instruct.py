# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Events as an instruction: a line ``TYPE: (Trigger: word, Role: name); (...)`` for each type, or "none".

Source: Taiyi's EE form, one for both languages. Departures: names and roles that hold a separator are JSON
strings, "none" stands for no event, the trigger comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from apothecary.examples import Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Fact, Gold
from apothecary.tasks.instruct_facts import TRIGGER, FactForm, asked_events, facts_in, read_facts
from apothecary.tasks.instruct_items import pieces, quoted, unquoted
from apothecary.tasks.instruct_replies import lines_by_type
from apothecary.tasks.instruct_task import Asked, InstructTask

__all__ = ["INSTRUCT", "parse", "render"]

_ROUND = "()（）"
_TRIGGER_WORDS = {"en": "Trigger", "zh": "触发词"}
_TRIGGERS = frozenset({"trigger", "触发词", "trigger word", "触发"})


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    return asked_events("events", sourced, labels)


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The lines of events by type; the word for nothing where there is none."""
    told = ((fact.type, _told(fact, language)) for fact in facts_in(answer, gold))
    return lines_by_type(told, language)


def _told(event: Fact, language: Language) -> str:
    comma, colon, left, right = ("，", "：", "（", "）") if language == "zh" else (", ", ": ", "(", ")")
    roles = [_TRIGGER_WORDS[language], *(quoted(role, _ROUND) for role, _ in event.arguments[1:])]
    told = (f"{role}{colon}{quoted(name, _ROUND)}" for role, name in zip(roles, event.names, strict=True))
    return f"{left}{comma.join(told)}{right}"


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The events of a reply. Raises AnswerError when nothing in it can be read as an answer."""
    return read_facts(reply, gold, _FORM)


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


_FORM = FactForm(
    "TYPE: (Trigger: word, Role: name)",
    of_json=lambda fact: _event(fact.type, fact.arguments),
    of_brackets=lambda type_, inner: _event(type_, _pairs(inner)),
)
INSTRUCT = InstructTask(
    name="events",
    serves=("events",),
    kinds={"events": frozenset({"text", "types"})},
    ask=_ask,
    render=render,
    parse=parse,
    splits=True,
)
