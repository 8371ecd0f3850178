"""Relations as an instruction: a line ``TYPE: [first, second]; [first, second]`` for each type, or "none".

Source: Taiyi's RE form. Departures: (1) names that hold a separator are JSON strings; (2) "none" stands for
no relation at all; (3) a relation may have more than two arguments; (4) a concept goes by its first name in
the text, its other names are kept beside the gold.
"""

from __future__ import annotations

from collections.abc import Sequence

from apothecary.examples import Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Fact, Gold
from apothecary.tasks.instruct_facts import FactForm, asked_relations, facts_in, parts, read_facts
from apothecary.tasks.instruct_items import quoted
from apothecary.tasks.instruct_replies import lines_by_type
from apothecary.tasks.instruct_task import Asked, InstructTask

__all__ = ["INSTRUCT", "parse", "render"]


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    return asked_relations("relations", sourced, labels)


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The lines of relations by type; the word for nothing where there is none."""
    facts = ((fact.type, ", ".join(map(quoted, fact.names))) for fact in facts_in(answer, gold))
    return lines_by_type(((type_, f"[{names}]") for type_, names in facts), language)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The relations of a reply. Raises AnswerError when nothing in it can be read as an answer."""
    return read_facts(reply, gold, _FORM)


def _fact(type_: str, inner: str) -> Fact | None:
    names = parts(inner)
    return _bare(type_, names) if len(names) > 1 else None


def _bare(type_: str, names: Sequence[str]) -> Fact:
    """The place of a name says its role."""
    return Fact(type_, tuple(("", name) for name in names))


_FORM = FactForm(
    "TYPE: [first, second]",
    of_json=lambda fact: _bare(fact.type, fact.names),
    of_brackets=_fact,
    bare=True,
)
INSTRUCT = InstructTask(
    name="relations",
    serves=("relations",),
    kinds={"relations": frozenset({"text", "types"})},
    ask=_ask,
    render=render,
    parse=parse,
    splits=True,
)
