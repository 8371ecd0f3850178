# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Pairs of texts as instructions: the label of a pair, or its score as a number.

Source: Taiyi's TP form (similarity and entailment). Departure: a pair has one label, and where the source
gives only a score, the score is the answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from apothecary.errors import AnswerError, DataError
from apothecary.examples import Language, Sourced, TextPair
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold, Labels, Score
from apothecary.tasks.instruct_items import quoted
from apothecary.tasks.instruct_labels import in_order, read_labels
from apothecary.tasks.instruct_replies import body_of
from apothecary.tasks.instruct_task import Asked, InstructTask, shown_list

__all__ = ["INSTRUCT", "parse", "render"]

_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:[.．]\d+)?(?:[eE][-+]?\d+)?(?!\w)")
_KINDS = ("text_pairs.similarity", "text_pairs.entailment")
_CODES = {"text_pairs.similarity": "TP_ss", "text_pairs.entailment": "TP_te", "text_pairs.score": "TP_ss"}


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    example = sourced.example
    if not isinstance(example, TextPair):
        raise DataError("is no pair of texts", where=f"{sourced.dataset} {example.id}")
    slots = {"first": example.first, "second": example.second}
    options: tuple[str, ...] = ()
    if not example.label:
        if example.score is None or not math.isfinite(example.score):
            raise DataError("has neither a label nor a score", where=example.id)
        answer: Answer = Score(example.score)
        kind = "text_pairs.score"
    else:
        answer, options, kind = Labels((example.label,)), example.options, f"text_pairs.{example.kind}"
        slots["options"] = shown_list(options, sourced.language)
    return Asked(Gold("text_pairs", kind, options, answer), slots, _CODES[kind])


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The label, or the number in its shortest form."""
    if isinstance(answer, Score):
        return str(int(answer.value)) if answer.value.is_integer() else repr(answer.value)
    if not isinstance(answer, Labels) or len(answer.labels) != 1:
        raise AnswerError("no answer of this task", where=gold.task)
    return quoted(answer.labels[0])


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The one label or the number of a reply. Raises AnswerError for none, and for several labels."""
    if gold.kind == "text_pairs.score":
        body, repairs = body_of(reply)
        numbers = _NUMBER.findall(body)
        if not numbers:
            raise AnswerError("the reply holds no number")
        value = float(numbers[0].replace("−", "-").replace("．", "."))
        if not math.isfinite(value):
            raise AnswerError("the number of the reply is out of bounds")
        return Parsed(Score(value), (*repairs, *(["first number taken"] if len(numbers) > 1 else [])))
    found = read_labels(reply, gold.options)
    if len(found.value) != 1:
        raise AnswerError("the reply names none of the options, or several")
    return Parsed(Labels(in_order(found.value, gold.options)), found.repairs)


INSTRUCT = InstructTask(
    name="text_pairs",
    serves=("text_pairs",),
    kinds={kind: frozenset({"first", "second", "options"}) for kind in _KINDS}
    | {"text_pairs.score": frozenset({"first", "second"})},
    ask=_ask,
    render=render,
    parse=parse,
)
