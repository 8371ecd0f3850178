"""What a model says about combinations: a block of thinking and a JSON list, read and written.

The one reader of extraction, rewards and scores. It is tolerant and says so: what had to be mended is a
repair, what cannot be meant is a fault with a code, and a faulty item costs that item alone. Time grows
linearly with the text, whatever the text holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from apothecary.errors import UsageError
from apothecary.tasks.combinations.blocks import split_blocks
from apothecary.tasks.combinations.json_lists import find_list
from apothecary.tasks.combinations.labels import LabelSet

__all__ = [
    "AnswerFault",
    "Combination",
    "Completion",
    "normal_name",
    "read_completion",
    "render_answer",
    "render_completion",
]

AnswerFault = Literal[
    "no_answer",
    "not_json",
    "not_a_list",
    "item_not_object",
    "unknown_type",
    "drugs_not_strings",
    "too_few_drugs",
    "none_with_drugs",
    "two_answers",
    "answer_before_think",
    "text_after_answer",
    "duplicate",
]
"""Why an answer, or one item of it, cannot be taken as it stands.

``no_answer``: nothing stands where the answer should. ``not_json``: something does, and holds no JSON list.
``not_a_list``: objects without a list around them, which are read all the same. ``drugs_not_strings``: no
list of texts. ``too_few_drugs``: fewer than two distinct names. ``none_with_drugs``: "no combination" names
drugs, or stands beside a combination. ``two_answers``: a second block, or a second list in the block; the
first is read. ``answer_before_think``: also inside it. ``duplicate``: an earlier item has this type and these
drugs.
"""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Combination:
    """Drugs that belong together, and the type of what comes of it. The order of drugs means nothing."""

    type: str
    drugs: tuple[str, ...]


@dataclass(frozen=True)
class Completion:
    """A reply taken apart.

    `think` and `answer` are the texts of the two blocks, None where there is none. `items` are the sound
    combinations, with canonical types and names as written but for blanks; no item and no fault is the
    statement that nothing is combined. `errors` has one code for each occurrence.
    """

    think: str | None
    answer: str | None
    items: tuple[Combination, ...]
    errors: tuple[AnswerFault, ...]
    repairs: tuple[str, ...]


def normal_name(name: str) -> str:
    """The form in which names compare: lower case, no blanks around it, single blanks within."""
    return " ".join(name.lower().split())


def read_completion(text: str, labels: LabelSet) -> Completion:
    """Read a reply with or without tags, with bare or fenced JSON, cut off or whole. Never raises.

    Members may stand under "drugs" or, as in the published data, under "ent_set". See `split_blocks` and
    `find_list` for what is mended.
    """
    blocks = split_blocks(text)
    answer = blocks.answers[0] if blocks.answers else None
    faults: list[AnswerFault] = []
    if len(blocks.answers) > 1:
        faults.append("two_answers")
    if blocks.answer_first:
        faults.append("answer_before_think")
    if blocks.text_after:
        faults.append("text_after_answer")
    if not answer or not (blocks.tagged or _may_hold_an_answer(answer, labels)):
        answer = answer if blocks.tagged else None
        return Completion(blocks.think, answer, (), ("no_answer", *faults), blocks.repairs)
    items, more, repairs = _read_answer(answer, labels)
    faults += [fault for fault in more if fault != "two_answers" or fault not in faults]
    return Completion(blocks.think, answer, items, tuple(faults), (*blocks.repairs, *repairs))


def render_answer(items: Sequence[Combination], labels: LabelSet) -> str:
    """The answer as a compact JSON list; the one item that says "no combination" where there is none.

    "<" is written as its JSON escape, so that no name can end the block.
    """
    rows = [{"type": item.type, "drugs": list(item.drugs)} for item in items]
    rows = rows or [{"type": labels.none, "drugs": []}]
    return json.dumps(rows, ensure_ascii=False).replace("<", "\\u003c")


def render_completion(think: str | None, items: Sequence[Combination], labels: LabelSet) -> str:
    """What a perfect model would have written. Raises UsageError for thinking that closes its own block."""
    answer = f"<answer>\n{render_answer(items, labels)}\n</answer>"
    if think is None:
        return answer
    if "</think>" in think.lower():
        raise UsageError("the thinking holds a closing </think>", hint="take the tag out of it")
    return f"<think>\n{think}\n</think>\n\n{answer}"


def _may_hold_an_answer(text: str, labels: LabelSet) -> bool:
    """Is there anything in a text without tags that could be meant as the answer, or is it all prose?"""
    return "[" in text or "{" in text or _says_none(text, labels)


def _says_none(text: str, labels: LabelSet) -> bool:
    return labels.canonical(text.strip("\"'`. \n")) == labels.none


def _read_answer(
    text: str, labels: LabelSet
) -> tuple[tuple[Combination, ...], list[AnswerFault], tuple[str, ...]]:
    if _says_none(text, labels):
        return (), [], ("bare label read",)
    found = find_list(text)
    if found is None:
        return (), ["not_json"], ()
    faults: list[AnswerFault] = [] if found.is_list else ["not_a_list"]
    if found.lists > 1:
        faults.append("two_answers")
    items: dict[tuple[str, frozenset[str]], Combination] = {}
    repairs = list(found.repairs)
    says_none = False
    for row in found.value:
        item = _read_item(row, labels)
        if not isinstance(item, Combination):
            faults.append(item)
            continue
        if item.type == labels.none:
            says_none = True
            continue
        key = (item.type, frozenset(map(normal_name, item.drugs)))
        if len(key[1]) < len(item.drugs):
            item = Combination(item.type, _distinct(item.drugs))
            repairs.append("repeated drug removed")
        if len(key[1]) < 2:
            faults.append("too_few_drugs")
        elif key in items:
            faults.append("duplicate")
        else:
            items[key] = item
    if says_none and items:
        faults.append("none_with_drugs")
    return tuple(items.values()), faults, tuple(dict.fromkeys(repairs))


def _read_item(row: object, labels: LabelSet) -> Combination | AnswerFault:
    """A combination, or "no combination" as one without drugs; else why it is neither."""
    if not isinstance(row, Mapping):
        return "item_not_object"
    given = row.get("type")
    type_ = labels.canonical(given) if isinstance(given, str) else None
    if type_ is None:
        return "unknown_type"
    drugs = row.get("drugs", row.get("ent_set", () if type_ == labels.none else None))
    if not isinstance(drugs, list | tuple) or not all(map(_is_name, drugs)):
        return "drugs_not_strings"
    names = tuple(" ".join(name.split()) for name in drugs)
    names = tuple(name for name in names if name)
    if type_ == labels.none and names:
        return "none_with_drugs"
    return Combination(type_, names)


def _is_name(value: object) -> bool:
    """Half a surrogate pair, which a JSON escape can make, is no text: it cannot be written to a file."""
    return isinstance(value, str) and not _SURROGATE.search(value)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(normal_name(name), name)
    return tuple(first.values())
