"""Classification as an instruction: the labels that hold, ``label; label``, or "none".

Source: Taiyi's TC form, without its lead-in. Departures: labels that hold a separator are JSON strings;
"none" stands where no label holds; gold is among the options offered, which published samples break.
"""

from __future__ import annotations

from collections.abc import Sequence

from apothecary.errors import AnswerError, DataError
from apothecary.examples import Labelled, Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold, Labels
from apothecary.tasks.instruct_items import is_nothing, nothing, quoted
from apothecary.tasks.instruct_labels import EMPTY, in_order, read_labels
from apothecary.tasks.instruct_task import Asked, InstructTask, shown_list

__all__ = ["INSTRUCT", "parse", "render"]


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    example = sourced.example
    if not isinstance(example, Labelled):
        raise DataError("is no labelled text", where=f"{sourced.dataset} {example.id}")
    answer = Labels(in_order(example.labels, example.options))
    gold = Gold("classification", "classification", example.options, answer)
    slots = {"text": example.text, "options": shown_list(example.options, sourced.language)}
    return Asked(gold, slots, "TC")


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The labels in one line; the word for nothing where none holds, `EMPTY` where that is an option."""
    if not isinstance(answer, Labels):
        raise AnswerError("no answer of this task", where=gold.task)
    empty = EMPTY if any(map(is_nothing, gold.options)) else nothing(language)
    return "; ".join(quoted(label) for label in answer.labels) or empty


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The labels of a reply. Raises AnswerError when it names none and does not say that none holds."""
    found = read_labels(reply, gold.options)
    return Parsed(Labels(found.value), found.repairs)


INSTRUCT = InstructTask(
    name="classification",
    serves=("classification",),
    kinds={"classification": frozenset({"text", "options"})},
    ask=_ask,
    render=render,
    parse=parse,
)
