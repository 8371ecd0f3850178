# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Relations and events of an annotated document in names, and what is read of a reply about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from apothecary.documents import Concept, Document, Mention, Relation
from apothecary.errors import AnswerError, DataError
from apothecary.examples import Annotated, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Fact, Facts, Gold, distinct_facts
from apothecary.tasks.instruct_items import grouped, is_nothing, pieces, unquoted
from apothecary.tasks.instruct_replies import (
    DUPLICATE,
    UNKNOWN,
    UNREAD,
    TypedLines,
    body_of,
    json_of,
    type_of,
    typed_lines,
)
from apothecary.tasks.instruct_task import Asked, annotated, shown_types

__all__ = [
    "TRIGGER",
    "FactForm",
    "asked_events",
    "asked_relations",
    "bracketed",
    "facts_in",
    "facts_of_json",
    "merged",
    "parts",
    "read_facts",
    "surface",
]

TRIGGER = "trigger"
"""The role of the first argument of an event."""
_BRACKET = re.compile("[\\[【［(（]")
_TYPE_KEYS = ("type", "relation", "predicate", "event", "event_type", "label", "关系", "类型", "谓语")


@dataclass(frozen=True)
class FactForm:
    """How facts stand in the lines of a reply, such as `line`.

    `of_json` makes a fact of what JSON held, `of_brackets` of a type and what stands between brackets; None
    is what cannot be read. `bare`: brackets without a type are taken where one type was asked for.
    """

    line: str
    of_json: Callable[[Fact], Fact | None]
    of_brackets: Callable[[str, str], Fact | None]
    bare: bool = False


def asked_relations(task: str, sourced: Sourced, labels: Sequence[str]) -> Asked:
    """A task's question about the relations of a document, of the types given. Raises DataError."""
    example = annotated(sourced)
    symmetric = [type_ for type_ in symmetric_types(example.document.relations) if type_ in labels]
    return _asked(task, "RE", sourced, labels, relation_facts(example), symmetric)


def asked_events(task: str, sourced: Sourced, labels: Sequence[str]) -> Asked:
    """A task's question about the events of a document, of the types given. Raises DataError."""
    return _asked(task, "EE", sourced, labels, event_facts(annotated(sourced)))


def facts_in(answer: Answer, gold: Gold) -> tuple[Fact, ...]:
    """The facts of an answer. Raises AnswerError for an answer of another shape."""
    if not isinstance(answer, Facts):
        raise AnswerError("no answer of this task", where=gold.task)
    return answer.facts


def read_facts(reply: str, gold: Gold, form: FactForm) -> Parsed[Answer]:
    """The facts of a reply in lines by type, or in JSON.

    Raises AnswerError when nothing in it can be read as an answer.
    """
    body, repairs = body_of(reply)
    if is_nothing(body):
        return Parsed(Facts(()), tuple(repairs))
    of_json = facts_of_json(json_of(body), gold.options)
    if of_json is not None:
        found: list[Fact] = []
        more = ["JSON read", *of_json[1]]
        _add([form.of_json(fact) for fact in of_json[0]], found, more)
    else:
        found, more = _of_lines(body, gold.options, form)
    answer, more = merged(found, gold.options, more)
    return Parsed(answer, (*repairs, *more))


def surface(document: Document, mention: Mention) -> str:
    """What a mention is called in its text: the slice, or the source's name for it where it is in pieces."""
    if len(mention.spans) > 1:
        return mention.text.strip() or document.text[mention.start : mention.end]
    return document.text[mention.start : mention.end].strip()


def relation_facts(example: Annotated) -> list[Fact]:
    """The relations of a document that are no events, each concept by its first name in the text.

    Raises DataError for causal relations, of which one side may be a relation itself: there is no form for
    them; and for a relation of one argument.
    """
    if example.causal:
        raise DataError("causal relations have no form of answer yet", where=example.id)
    events = set(map(id, example.events))
    facts = []
    for relation in example.document.relations:
        if id(relation) in events:
            continue
        names = _names(example.document, relation)
        if len(names) < 2:
            raise DataError(f"relation {relation.id} has fewer than two arguments", where=example.id)
        facts.append(Fact(relation.type, tuple(("", name) for name in names)))
    return facts


def event_facts(example: Annotated) -> list[Fact]:
    """The events of a document: the trigger first, then the other arguments with their roles."""
    facts = []
    for event in example.events:
        names = _names(example.document, event)
        roles = [TRIGGER, *(argument.role for argument in event.arguments[1:])]
        facts.append(Fact(event.type, tuple(zip(roles, names, strict=True))))
    return facts


def symmetric_types(relations: Iterable[Relation]) -> tuple[str, ...]:
    """Types whose arguments all play one role wherever they are told, so that they have no order."""
    roles: dict[str, bool] = {}
    for relation in relations:
        same = len(relation.arguments) > 1 and len({argument.role for argument in relation.arguments}) == 1
        roles[relation.type] = roles.get(relation.type, True) and same
    return tuple(type_ for type_, same in roles.items() if same)


def alike(document: Document, facts: Iterable[Fact]) -> tuple[tuple[str, ...], ...]:
    """For each concept in the facts all names it has in the text, the one that is used first."""
    used = {name for fact in facts for name in fact.names}
    groups = []
    for concept in document.concepts:
        names = tuple(dict.fromkeys(_all_names(document, concept)))
        if len(names) > 1 and names[0] in used:
            groups.append(names)
    return tuple(groups)


