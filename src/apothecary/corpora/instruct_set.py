"""What a data set for instruction tuning says of itself, and what its converters are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.corpora.lots import lot_of
from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.examples import Annotated, Example, Language, Sourced, TaskName
from apothecary.formats.delimited import read_cells
from apothecary.formats.encodings import encoding_of
from apothecary.formats.fields import Fields
from apothecary.formats.json_members import Member, read_objects
from apothecary.formats.lines import printable

__all__ = [
    "Cells",
    "InstructSet",
    "Item",
    "Place",
    "Reader",
    "checked",
    "from_cells",
    "from_documents",
    "from_members",
    "is_development",
    "objects",
    "one",
]

Item = Sourced | DataError
Cells = tuple[int, list[str]]

DEVELOPMENT_SHARE = 0.15


@dataclass(frozen=True)
class Place:
    """Where examples come from: the data set, its split and its language."""

    dataset: str
    split: str
    language: Language

    def sourced(self, task: TaskName, example: Example, labels: tuple[str, ...] = ()) -> Sourced:
        """An example from here. Raises DataError for one that does not hold."""
        return Sourced(self.dataset, self.split, self.language, task, example, labels)


Reader = Callable[[Path, Place], Iterator[Item]]


@dataclass(frozen=True)
class InstructSet:
    """A data set that a user has on disk, and how its files become examples.

    `folders` are where it may lie below the folder of all data, `splits` maps a split to its file there, and
    `read(file, place)` yields its examples; a record that is none comes as a DataError value. It raises
    DataError only where nothing more of the split can be read. `terms` say what one accepts by using it:
    where there are any, a build asks for a word. `listed_ids` are ids that lists of held-out documents know.
    `judges` says that its examples are of a published test part: nothing may learn from them.
    """

    name: str
    title: str
    language: Language
    tasks: tuple[TaskName, ...]
    licence: str
    source: str
    folders: tuple[str, ...]
    splits: Mapping[str, str]
    traps: tuple[str, ...]
    read: Reader
    terms: str = ""
    listed_ids: bool = False
    judges: bool = False

    def locate(self, data: Path) -> Path:
        """The folder of the set below the folder of all data, or that folder itself.

        Raises FormatError where no file of any split is there.
        """
        places = [data / each for folder in self.folders for each in (folder, Path("instruct") / folder)]
        for place in (*places, data):
            if any((place / file).exists() for file in self.splits.values()):
                return place
        raise FormatError(
            f"no file of {self.name} in it",
            where=printable(data),
            hint=f"{self.source}; as {self.folders[0]}/{next(iter(self.splits.values()))}",
        )

    def check_terms(self, accepted: Iterable[str]) -> None:
        """Raise UsageError unless the terms are accepted by the name of the set."""
        if self.terms and self.name not in set(accepted):
            raise UsageError(
                f"its terms must be accepted first: {self.terms}",
                where=self.name,
                hint=f"having read them, add --accept-licence {self.name}",
            )


def checked(make: Callable[[], Iterable[Sourced]], where: str) -> Iterator[Item]:
    """The examples that a record gives, or the one error of it, which names the line."""
    try:
        made = list(make())
    except DataError as error:
        known = error.where.startswith(where)
        hint = error.hint or (f"record {error.where}" if error.where and not known else "")
        yield error if known else type(error)(error.message, where=where, hint=hint)
        return
    yield from made


def from_members(
    rows: Iterable[Member | FormatError], path: Path, make: Callable[[Fields, str], Iterable[Sourced]]
) -> Iterator[Item]:
    """`make` of each object, with its key. A row that is an error stays one."""
    for row in rows:
        if isinstance(row, FormatError):
            yield row
            continue
        number, key, values = row
        fields = Fields(values, f"{printable(path)}:{number}")
        yield from checked(lambda fields=fields, key=key: make(fields, key), fields.where)  # type: ignore[misc]


def objects(path: Path, make: Callable[[Fields, str], Sourced]) -> Iterator[Item]:
    """One example of each object of a JSON array or of JSON Lines, in UTF-8 or GB18030."""
    rows = read_objects(path, encoding=encoding_of(path))
    return from_members(rows, path, lambda fields, key: (make(fields, key),))


def from_cells(
    path: Path, delimiter: str, make: Callable[[list[str], int], Sourced], *, encoding: str = "auto"
) -> Iterator[Item]:
    """One example of each row of a table; `make` is given the line, too."""
    for row in read_cells(path, encoding_of(path, encoding), delimiter):
        if isinstance(row, FormatError):
            yield row
            continue
        number, cells = row
        where = f"{printable(path)}:{number}"
        yield from checked(lambda cells=cells, number=number: (make(cells, number),), where)  # type: ignore[misc]


def from_documents(
    documents: Iterable[Document | DataError],
    place: Place,
    labels: Mapping[TaskName, tuple[str, ...]],
) -> Iterator[Item]:
    """One example of each document for each task that labels are given for."""
    for document in documents:
        if isinstance(document, DataError):
            yield document
            continue
        for task, closed in labels.items():
            yield from checked(
                lambda document=document, task=task, closed=closed: (  # type: ignore[misc]
                    place.sourced(task, Annotated(document), closed),
                ),
                f"{place.dataset} {place.split} {document.id}",
            )


def one(text: str, names: Mapping[str, str], what: str) -> str:
    """The name that stands for a code. Raises FormatError for an unknown code."""
    if text not in names:
        raise FormatError(f"{text!r} is no {what}", hint=f"known: {', '.join(names)}"[:200])
    return names[text]


def is_development(identity: str, share: float = DEVELOPMENT_SHARE) -> bool:
    """Whether a document of a set without splits belongs to the development part.

    It follows from a SHA-256 of its id, so it depends neither on the order nor on which others there are.
    """
    return lot_of(identity) < share
