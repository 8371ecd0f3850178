"""A MeSH record, whichever file it comes from, and the dictionary entries it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apothecary.errors import FormatError
from apothecary.vocab.dictionary import Entry, check_name

__all__ = ["SOURCE", "MeshRecord", "entries"]

SOURCE = "MeSH"

_CHEMICAL, _DISEASE = "Chemical", "Disease"
_TREES = {"D": _CHEMICAL, "C": _DISEASE, "F03": _DISEASE}
_CLASSES = {"1": _CHEMICAL, "3": _DISEASE}
# UMLS semantic types below "Chemical" and below "Disease or Syndrome", and the disorders beside it.
_CHEMICAL_TYPES = frozenset(
    f"T{number}"
    for number in (
        *(103, 104, 109, 110, 111, 114, 115, 116, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127),
        *(129, 130, 131, 192, 195, 196, 197, 200),
    )
)
_DISEASE_TYPES = frozenset({"T019", "T020", "T037", "T046", "T047", "T048", "T049", "T184", "T190", "T191"})


@dataclass(frozen=True)
class MeshRecord:
    """A descriptor or a supplementary record.

    `trees` are the tree numbers of a descriptor. A supplementary record has none; its class is told by
    `scr_class` (XML) or by its semantic types (ASCII, which does not give the class).
    """

    where: str
    id: str
    names: tuple[str, ...]
    trees: tuple[str, ...] = ()
    supplementary: bool = False
    scr_class: str = ""
    semantic_types: tuple[str, ...] = ()


def entries(record: MeshRecord) -> Iterator[Entry]:
    """One entry for each name and type; none when the record is neither a chemical nor a disease.

    Trees D are chemicals, C and F03 diseases; so are supplementary classes 1 and 3. Without a class a
    record is a chemical if any of its semantic types is one, else a disease if any is one. Raises
    FormatError for a record without id or name.
    """
    if not record.id:
        raise FormatError("a record without an id", where=record.where, hint="is the file complete?")
    names = [check_name(name, record.where) for name in dict.fromkeys(record.names)]
    if not names:
        raise FormatError(f"record {record.id} has no name", where=record.where, hint="is the file complete?")
    for type_ in sorted(_types(record)):
        for name in names:
            yield Entry(type_, name, (record.id,), SOURCE)


def _types(record: MeshRecord) -> set[str]:
    if not record.supplementary:
        return {type_ for tree in record.trees for start, type_ in _TREES.items() if tree.startswith(start)}
    if record.scr_class:
        return {_CLASSES[record.scr_class]} if record.scr_class in _CLASSES else set()
    if not _CHEMICAL_TYPES.isdisjoint(record.semantic_types):
        return {_CHEMICAL}
    return set() if _DISEASE_TYPES.isdisjoint(record.semantic_types) else {_DISEASE}
