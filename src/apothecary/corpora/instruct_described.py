"""A data set of one's own, described in a TOML file: which files, which task, which field is what.

    name = "mine"
    language = "en"
    task = "classification"
    format = "table"
    labels = ["cardiac", "renal"]
    [splits]
    train = "train.csv"
    [fields]
    text = "sentence"
    labels = "class"

`format` is "documents" (PubTator, BioC, brat, DDI XML and what else is read here, told by the file), "conll",
"table" (with a line of headings, `delimiter` a comma unless given) or "json" (an array, or JSON Lines).
Documents and CoNLL serve mentions, relations and events, and `labels` closes their types; there are no
`fields`. Tables and JSON serve the other tasks:

- classification: `text`, `labels` (a list, or one string parted by `separator`); the options are `labels`.
- choice: `question`, `context`, `options` (a list; of a table the names of several columns), and `answer`,
  the text of an option, or `answer_letter`, its letter from A on.
- text_pairs: `first`, `second`, and `label` (the options are `labels`) or `score`; `kind` as of the example.
- generation: `question`, `answer` and perhaps `context`; or `source` and `output` with a `kind` (summary,
  title, translation), `to` another language where it is one.

An `id` may be named; without one it is the line, or the place in the array.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from apothecary.corpora.instruct_set import InstructSet, Item, Place, from_documents, from_members
from apothecary.errors import DataError, FormatError
from apothecary.examples import (
    LANGUAGES,
    TASKS,
    Example,
    Labelled,
    Language,
    PairKind,
    Question,
    Rewriting,
    RewritingKind,
    TaskName,
    TextPair,
)
from apothecary.formats import conll
from apothecary.formats.delimited import read_cells
from apothecary.formats.encodings import AUTO, encoding_of
from apothecary.formats.fields import Fields
from apothecary.formats.inputs import read_inputs
from apothecary.formats.json_members import Member, read_objects
from apothecary.formats.lines import check_encoding, printable

__all__ = ["described_set"]

Option = TypeVar("Option", bound=str)

FORMATS = ("documents", "conll", "table", "json")
_DOCUMENT_TASKS: tuple[TaskName, ...] = ("mentions", "relations", "events")
_NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "classification": (("text", "labels"),),
    "choice": (("question", "options", "answer"), ("question", "options", "answer_letter")),
    "text_pairs": (("first", "second", "label"), ("first", "second", "score")),
    "generation": (("question", "answer"), ("source", "output")),
}
_PAIRS: tuple[PairKind, ...] = get_args(PairKind)
_REWRITINGS: tuple[RewritingKind, ...] = get_args(RewritingKind)


@dataclass(frozen=True)
class _Columns:
    """What the fields of a record are called, and how they are read."""

    names: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...]
    separator: str
    language: Language
    to: Language
    pair: PairKind
    rewriting: RewritingKind

    def text(self, fields: Fields, name: str) -> str:
        """The text of a field; "" where the description does not name it."""
        if name not in self.names:
            return ""
        value = fields.values.get(self.names[name][0])
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else fields.text(self.names[name][0], "").strip()

    def texts(self, fields: Fields, name: str) -> tuple[str, ...]:
        """The texts of several columns, of a list, or of one string that is parted."""
        columns = self.names[name]
        if len(columns) > 1:
            return tuple(text for column in columns if (text := fields.text(column, "").strip()))
        if isinstance(fields.values.get(columns[0]), list):
            return fields.texts(columns[0])
        whole = fields.text(columns[0], "")
        parts = whole.split(self.separator) if self.separator else [whole]
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def described_set(path: Path) -> InstructSet:
    """The set of a TOML file. Raises FormatError for a file that is none, or lacks or misuses a key."""
    where = printable(path)
    try:
        with path.open("rb") as stream:
            table = Fields(tomllib.load(stream), where)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", where=where) from error
    except (ValueError, RecursionError) as error:
        raise FormatError("not valid TOML", where=where, hint=str(error)[:100]) from error
    name, task = table.text("name"), _one_of(table, "task", TASKS)
    if not name.isidentifier():
        raise table.error("name", "is no plain word of letters, digits and underscores")
    language = _one_of(table, "language", LANGUAGES)
    return InstructSet(
        name=name,
        title=table.text("title", name),
        language=language,
        tasks=(task,),
        licence=table.text("licence", ""),
        source=table.text("source", where),
        folders=("",),
        splits=_splits(table),
        traps=(),
        read=_reader(table, task, language),
        terms=table.text("terms", ""),
        listed_ids=table.values.get("listed_ids") is True,
    )


def _one_of(table: Fields, key: str, options: tuple[Option, ...]) -> Option:
    """One of the options; unlike `Fields.option`, an absent key is an error."""
    table.text(key)
    return table.option(key, options, options[0])


def _splits(table: Fields) -> dict[str, str]:
    splits = table.strings("splits")
    if not splits:
        raise table.error("splits", "names no file")
    return splits


def _reader(table: Fields, task: TaskName, language: Language) -> Callable[[Path, Place], Iterator[Item]]:
    kind, encoding = _one_of(table, "format", FORMATS), table.text("encoding", AUTO)
    if encoding != AUTO:
        check_encoding(encoding)
    documents = kind in ("documents", "conll")
    if documents != (task in _DOCUMENT_TASKS) or (not documents and task not in _NEEDED):
        raise table.error("task", f"is {task!r}, which the format {kind} does not serve")
    labels = table.texts("labels")
    if documents:
        if not labels:
            raise table.error("labels", "is missing: the closed list of types")
        return lambda file, place: _documents(file, place, kind, encoding, {task: labels})
    columns = _columns(table, task, language)
    delimiter = table.text("delimiter", ",")
    if len(delimiter) != 1:
        raise table.error("delimiter", "is not one character")
    make = _MAKERS[task]

    def read(file: Path, place: Place) -> Iterator[Item]:
        used = encoding_of(file, encoding)
        rows = read_objects(file, encoding=used) if kind == "json" else _headed(file, used, delimiter)
        return from_members(
            rows,
            file,
            lambda fields, key: (
                place.sourced(task, make(columns, fields, _identity(columns, fields, key))),
            ),
        )

    return read


def _identity(columns: _Columns, fields: Fields, key: str) -> str:
    """The id of a record: that of its field, or its key."""
    value = fields.values.get(columns.names["id"][0]) if "id" in columns.names else None
    return str(value) if isinstance(value, str | int) and str(value).strip() else key


def _documents(
    file: Path, place: Place, kind: str, encoding: str, labels: Mapping[TaskName, tuple[str, ...]]
) -> Iterator[Item]:
    used = encoding_of(file, encoding) if file.is_file() else "utf-8"
    items = conll.read(file, encoding=used) if kind == "conll" else read_inputs([file], encoding=used)
    return from_documents(items, place, labels)


def _headed(file: Path, encoding: str, delimiter: str) -> Iterator[Member | FormatError]:
    head: list[str] | None = None
    for row in read_cells(file, encoding, delimiter):
        if isinstance(row, FormatError):
            yield row
            continue
        number, cells = row
        if head is None:
            head = [cell.strip() for cell in cells]
        elif len(cells) != len(head):
            where = f"{printable(file)}:{number}"
            yield FormatError(f"{len(cells)} columns, not {len(head)}", where=where)
        else:
            yield number, str(number), dict(zip(head, cells, strict=True))


def _columns(table: Fields, task: TaskName, language: Language) -> _Columns:
    inner = table.inner("fields")
    if inner is None:
        raise table.error("fields", "is missing")
    names = {
        key: inner.texts(key) if isinstance(inner.values[key], list) else (inner.text(key),)
        for key in inner.values
    }
    if not any(names.keys() >= set(needed) for needed in _NEEDED[task]):
        wanted = " or ".join(", ".join(needed) for needed in _NEEDED[task])
        raise table.error("fields", f"must name {wanted}")
    labels = table.texts("labels")
    if not labels and (task == "classification" or "label" in names):
        raise table.error("labels", "is missing: the closed list of options")
    return _Columns(
        names=names,
        labels=labels,
        separator=table.text("separator", ""),
        language=language,
        to=table.option("to", LANGUAGES, language),
        pair=table.option("kind", _PAIRS, "similarity") if task == "text_pairs" else "similarity",
        rewriting=table.option("kind", _REWRITINGS, "summary") if "source" in names else "summary",
    )


def _labelled(columns: _Columns, fields: Fields, identity: str) -> Example:
    labels = columns.texts(fields, "labels")
    return Labelled(identity, columns.text(fields, "text"), labels, columns.labels)


def _choice(columns: _Columns, fields: Fields, identity: str) -> Example:
    options = columns.texts(fields, "options")
    answer = columns.text(fields, "answer")
    if "answer_letter" in columns.names:
        letter = columns.text(fields, "answer_letter").upper()
        place = ord(letter) - ord("A") if len(letter) == 1 else -1
        if not 0 <= place < len(options):
            raise DataError(f"{letter!r} is the letter of none of {len(options)} options")
        answer = options[place]
    question, context = columns.text(fields, "question"), columns.text(fields, "context")
    return Question(identity, question, "choice", options, context, (answer,))


def _text_pair(columns: _Columns, fields: Fields, identity: str) -> Example:
    score = None
    if "score" in columns.names:
        said = columns.text(fields, "score") or "missing"
        try:
            score = float(said)
        except ValueError as error:
            raise DataError(f"the score {said!r} is no number") from error
    return TextPair(
        id=identity,
        first=columns.text(fields, "first"),
        second=columns.text(fields, "second"),
        kind=columns.pair,
        label=columns.text(fields, "label"),
        options=columns.labels,
        score=score,
    )


def _generation(columns: _Columns, fields: Fields, identity: str) -> Example:
    if "source" in columns.names:
        source, output = columns.text(fields, "source"), columns.text(fields, "output")
        return Rewriting(identity, source, (output,), columns.rewriting, columns.language, columns.to)
    context = columns.text(fields, "context")
    return Question(
        id=identity,
        question=columns.text(fields, "question"),
        kind="context" if context else "short",
        context=context,
        answers=(columns.text(fields, "answer"),),
    )


_MAKERS: Mapping[str, Callable[[_Columns, Fields, str], Example]] = {
    "classification": _labelled,
    "choice": _choice,
    "text_pairs": _text_pair,
    "generation": _generation,
}
