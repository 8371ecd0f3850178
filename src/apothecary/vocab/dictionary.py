"""Dictionaries: the names of a type of mention, with the vocabulary ids they have been seen to stand for.

A dictionary file is gzip-compressed text, one entry a line, sorted, the same bytes for the same entries:

    type<TAB>name<TAB>id|id<TAB>count<TAB>source

with tab, line feed, carriage return, `|` and backslash inside a field written as ``\\t \\n \\r \\p \\\\``.
"""

from __future__ import annotations

import gzip
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apothecary.documents import Document, Mention
from apothecary.errors import FormatError
from apothecary.vocab.files import numbered_lines, printable

__all__ = [
    "MAX_NAME_CHARACTERS",
    "Dictionary",
    "Entry",
    "build_dictionary",
    "check_name",
    "make_dictionary",
    "merge",
    "read_dictionary",
    "vocabulary_id",
    "write_dictionary",
]

MAX_NAME_CHARACTERS = 10_000
"""No vocabulary has a longer name; what is longer is damage, and is neither kept nor looked up."""

_UNLINKED = frozenset({"", "-", "-1"})
_DROPPED_PREFIXES = frozenset({"mesh", "ncbigene"})
# The NCBI Disease corpus joins the ids of a conjunction ("inherited neuromuscular disease") by a plus.
_CONJUNCTION = re.compile(r"(?:OMIM:)?[CD]?\d+(?:\+(?:OMIM:)?[CD]?\d+)+")
_COLUMNS = 5
_COUNT = re.compile(r"[1-9][0-9]{0,14}")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "|": "\\p"}
_ESCAPING = str.maketrans(_ESCAPES)
_UNESCAPES = {escape: character for character, escape in _ESCAPES.items()}
_ESCAPE = re.compile(r"\\.?", re.DOTALL)


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """A name of a type of mention and its ids: more than one only for a composite mention, sorted.

    `count` says how often `source` (a corpus, a vocabulary) uses the name so.
    """

    type: str
    name: str
    ids: tuple[str, ...]
    source: str = ""
    count: int = 1


@dataclass(frozen=True)
class Dictionary:
    """Sorted entries, one for each type, name, ids and source. Made by `make_dictionary`."""

    entries: tuple[Entry, ...]


def vocabulary_id(identifier: str) -> str:
    """The id as gold annotations write it, or "" for a mark that says "not linked".

    MeSH and NCBI Gene ids stand bare; OMIM numbers keep their prefix, as they would pass for genes.

    >>> vocabulary_id("MESH:D014262"), vocabulary_id("omim:604370"), vocabulary_id("-1")
    ('D014262', 'OMIM:604370', '')
    """
    identifier = " ".join(identifier.split())
    prefix, colon, number = identifier.partition(":")
    # Some files write a prefix twice; an id must not change when it is read again.
    while colon and prefix.lower() in _DROPPED_PREFIXES:
        identifier = number.strip()
        prefix, colon, number = identifier.partition(":")
    if colon and prefix.lower() == "omim":
        identifier = f"OMIM:{number.strip()}"
    return "" if identifier in _UNLINKED else identifier


def make_dictionary(entries: Iterable[Entry]) -> Dictionary:
    """Bring entries into their one form: ids by `vocabulary_id`, single blanks, equal ones added up, sorted.

    An entry without an id or a name, or with a name longer than `MAX_NAME_CHARACTERS`, is left out.
    """
    counts: Counter[tuple[str, str, tuple[str, ...], str]] = Counter()
    for entry in entries:
        ids = tuple(sorted({vocabulary_id(each) for each in entry.ids} - {""}))
        name = " ".join(entry.name.split())
        if ids and 0 < len(name) <= MAX_NAME_CHARACTERS:
            counts[entry.type, name, ids, entry.source] += entry.count
    return Dictionary(tuple(Entry(*key, count) for key, count in sorted(counts.items())))


def build_dictionary(documents: Iterable[Document], source: str) -> Dictionary:
    """The names that annotated documents give to ids, with the number of mentions.

    A composite mention is kept whole, under all its ids. Where it has as many individual names as
    ids, each of them is kept under its own id as well.
    """
    return make_dictionary(
        Entry(mention.type, name, ids, source)
        for document in documents
        for mention in document.mentions
        for name, ids in _named(mention)
    )


def merge(*dictionaries: Dictionary) -> Dictionary:
    """All entries of several dictionaries; the counts of equal ones are added up."""
    return make_dictionary(entry for dictionary in dictionaries for entry in dictionary.entries)


def write_dictionary(dictionary: Dictionary, path: Path) -> None:
    """Write the file described above. Raises FormatError when it cannot be written."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as stream:
        for entry in dictionary.entries:
            stream.write(_line(entry))
    try:
        path.write_bytes(packed.getvalue())
    except (OSError, ValueError) as error:
        raise FormatError(
            f"cannot be written: {error}", where=printable(path), hint="name another file"
        ) from error


def read_dictionary(path: Path) -> Dictionary:
    """Read what `write_dictionary` wrote, compressed or not. Raises FormatError, naming the line."""
    where = printable(path)
    return make_dictionary(_entry(line, f"{where}:{number}") for number, line in numbered_lines(path))


def check_name(name: str, where: str) -> str:
    """The name, if it is one. Raises FormatError when it is blank or too long."""
    if not name.strip():
        raise FormatError("the name is empty", where=where, hint="remove the line or name the concept")
    if len(name) > MAX_NAME_CHARACTERS:
        raise FormatError(
            f"a name of {len(name)} characters", where=where, hint="is the file damaged? shorten or remove it"
        )
    return name


def _named(mention: Mention) -> Iterator[tuple[str, tuple[str, ...]]]:
    ids = mention.ids
    if len(ids) == 1 and _CONJUNCTION.fullmatch(ids[0]):
        ids = tuple(ids[0].split("+"))
    yield mention.text, ids
    if len(ids) > 1 and len(mention.individual_names) == len(ids):
        yield from zip(mention.individual_names, ((each,) for each in ids), strict=True)


def _line(entry: Entry) -> bytes:
    ids = "|".join(each.translate(_ESCAPING) for each in entry.ids)
    fields = (entry.type, entry.name, ids, str(entry.count), entry.source)
    columns = (field if field is ids else field.translate(_ESCAPING) for field in fields)
    try:
        return ("\t".join(columns) + "\n").encode()
    except UnicodeEncodeError as error:
        raise FormatError(
            "half of a surrogate pair in an entry",
            where=f"dictionary entry {entry.name!r}",
            hint="mend the document it comes from",
        ) from error


def _entry(line: str, where: str) -> Entry:
    columns = line.split("\t")
    if len(columns) != _COLUMNS or not _COUNT.fullmatch(columns[3]):
        raise FormatError(
            "expected five columns: type, name, ids, count (a number above 0), source",
            where=where,
            hint="is this a dictionary that was written by this program?",
        )
    type_, name, source = (_unescaped(columns[index], where) for index in (0, 1, 4))
    ids = tuple(_unescaped(each, where) for each in columns[2].split("|"))
    if not any(map(vocabulary_id, ids)):
        raise FormatError("an entry without an id", where=where, hint="remove the line")
    return Entry(type_, check_name(name, where), ids, source, int(columns[3]))


def _unescaped(field: str, where: str) -> str:
    if "\\" not in field:
        return field
    try:
        return _ESCAPE.sub(lambda match: _UNESCAPES[match[0]], field)
    except KeyError as error:
        raise FormatError(
            f"unknown escape {error.args[0]!r}", where=where, hint=r"write a backslash as \\"
        ) from None
