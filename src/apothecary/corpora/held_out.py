"""The documents that no model and no dictionary may learn from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.formats.lines import printable, read_lines

__all__ = ["HeldOut", "identities"]

T = TypeVar("T")

_HEADER = ["set", "id"]
_PUBMED = re.compile(r"/([0-9]+)/?$")


@dataclass(frozen=True)
class HeldOut:
    """Ids of the parts that are kept for testing, by the name of the set.

    A document is held out when any set lists it: corpora share abstracts, so that the training part of
    one may hold the test part of another.
    """

    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def none(cls) -> HeldOut:
        """Nothing is held out."""
        return cls()

    @classmethod
    def read(cls, path: Path) -> HeldOut:
        """Read tab-separated lines of set and id under the header ``set, id``.

        Blank lines are skipped. Raises FormatError, with the line, for anything else and for a file
        that lists nothing: an empty list would let everything pass.
        """
        sets: dict[str, set[str]] = {}
        headed = False
        for number, line in read_lines(path):
            if isinstance(line, FormatError):
                raise line
            columns = [column.strip() for column in line.split("\t")]
            if columns == [""]:
                continue
            where = f"{printable(path)}:{number}"
            if not headed and columns != _HEADER:
                raise FormatError("expected the header set, id", where=where, hint="separate by a tab")
            if len(columns) != 2 or not all(columns):
                raise FormatError("expected a set and an id", where=where, hint="separate by a tab")
            if headed:
                sets.setdefault(columns[0], set()).add(columns[1])
            headed = True
        if not sets:
            raise FormatError("lists nothing", where=printable(path), hint="give the list of held-out ids")
        return cls({name: frozenset(ids) for name, ids in sets.items()})

    def holds(self, *ids: str) -> bool:
        """True when any of the ids, all of one document, is listed under any set."""
        return any(each in listed for each in ids for listed in self.sets.values())

    def drop(self, items: Iterable[T], ids_of: Callable[[T], tuple[str, ...]]) -> tuple[list[T], int]:
        """The items that may be learnt from, in their order, and how many were dropped.

        `ids_of` gives all ids by which an item may be listed, such as
        ``lambda document: (document.id,)`` or `apothecary.corpora.drugcomb.identities`.
        """
        every = list(items)
        kept = [item for item in every if not self.holds(*ids_of(item))]
        return kept, len(every) - len(kept)


def identities(document: Document) -> tuple[str, ...]:
    """Ids by which a list may know a document: its own, its abstract's, and the MD5 of its sentence.

    The last is the id of a DrugComb row, which its form with strings has lost.
    """
    found = [document.id]
    if pmid := document.attributes.get("pmid"):
        found.append(pmid)
    if match := _PUBMED.search(document.attributes.get("source", "")):
        found.append(match[1])
    for passage in document.passages:
        if passage.section == "sentence":
            text = document.passage_text(passage).encode("utf-8", "surrogatepass")
            found.append(hashlib.md5(text, usedforsecurity=False).hexdigest())
    return tuple(found)
