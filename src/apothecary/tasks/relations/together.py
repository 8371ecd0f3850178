"""The two single-choice questions, many in one call: codes by number instead of odds.

Departure from Zhao et al. 2025: they ask one question a call. Here neighbours share the scenarios, which
stand before all pairs so that calls share that prefix too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from apothecary.messages import Reply, Request
from apothecary.tasks.flow import Parsed, Step
from apothecary.tasks.prompting import document_messages, fill, load_prompt
from apothecary.tasks.relations.steps import NAME_CODES, Decision, NamePair, Pair, asked_of, label_of
from apothecary.tasks.schema import Template
from apothecary.tasks.together import codes_constraint, codes_decoding, numbered_codes

__all__ = ["NAMES_TOGETHER", "NAMES_TOGETHER_PROMPT", "PAIRS_TOGETHER", "PAIRS_TOGETHER_PROMPT"]

PAIRS_TOGETHER_PROMPT = load_prompt("apothecary.tasks.relations", "pairs_together.txt")
NAMES_TOGETHER_PROMPT = load_prompt("apothecary.tasks.relations", "names_together.txt")


def _form(count: int) -> str:
    shown = {str(number): "..." for number in range(1, min(count, 2) + 1)}
    return json.dumps(shown)


# --- pairs of concepts ----------------------------------------------------------------------------


def _pairs_prompt(pairs: Sequence[Pair]) -> Request:
    templates = {pair.template.name: pair.template for pair in pairs}
    letters = (
        {name: chr(ord("A") + place) for place, name in enumerate(templates)} if len(templates) > 1 else {}
    )
    questions = "\n".join(_question(template, letters.get(name, "")) for name, template in templates.items())
    lines = "\n".join(
        _line(number, pair, letters.get(pair.template.name, "")) for number, pair in enumerate(pairs, 1)
    )
    slots = {"questions": questions, "pairs": lines, "form": _form(len(pairs))}
    return Request(
        messages=document_messages(pairs[0].text, fill(PAIRS_TOGETHER_PROMPT, slots)),
        step="relations.pairs_together",
        constraint=codes_constraint([pair.template.codes for pair in pairs]),
        decoding=codes_decoding(len(pairs)),
    )


def _question(template: Template, letter: str) -> str:
    return f"Question {letter}. {asked_of(template)}" if letter else asked_of(template)


def _line(number: int, pair: Pair, letter: str) -> str:
    template = pair.template
    sides = f"{template.head}: {label_of(pair.head)}; {template.tail}: {label_of(pair.tail)}"
    return f"{number}. (question {letter}) {sides}" if letter else f"{number}. {sides}"


def _pairs_parse(reply: Reply, pairs: Sequence[Pair]) -> Parsed[Sequence[Decision | None]]:
    codes, repairs = numbered_codes(reply.text, [pair.template.codes for pair in pairs])
    return Parsed(
        [None if code is None else Decision(code, step=PAIRS_TOGETHER.name) for code in codes], repairs
    )


def _render(decisions: Sequence[Decision | None], subject: object) -> str:
    return json.dumps({str(n): decision.code for n, decision in enumerate(decisions, 1) if decision})


PAIRS_TOGETHER: Step[Sequence[Pair], Sequence[Decision | None]] = Step(
    "relations.pairs_together", _pairs_prompt, _pairs_parse, _render
)


# --- pairs of names -------------------------------------------------------------------------------


def _names_prompt(pairs: Sequence[NamePair]) -> Request:
    lines = "\n".join(
        f"{number}. {pair.type}: first '{pair.first}', second '{pair.second}'"
        for number, pair in enumerate(pairs, 1)
    )
    return Request(
        messages=document_messages(
            pairs[0].text, fill(NAMES_TOGETHER_PROMPT, {"pairs": lines, "form": _form(len(pairs))})
        ),
        step="relations.names_together",
        constraint=codes_constraint([NAME_CODES] * len(pairs)),
        decoding=codes_decoding(len(pairs)),
    )


def _names_parse(reply: Reply, pairs: Sequence[NamePair]) -> Parsed[Sequence[Decision | None]]:
    codes, repairs = numbered_codes(reply.text, [NAME_CODES] * len(pairs))
    return Parsed(
        [None if code is None else Decision(code, step=NAMES_TOGETHER.name) for code in codes], repairs
    )


NAMES_TOGETHER: Step[Sequence[NamePair], Sequence[Decision | None]] = Step(
    "relations.names_together", _names_prompt, _names_parse, _render
)