def bracketed(line: str) -> tuple[list[str], list[str]]:
    """The inner texts of the bracket pairs of a line, and the repairs; the first bracket tells the kind."""
    first = _BRACKET.search(line)
    if not first:
        return [], [UNREAD] if line.strip() else []
    kind = "square" if first.group() in "[【［" else "round"
    try:
        return grouped(line, kind), []
    except AnswerError:
        return _complete(line, kind), ["cut-off part dropped"]


def parts(inner: str) -> list[str]:
    """The items between the brackets of a relation: after semicolons or bars, else commas."""
    found = pieces(inner, ";；|")
    if len(found) == 1:
        found = pieces(inner, ",，、")
    if len(found) == 1 and "," in inner:
        # A relation has two arguments at least, so this comma without a blank parts them.
        found = inner.split(",")
    return [part for part in (unquoted(each) for each in found) if part]


def merged(facts: Sequence[Fact], types: Sequence[str], repairs: Sequence[str]) -> tuple[Facts, list[str]]:
    """The canonical form of facts, and the repairs with one more for each repeat."""
    answer = distinct_facts(facts, types)
    return answer, [*repairs, *[DUPLICATE] * (len(facts) - len(answer.facts))]


def facts_of_json(value: object, types: Sequence[str]) -> tuple[list[Fact], list[str]] | None:
    """Facts of JSON: an object by type, or a list of objects with a type; None for JSON of another kind."""
    found: list[Fact] = []
    repairs: list[str] = []
    if isinstance(value, Mapping) and type_key(value) is None:
        entries = [(key, each) for key, listed in value.items() for each in _listed(listed)]
    elif isinstance(value, Mapping):
        entries = [_entry(value)]
    elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        entries = [_entry(each) for each in value]
    else:
        return None
    for name, content in entries:
        type_ = type_of(str(name), types)
        arguments = _arguments(content)
        if type_ is None or not arguments:
            repairs.append(UNKNOWN if type_ is None else UNREAD)
        else:
            found.append(Fact(type_, arguments))
    return found, repairs


def type_key(value: Mapping[str, object]) -> str | None:
    """The key under which a JSON object says its type."""
    return next((key for key in _TYPE_KEYS if isinstance(value.get(key), str)), None)


def _asked(
    task: str,
    category: str,
    sourced: Sourced,
    labels: Sequence[str],
    facts: Sequence[Fact],
    symmetric: Sequence[str] = (),
) -> Asked:
    document, types = annotated(sourced).document, tuple(labels)
    kept = [fact for fact in facts if fact.type in labels]
    answer, same = distinct_facts(kept, labels), alike(document, kept)
    gold = Gold(task, task, types, answer, same=same, symmetric=tuple(symmetric))
    return Asked(gold, {"text": document.text, "types": shown_types(labels, sourced.language)}, category)


def _of_lines(body: str, types: Sequence[str], form: FactForm) -> tuple[list[Fact], list[str]]:
    lines = typed_lines(body, types)
    if not lines.lines and is_nothing(body, prose=True):
        return [], ["a sentence read as none"]
    facts: list[Fact] = []
    repairs = list(lines.repairs)
    for type_, item in _items(lines, types, form):
        if not is_nothing(item):
            inner, more = bracketed(item)
            repairs += more
            _add([form.of_brackets(type_, each) for each in inner], facts, repairs)
    return facts, repairs


def _items(lines: TypedLines, types: Sequence[str], form: FactForm) -> list[tuple[str, str]]:
    """What stands behind or below the types. Raises AnswerError where no type is named."""
    if lines.lines:
        return [(line.type, item) for line in lines.lines for item in line.items]
    if form.bare and len(types) == 1 and any("[" in line or "【" in line for line in lines.others):
        return [(types[0], line) for line in lines.others]
    raise AnswerError("the reply names none of the types asked for", hint=f"a line is {form.line}")


def _add(read: Sequence[Fact | None], facts: list[Fact], repairs: list[str]) -> None:
    facts += [fact for fact in read if fact is not None]
    repairs += [UNREAD] * read.count(None)


def _entry(value: Mapping[str, object]) -> tuple[str, object]:
    key = type_key(value)
    rest = {name: each for name, each in value.items() if name != key}
    inner = rest.get("arguments")
    return (str(value[key]) if key else "", inner if isinstance(inner, list | Mapping) else rest)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _arguments(content: object) -> tuple[tuple[str, str], ...]:
    if isinstance(content, Mapping):
        pairs = [(str(role), each) for role, value in content.items() for each in _listed(value)]
    else:
        pairs = [("", each) for each in _listed(content)]
    return tuple((role, name.strip()) for role, name in pairs if isinstance(name, str) and name.strip())


def _complete(line: str, kind: str) -> list[str]:
    """The bracket pairs before the one that is never closed."""
    cut = max(line.rfind(mark) for mark in ("[【［" if kind == "square" else "(（"))
    try:
        return grouped(line[:cut], kind) if cut > 0 else []
    except AnswerError:
        return []


def _names(document: Document, relation: Relation) -> list[str]:
    names = []
    for argument in relation.arguments:
        known = _all_names(document, document.concept(argument.concept))
        if not known:
            raise DataError(f"concept {argument.concept} has no name", where=document.id)
        names.append(known[0])
    return names


def _all_names(document: Document, concept: Concept) -> list[str]:
    mentions = sorted((document.mentions[place] for place in concept.mentions), key=lambda m: m.start)
    names = [surface(document, mention) for mention in mentions] or [name.strip() for name in concept.names]
    return [name for name in names if name]
