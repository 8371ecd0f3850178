"""What instruction tasks answer, and the gold of an instruction record; both with their JSON.

There is one type for each shape of answer. All are frozen and compare by value, so that
``parse(render(gold)) == gold`` says what it looks like, and metrics read them without a task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apothecary.errors import DataError, FormatError
from apothecary.formats.fields import Fields

__all__ = [
    "Answer",
    "Fact",
    "Facts",
    "Gold",
    "Labels",
    "Names",
    "Prose",
    "Score",
    "Sections",
    "answer_from_row",
    "answer_to_row",
    "distinct_facts",
    "gold_from_row",
    "gold_to_row",
    "grouped_names",
]


@dataclass(frozen=True)
class Names:
    """Names by type, as (type, name): types in the order asked for, names by first place, each once."""

    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fact:
    """A relation or an event in names: (role, name) for each argument.

    Roles are "" where the place says the role (relations). The first argument of an event is its trigger, in
    the role "trigger".
    """

    type: str
    arguments: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments without their roles."""
        return tuple(name for _, name in self.arguments)


@dataclass(frozen=True)
class Facts:
    """Relations or events, each once; by type in the order asked for, then in the order of the source."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Labels:
    """Options that hold, in the order in which they were offered; none may hold."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """How similar two texts are, on the scale of the data set."""

    value: float


@dataclass(frozen=True)
class Prose:
    """Free text without blanks around it."""

    text: str


@dataclass(frozen=True)
class Sections:
    """A structured text as (heading, text)."""

    sections: tuple[tuple[str, str], ...]


Answer = Names | Facts | Labels | Score | Prose | Sections


@dataclass(frozen=True)
class Gold:
    """The right answer of an instruction, with all that is needed to read and to judge another.

    `task` is the folder whose codec reads replies, `kind` the group of its templates, `options` the types,
    labels or headings that the question offers. `references` are further right texts. `same` are groups of
    names of one concept. `symmetric` are relation types whose arguments have no order. `spans` are those of
    the gold mentions as (start, end, type), first to last code point, into the text of the question; `text`
    is where that text stands in the last question, as (start, end).
    """

    task: str
    kind: str
    options: tuple[str, ...]
    answer: Answer
    references: tuple[str, ...] = ()
    same: tuple[tuple[str, ...], ...] = ()
    symmetric: tuple[str, ...] = ()
    spans: tuple[tuple[int, int, str], ...] = ()
    text: tuple[int, int] | None = None


def grouped_names(pairs: Iterable[tuple[str, str]], types: Iterable[str]) -> Names:
    """The canonical form of (type, name) pairs: types in the given order, repeats merged, others dropped."""
    found = list(dict.fromkeys(pairs))
    return Names(tuple(pair for type_ in types for pair in found if pair[0] == type_))


def distinct_facts(facts: Iterable[Fact], types: Iterable[str]) -> Facts:
    """The canonical form of facts: types in the given order, repeats merged, others dropped."""
    found = list(dict.fromkeys(facts))
    return Facts(tuple(fact for type_ in types for fact in found if fact.type == type_))


def answer_to_row(answer: Answer) -> dict[str, object]:
    """The JSON of an answer: an object of one key, which says its shape."""
    if isinstance(answer, Names):
        by_type: dict[str, list[str]] = {}
        for type_, name in answer.names:
            by_type.setdefault(type_, []).append(name)
        return {"names": by_type}
    if isinstance(answer, Facts):
        facts = [{"type": f.type, "arguments": [list(pair) for pair in f.arguments]} for f in answer.facts]
        return {"facts": facts}
    if isinstance(answer, Labels):
        return {"labels": list(answer.labels)}
    if isinstance(answer, Score):
        return {"score": answer.value}
    if isinstance(answer, Prose):
        return {"text": answer.text}
    return {"sections": [list(pair) for pair in answer.sections]}


def answer_from_row(fields: Fields) -> Answer:
    """The answer of a JSON object. Raises FormatError that names the field."""
    if fields.has("names"):
        inner = Fields(fields.mapping("names"), fields.where, fields.path("names"))
        return Names(tuple((type_, name) for type_ in inner.values for name in inner.texts(type_)))
    if fields.has("facts"):
        return Facts(tuple(Fact(f.text("type"), _pairs(f, "arguments")) for f in fields.objects("facts")))
    if fields.has("labels"):
        return Labels(fields.texts("labels"))
    if fields.has("text"):
        return Prose(fields.text("text"))
    if fields.has("sections"):
        return Sections(_pairs(fields, "sections"))
    score = fields.number("score")
    if score is None or not math.isfinite(score):
        raise FormatError("gold holds no answer", where=fields.where)
    return Score(score)


def gold_to_row(gold: Gold) -> dict[str, object]:
    """The JSON of gold; what is empty is left out."""
    row: dict[str, object] = {
        "task": gold.task,
        "kind": gold.kind,
        "options": list(gold.options),
        "answer": answer_to_row(gold.answer),
        "references": list(gold.references),
        "same": [list(group) for group in gold.same],
        "symmetric": list(gold.symmetric),
        "spans": [list(span) for span in gold.spans],
        "text": list(gold.text or ()),
    }
    always = ("task", "kind", "answer")
    return {key: value for key, value in row.items() if value or key in always}


def gold_from_row(row: Mapping[str, object], *, where: str) -> Gold:
    """The gold of a JSON object. Raises FormatError; DataError where a label is none of the options."""
    fields = Fields(row, where, "gold")
    inner = fields.inner("answer")
    if inner is None:
        raise FormatError("gold holds no answer", where=where, hint="records of `instruct build` do")
    answer, options = answer_from_row(inner), fields.texts("options")
    for label in _types(answer):
        if label not in options:
            raise DataError(f"gold {label!r} is none of the options", where=where)
    text = fields.wholes("text")
    return Gold(
        fields.text("task"),
        fields.text("kind"),
        options,
        answer,
        fields.texts("references"),
        tuple(_strings(group, fields, "same") for group in _list(row, "same")),
        fields.texts("symmetric"),
        tuple(_span(span, fields) for span in _list(row, "spans")),
        (text[0], text[1]) if len(text) == 2 else None,
    )


def _types(answer: Answer) -> tuple[str, ...]:
    """What of an answer must be among the options."""
    if isinstance(answer, Names):
        return tuple(type_ for type_, _ in answer.names)
    if isinstance(answer, Facts):
        return tuple(fact.type for fact in answer.facts)
    if isinstance(answer, Labels):
        return answer.labels
    return tuple(heading for heading, _ in answer.sections) if isinstance(answer, Sections) else ()


def _list(row: Mapping[str, object], key: str) -> list[object]:
    value = row.get(key)
    return value if isinstance(value, list) else []


def _pairs(fields: Fields, key: str) -> tuple[tuple[str, str], ...]:
    found = []
    for item in _list(fields.values, key):
        pair = _strings(item, fields, key)
        if len(pair) != 2:
            raise fields.error(key, "is not a list of pairs of strings")
        found.append((pair[0], pair[1]))
    return tuple(found)


def _strings(value: object, fields: Fields, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise fields.error(key, "is not a list of lists of strings")
    return tuple(str(item) for item in value)


def _span(value: object, fields: Fields) -> tuple[int, int, str]:
    match value:
        case [int(start), int(end), str(type_)]:
            return start, end, type_
    raise fields.error("spans", "is not a list of [start, end, type]")
