"""Examples of any task, one JSON object on a line. Nothing is lost.

    {"dataset": "d", "split": "train", "language": "en", "task": "classification", "family": "labelled",
     "id": "1", "text": "...", "labels": ["a"], "options": ["a", "b"]}

`family` says which of the types of `apothecary.examples` the line is; its fields have their names. An
annotated document is a record of the package's own format under `document`; its closed list of types, which
the other families do without, is `types`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO, get_args

from apothecary.errors import DataError, FormatError
from apothecary.examples import (
    LANGUAGES,
    TASKS,
    Annotated,
    Causal,
    Dialogue,
    Example,
    Labelled,
    PairKind,
    Question,
    QuestionKind,
    Reference,
    Rewriting,
    RewritingKind,
    Sourced,
    TextPair,
    Turn,
)
from apothecary.formats import records
from apothecary.formats.fields import Fields, identifier
from apothecary.formats.jsonl import read_rows
from apothecary.formats.lines import printable
from apothecary.formats.seen import Seen

__all__ = ["dumps", "from_record", "read", "to_record", "write"]

Record = dict[str, object]

_QUESTIONS: tuple[QuestionKind, ...] = get_args(QuestionKind)
_PAIRS: tuple[PairKind, ...] = get_args(PairKind)
_REWRITINGS: tuple[RewritingKind, ...] = get_args(RewritingKind)


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Sourced | DataError]:
    """Yield the examples of a file; a bad line comes as a DataError value and costs itself only.

    So does an example whose id was already given for its data set, split and task. Raises FormatError when
    the file cannot be read.
    """
    seen = Seen()
    for row in read_rows(path, encoding=encoding):
        if isinstance(row, FormatError):
            yield row
            continue
        number, record = row
        where = f"{printable(path)}:{number}"
        try:
            found = from_record(record, where=where)
        except DataError as error:
            yield error
            continue
        key = "\0".join((found.dataset, found.split, found.task, found.example.id))
        first = seen.add(key, number)
        if first is not None:
            yield FormatError(f"example {found.example.id} was already given at line {first}", where=where)
        else:
            yield found


def write(examples: Iterable[Sourced], stream: TextIO) -> None:
    """Write one line per example. Raises FormatError for what JSON or UTF-8 cannot hold."""
    for example in examples:
        stream.write(dumps(example) + "\n")


def dumps(sourced: Sourced) -> str:
    """The line of an example, without its end. Raises FormatError for what JSON or UTF-8 cannot hold."""
    try:
        line = json.dumps(to_record(sourced), ensure_ascii=False, allow_nan=False)
        line.encode("utf-8")
    except ValueError as error:
        raise FormatError(
            "holds half of a surrogate pair or a number that is not finite",
            where=f"{sourced.dataset} {sourced.example.id}",
        ) from error
    return line


def to_record(sourced: Sourced) -> Record:
    """The example as JSON values: keys in a fixed order, those that say nothing left out."""
    head: Record = {
        "dataset": sourced.dataset,
        "split": sourced.split,
        "language": sourced.language,
        "task": sourced.task,
    }
    return head | _body(sourced.example) | ({"types": list(sourced.labels)} if sourced.labels else {})


def from_record(record: Mapping[str, object], *, where: str) -> Sourced:
    """The example of a record; keys that are not of the format are ignored.

    Raises FormatError for a field of the wrong kind and OffsetError or DataError for what does not hold
    (see `apothecary.examples`); all name `where`.
    """
    fields = Fields(record, where)
    family = fields.option("family", tuple(_READERS), "annotated")
    try:
        return Sourced(
            dataset=fields.text("dataset"),
            split=fields.text("split"),
            language=fields.option("language", LANGUAGES, "en"),
            task=fields.option("task", TASKS, "mentions"),
            example=_READERS[family](fields),
            labels=fields.texts("types"),
        )
    except FormatError:
        raise
    except DataError as error:
        # What an example itself finds knows its id, not the line.
        hint = error.hint or f"example {error.where}"
        raise error if error.where == where else type(error)(error.message, where=where, hint=hint) from error


def _body(example: Example) -> Record:
    match example:
        case Annotated():
            return {"family": "annotated", "document": records.to_record(example.document)} | _said(
                coreferences=[list(chain) for chain in example.coreferences],
                causal=[_causal_record(each) for each in example.causal],
            )
        case Labelled():
            return _head("labelled", example.id) | {
                "text": example.text,
                "labels": list(example.labels),
                "options": list(example.options),
            }
        case Question():
            return (
                _head("question", example.id)
                | {"question": example.question, "kind": example.kind}
                | _said(
                    options=list(example.options),
                    context=example.context,
                    answers=list(example.answers),
                    long_answers=list(example.long_answers),
                )
            )
        case Dialogue():
            turns = [{"asked": turn.asked, "answered": turn.answered} for turn in example.turns]
            return _head("dialogue", example.id) | {"turns": turns} | _said(context=example.context)
        case TextPair():
            return (
                _head("text_pair", example.id)
                | {"first": example.first, "second": example.second, "kind": example.kind}
                | _said(label=example.label, options=list(example.options), score=example.score)
            )
        case Rewriting():
            return (
                _head("rewriting", example.id)
                | {"source": example.source, "kind": example.kind}
                | {"from_language": example.from_language, "to_language": example.to_language}
                | _said(outputs=list(example.outputs), sections=dict(example.sections))
            )


def _head(family: str, example_id: str) -> Record:
    return {"family": family, "id": example_id}


def _said(**values: object) -> Record:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _causal_record(causal: Causal) -> Record:
    cause, effect = causal.cause, causal.effect
    return {
        "id": causal.id,
        "type": causal.type,
        "cause": {"kind": cause.kind, "id": cause.id},
        "effect": {"kind": effect.kind, "id": effect.id},
    }


def _annotated(fields: Fields) -> Annotated:
    chains = fields.values.get("coreferences")
    if chains is not None and not isinstance(chains, list):
        raise fields.error("coreferences", "is not a list")
    return Annotated(
        document=records.from_record(fields.mapping("document"), where=fields.where),
        coreferences=tuple(
            Fields({"coreferences": chain}, fields.where).wholes("coreferences") for chain in chains or ()
        ),
        causal=tuple(
            Causal(item.text("id"), item.text("type"), _reference(item, "cause"), _reference(item, "effect"))
            for item in fields.objects("causal")
        ),
    )


def _reference(fields: Fields, key: str) -> Reference:
    inner = fields.inner(key)
    if inner is None:
        raise fields.error(key, "is missing")
    return Reference(inner.option("kind", ("concept", "relation"), "concept"), inner.text("id"))


def _labelled(fields: Fields) -> Labelled:
    return Labelled(_id(fields), fields.text("text"), fields.texts("labels"), fields.texts("options"))


def _question(fields: Fields) -> Question:
    return Question(
        id=_id(fields),
        question=fields.text("question"),
        kind=fields.option("kind", _QUESTIONS, "short"),
        options=fields.texts("options"),
        context=fields.text("context", ""),
        answers=fields.texts("answers"),
        long_answers=fields.texts("long_answers"),
    )


def _dialogue(fields: Fields) -> Dialogue:
    turns = tuple(Turn(turn.text("asked"), turn.text("answered")) for turn in fields.objects("turns"))
    return Dialogue(_id(fields), turns, fields.text("context", ""))


def _text_pair(fields: Fields) -> TextPair:
    return TextPair(
        id=_id(fields),
        first=fields.text("first"),
        second=fields.text("second"),
        kind=fields.option("kind", _PAIRS, "similarity"),
        label=fields.text("label", ""),
        options=fields.texts("options"),
        score=fields.number("score"),
    )


def _rewriting(fields: Fields) -> Rewriting:
    return Rewriting(
        id=_id(fields),
        source=fields.text("source"),
        outputs=fields.texts("outputs"),
        kind=fields.option("kind", _REWRITINGS, "summary"),
        from_language=fields.option("from_language", LANGUAGES, "en"),
        to_language=fields.option("to_language", LANGUAGES, "en"),
        sections=fields.strings("sections"),
    )


def _id(fields: Fields) -> str:
    return identifier(fields.values, where=fields.where)


_READERS: Mapping[str, Callable[[Fields], Example]] = {
    "annotated": _annotated,
    "labelled": _labelled,
    "question": _question,
    "dialogue": _dialogue,
    "text_pair": _text_pair,
    "rewriting": _rewriting,
}
