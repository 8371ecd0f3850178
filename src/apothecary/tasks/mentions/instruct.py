# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Mentions as an instruction: a line ``TYPE: name; name`` for each type that occurs, or "none".

Source: Taiyi's NER form. Departures: (1) names that hold a separator are JSON strings; (2) "none" stands for
no name at all, where the published form has no way to say so; (3) each name stands once, by its first place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apothecary.errors import AnswerError
from apothecary.examples import Language, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold, Names, grouped_names
from apothecary.tasks.instruct_facts import surface
from apothecary.tasks.instruct_items import is_nothing, quoted, split_items
from apothecary.tasks.instruct_replies import (
    DUPLICATE,
    UNKNOWN,
    UNREAD,
    body_of,
    json_of,
    lines_by_type,
    type_of,
    typed_lines,
)
from apothecary.tasks.instruct_task import Asked, InstructTask, annotated, shown_types

__all__ = ["INSTRUCT", "parse", "render"]

_NAME_KEYS = ("text", "name", "mention", "entity", "span", "word", "实体", "名称", "文本")
_TYPE_KEYS = ("type", "label", "entity_type", "category", "class", "类型", "类别")


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    document = annotated(sourced).document
    wanted = sorted((m for m in document.mentions if m.type in labels), key=lambda m: (m.start, m.end))
    pairs = [(mention.type, surface(document, mention)) for mention in wanted]
    spans = dict.fromkeys((mention.start, mention.end, mention.type) for mention in wanted)
    answer = grouped_names((pair for pair in pairs if pair[1]), labels)
    gold = Gold("mentions", "mentions", tuple(labels), answer, spans=tuple(spans))
    slots = {"text": document.text, "types": shown_types(labels, sourced.language)}
    return Asked(gold, slots, "NER")


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The lines of names by type; the word for nothing where there is none."""
    if not isinstance(answer, Names):
        raise AnswerError("no answer of this task", where=gold.task)
    return lines_by_type(((type_, quoted(name)) for type_, name in answer.names), language)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The names of a reply. Raises AnswerError when nothing in it can be read as an answer."""
    body, repairs = body_of(reply)
    if is_nothing(body):
        return Parsed(Names(()), tuple(repairs))
    read = _of_json(json_of(body), gold.options) or _of_lines(body, gold.options)
    pairs, more = read
    answer = grouped_names(pairs, gold.options)
    repeats = [DUPLICATE] * (len(pairs) - len(answer.names))
    return Parsed(answer, (*repairs, *more, *repeats))


_Read = tuple[list[tuple[str, str]], list[str]]


def _of_lines(body: str, types: Sequence[str]) -> _Read:
    found = typed_lines(body, types)
    pairs = [(line.type, name) for line in found.lines for item in line.items for name in _names(item)]
    repairs = list(found.repairs)
    if found.lines:
        repairs += ["text outside the lines removed"] if len(found.others) > len(repairs) else []
        return pairs, repairs
    if is_nothing(body, prose=True):
        return [], ["a sentence read as none"]
    listed = [line for line in found.others if not line.endswith((":", "："))]
    if len(types) == 1 and listed and (len(listed) > 1 or not _is_sentence(listed[0])):
        # One type was asked for: a bare list can only mean it. A line "The names: a; b" is such a list, too.
        names = [name for line in listed for name in _names(_behind_colon(line))]
        return [(types[0], name) for name in names], ["a list without a type taken"]
    raise AnswerError("the reply names none of the types asked for", hint="a line is TYPE: name; name")


def _names(item: str) -> list[str]:
    return [] if is_nothing(item) else split_items(item)


def _behind_colon(line: str) -> str:
    head, colon, rest = line.replace("：", ":").partition(":")
    return rest if colon and rest.strip() and '"' not in head else line


def _is_sentence(line: str) -> bool:
    words = line.split()
    return line.rstrip().endswith((".", "。", "!", "?")) and (len(words) > 8 or len(line) > 80)


def _of_json(value: object, types: Sequence[str]) -> _Read | None:
    """Names of JSON: an object by type, a list of objects with a type, or a plain list for a single type."""
    pairs: list[tuple[str, str]] = []
    repairs = ["JSON read"]
    if isinstance(value, Mapping):
        listed = [(str(key), name) for key, names in value.items() for name in _listed(names)]
    elif isinstance(value, list):
        listed = [_typed_object(each, types) for each in value]
    else:
        return None
    for key, name in listed:
        type_ = type_of(key, types)
        if type_ is not None and isinstance(name, str) and name.strip():
            pairs.append((type_, name.strip()))
        elif name not in (None, ""):
            repairs.append(UNKNOWN if type_ is None else UNREAD)
    if UNKNOWN in repairs and not any(type_of(key, types) for key, _ in listed):
        raise AnswerError("the reply names none of the types asked for")
    return pairs, repairs


def _listed(value: object) -> list[object]:
    names = value if isinstance(value, list) else [value]
    return [_first(each, _NAME_KEYS) if isinstance(each, Mapping) else each for each in names]


def _typed_object(value: object, types: Sequence[str]) -> tuple[str, object]:
    if isinstance(value, Mapping):
        return str(_first(value, _TYPE_KEYS) or (types[0] if len(types) == 1 else "")), _first(
            value, _NAME_KEYS
        )
    return (types[0] if len(types) == 1 else ""), value


def _first(value: Mapping[str, object], keys: Sequence[str]) -> object:
    return next((value[key] for key in keys if key in value), None)


INSTRUCT = InstructTask(
    name="mentions",
    serves=("mentions",),
    kinds={"mentions": frozenset({"text", "types"})},
    ask=_ask,
    render=render,
    parse=parse,
    splits=True,
)
