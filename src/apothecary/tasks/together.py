"""Several questions about one text in one call: cheaper than a call for each, and without their odds.

What such a reply leaves open, or gives in no usable form, is None; the caller asks it alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import TypeVar

from apothecary.errors import AnswerError
from apothecary.messages import Decoding, Flow, JsonSchema
from apothecary.tasks.answers import choice_answer, json_answer
from apothecary.tasks.flow import Answer, Step, read

__all__ = ["ask_together", "asked_again", "codes_constraint", "codes_decoding", "numbered_codes"]

S = TypeVar("S")
V = TypeVar("V")

TOKENS_A_CODE = 10


def ask_together(
    step: Step[Sequence[S], Sequence[V | None]],
    subjects: Sequence[S],
    *,
    size: int,
    same: Callable[[S], Hashable],
) -> Flow[list[Answer[V] | None]]:
    """Put a step to neighbours of which `same` is equal, at most `size` in a call, all calls in one round.

    Each call has about as many subjects as the others of its kind: a rest of one would cost as much.
    """
    groups = [part for _, found in groupby(subjects, same) for part in _even(list(found), size)]
    if not groups:
        return []
    outcomes = yield [step.prompt(group) for group in groups]
    answers: list[Answer[V] | None] = []
    for group, outcome in zip(groups, outcomes, strict=True):
        answer = read(step, group, outcome, lambda part: f"{len(part)} questions together")
        values = answer.value or [None] * len(group)
        answers += [None if value is None else Answer(value, answer.repairs) for value in values]
    return answers


def _even(items: Sequence[S], size: int) -> list[Sequence[S]]:
    count = -(-len(items) // size)
    edges = [len(items) * number // count for number in range(count + 1)]
    return [items[start:end] for start, end in pairwise(edges)]


def asked_again(answer: Answer[V]) -> Answer[V]:
    """An answer that came only when the question was asked alone, which says so."""
    return replace(answer, repairs=(*answer.repairs, "asked again, alone"))


def codes_constraint(options: Sequence[Sequence[str]]) -> JsonSchema:
    """A JSON object with the numbers from 1 as its keys and one of the codes of each as values."""
    properties = {str(number): {"enum": list(codes)} for number, codes in enumerate(options, 1)}
    return JsonSchema(
        json.dumps(
            {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
            ensure_ascii=False,
        )
    )


def codes_decoding(count: int) -> Decoding:
    """Room for so many numbers with their codes, and for the blanks of a generous writer."""
    return Decoding(max_new_tokens=16 + TOKENS_A_CODE * count)


def numbered_codes(text: str, options: Sequence[Sequence[str]]) -> tuple[list[str | None], tuple[str, ...]]:
    """The code at each number, None where there is no usable one, and the repairs.

    Raises AnswerError for a reply that is no JSON object, or holds no usable code at all.
    """
    parsed = json_answer(text)
    if not isinstance(parsed.value, dict):
        raise AnswerError("the reply is not a JSON object by number")
    found = [_code(parsed.value, str(number), codes) for number, codes in enumerate(options, 1)]
    if not any(found):
        raise AnswerError("the reply holds no code of any question")
    return found, parsed.repairs


def _code(values: Mapping[str, object], key: str, options: Sequence[str]) -> str | None:
    value = values.get(key)
    if not isinstance(value, str | int):
        return None
    try:
        return choice_answer(str(value), options).value
    except AnswerError:
        return None
