"""BioC: a document's passages, annotations and relations with their offsets; what XML and JSON share.

A record here is one document in the shape of BioC JSON; `bioc_xml` and `bioc_json` turn files into
records and back. Source: Comeau et al. 2013, doi:10.1093/database/bat064. What files in use do:

1. Offsets count code points of the document. Some tools count from the passage, or count bytes: an
   annotation whose text is not at its offset is looked for at that offset within its passage
   (alignment "exact"), then at the nearest place of the passage that holds its text ("normalised").
   Failing both it stays where it was given ("mismatch").
2. Every passage stands at its own offset, with blanks between. One that would begin before the end of
   the one before comes after it and a blank, and takes its annotations along.
3. A passage may have sentences instead of a text; they are placed in the same way.
4. An annotation without a location (an index term) is no mention; its vocabulary ids become concepts.
5. Vocabulary ids stand under many keys (`_ID_KEYS`); composites are split as in PubTator.
6. Nodes name annotations (which stand for their first concept), relations (a concept of that id and
   type) or vocabulary ids. BioRED, PubTator 3 and CDR give two infons instead (`_PAIRS`), read
   as head and tail; the nodes that PubTator 3 puts beside them mean nothing.
7. Infons of passages, further infons of annotations, and infons that are lists are dropped.

What BioC has no place for is written as infons of our own: "confidence", "alignment" (such a mention is
not looked for again), and "concept" (the ids of those concepts of a mention that have no vocabulary id).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from apothecary.documents import (
    Alignment,
    Argument,
    Concept,
    Document,
    Mention,
    Passage,
    Relation,
    Span,
)
from apothecary.errors import FormatError, OffsetError
from apothecary.formats.composite import split_ids
from apothecary.formats.fields import Fields, identifier

__all__ = ["from_record"]

Record = dict[str, object]
Place = tuple[int, int]

_MAX_BLANKS = 1024 * 1024
_MOST_CHARACTERS = 10**12
_ALIGNMENTS: dict[str, Alignment] = {name: name for name in get_args(Alignment)}
# In order of preference, in lower case.
_ID_KEYS = (
    *("identifier", "mesh", "ncbi gene", "ncbi gene id", "ncbi gene identifier", "gene_id", "dbsnp", "chebi"),
    *("omim", "umls", "cui", "cellosaurus", "ncbi taxonomy", "taxonomy", "concept_id", "normalized_id"),
)
_PAIRS = (("entity1", "entity2"), ("role1", "role2"), ("chemical", "disease"))
_RELATION_KEYS = frozenset({"type", "relation", "confidence", *(key for pair in _PAIRS for key in pair)})
_SCALARS = (str, int, float)
# PubTator 3 writes Chemical|MESH:D008094 for the arguments of a relation.
_TYPE_PREFIX = re.compile(r"^[A-Z][A-Za-z]{2,}\|")
_WHOLE = re.compile(r"\s*[0-9]{1,12}\s*")
_NUMBERED = re.compile(r"T([0-9]{1,9})")


@dataclass(frozen=True)
class _Block:
    """Where a passage or sentence came to stand, and how far that is from its own offset."""

    start: int
    end: int
    shift: int


@dataclass
class _Text:
    """The document's text while it grows."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    blanks: int = 0

    def place(self, item: Fields) -> _Block:
        """Add a passage or sentence."""
        offset, text = _whole(item, "offset"), item.text("text", "")
        gap = offset - self.length if offset >= self.length else 1
        self.blanks += gap
        if self.blanks > _MAX_BLANKS:
            raise item.error("offset", f"leaves {gap} characters without a text")
        start = self.length + gap
        self.parts.extend((" " * gap, text))
        self.length = start + len(text)
        return _Block(start, self.length, start - offset)


@dataclass
class _Clusters:
    """Concepts while they are found. `relations` maps ids to types; `needed` are the ids that nodes name."""

    relations: Mapping[str, str]
    needed: set[str]
    members: dict[str, list[int]] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    stands_for: dict[str, str] = field(default_factory=dict)

    def annotate(
        self, refid: str, infons: Mapping[str, str], ids: Sequence[str], indices: Sequence[int]
    ) -> None:
        """Add an annotation to its concepts; `indices` has the position of its mention if it is one."""
        names = [name for name in infons.get("concept", "").split("|") if name]
        if refid in self.needed and not ids and not names:
            names = [f"mention:{refid}"]
        for name in dict.fromkeys((*ids, *names)):
            self.members.setdefault(name, []).extend(indices)
            self.stands_for.setdefault(refid, name)
        self.linked.update(ids)

    def named(self, name: str) -> str:
        """The concept of that id, made when there is none."""
        if name not in self.members and name not in self.relations:
            self.linked.add(name)
        self.members.setdefault(name, [])
        return name

    def concepts(self, mentions: Sequence[Mention]) -> tuple[Concept, ...]:
        """Those found, in order of first appearance."""
        return tuple(
            Concept(
                id=name,
                type=mentions[indices[0]].type if indices else self.relations.get(name, ""),
                mentions=tuple(indices),
                names=tuple(dict.fromkeys(mentions[index].text for index in indices)),
                ids=(name,) if name in self.linked else (),
            )
            for name, indices in self.members.items()
        )


def from_record(record: Mapping[str, object], *, where: str) -> Document:
    """The document of a record. Numbers may be given as text.

    Raises FormatError for a field that is missing or of the wrong kind, a document without passages
    and offsets that leave more than 1 MiB without text; OffsetError for a mention outside the text.
    """
    fields = Fields(record, where)
    document_id = identifier(record, where=where)
    try:
        return _document(fields, document_id)
    except OffsetError as error:
        # Neither a mention nor Document itself knows the line.
        raise OffsetError(error.message, where=where, hint=f"document {document_id}") from error


def _document(fields: Fields, document_id: str) -> Document:
    grown = _Text()
    holders: list[tuple[Fields, _Block]] = []
    passages = [_passage(item, grown, holders) for item in fields.objects("passages")]
    if not passages:
        raise FormatError(f"document {document_id} has no passage", where=fields.where, hint="is it BioC?")
    holders.append((fields, _Block(0, grown.length, 0)))
    text = "".join(grown.parts)
    items = [item for holder, _ in holders for item in holder.objects("relations")]
    rows = [(_string(item, "id") or f"r{number}", item) for number, item in enumerate(items, 1)]
    clusters = _Clusters(
        relations={relation_id: _infons(item)["type"] for relation_id, item in rows},
        needed={_string(node, "refid") for item in items for node in item.objects("nodes")},
    )
    annotations = [(item, block) for holder, block in holders for item in holder.objects("annotations")]
    if all(_NUMBERED.fullmatch(_string(item, "id")) for item, _ in annotations):
        # Ours: passage by passage need not be the order that the mentions were in.
        annotations.sort(key=lambda annotation: int(_string(annotation[0], "id")[1:]))
    mentions: list[Mention] = []
    for item, block in annotations:
        infons, places = _infons(item), item.objects("locations")
        ids = _ids(infons)
        clusters.annotate(_string(item, "id"), infons, ids, [len(mentions)] if places else [])
        if places:
            mentions.append(_mention(item, (infons, ids), _lengths(places), text, block))
    relations = tuple(_relation(relation_id, item, clusters) for relation_id, item in rows)
    return Document(
        id=document_id,
        text=text,
        passages=tuple(passages),
        mentions=tuple(mentions),
        concepts=clusters.concepts(mentions),
        relations=relations,
        attributes=_infons(fields, lower=False),
    )


def _passage(item: Fields, text: _Text, holders: list[tuple[Fields, _Block]]) -> Passage:
    """Place a passage; `holders` gains it and its sentences, each with the block its annotations lie in."""
    sentences = item.objects("sentences")
    if item.text("text", "") or not sentences:
        whole = text.place(item)
        blocks = [whole] * len(sentences)
    else:
        blocks = [text.place(sentence) for sentence in sentences]
        whole = _Block(blocks[0].start, blocks[-1].end, blocks[0].shift)
    holders.extend([(item, whole), *zip(sentences, blocks, strict=True)])
    infons = _infons(item)
    return Passage((infons.get("section_type") or infons["type"]).lower(), whole.start, whole.end)


def _lengths(places: Sequence[Fields]) -> list[Place]:
    return [(_whole(place, "offset"), _whole(place, "length")) for place in places]


def _mention(
    item: Fields,
    known: tuple[Mapping[str, str], tuple[str, ...]],
    lengths: list[Place],
    text: str,
    block: _Block,
) -> Mention:
    """`known` are the infons and the vocabulary ids; offsets of `lengths` are those of the file."""
    infons, ids = known
    places = [(start + block.shift, start + block.shift + length) for start, length in lengths]
    sliced = _slice(text, places)
    name = item.text("text", "") or sliced or ""
    alignment = _ALIGNMENTS.get(infons.get("alignment", ""), "exact")
    if alignment == "exact" and sliced != name:
        places, alignment = _located(name, text, places, block)
        sliced = _slice(text, places)
    if sliced is None:
        start, end = places[0]
        raise OffsetError(
            f"mention {start}-{end} is empty or lies outside the {len(text)} characters of text"
        )
    spans, sure = tuple([Span(start, end) for start, end in places]), _confidence(infons)
    return Mention(spans, name, infons["type"], ids, alignment=alignment, confidence=sure)


def _located(name: str, text: str, given: list[Place], block: _Block) -> tuple[list[Place], Alignment]:
    """Where the name is, when it is not at its place: at that offset of its passage, or nearby."""
    by = block.start - block.shift
    within = [(start + by, end + by) for start, end in given]
    if _slice(text, within) == name:
        return within, "exact"
    if len(given) == 1 and name:
        start = given[0][0]
        before = text.rfind(name, block.start, max(block.start, min(block.end, start + len(name))))
        after = text.find(name, max(block.start, start), block.end)
        found = [place for place in (before, after) if place >= 0]
        if found:
            nearest = min(found, key=lambda place: abs(place - start))
            return [(nearest, nearest + len(name))], "normalised"
    return given, "mismatch"


def _slice(text: str, places: Sequence[Place]) -> str | None:
    """The parts joined by blanks; None when one is empty or lies outside the text."""
    for start, end in places:
        if not 0 <= start < end <= len(text):
            return None
    if len(places) == 1:
        return text[start:end]
    return " ".join(text[start:end] for start, end in places)


def _relation(relation_id: str, item: Fields, clusters: _Clusters) -> Relation:
    infons, arguments = _infons(item), tuple(_arguments(item, clusters))
    attributes = {
        "novelty" if key == "novel" else key: value
        for key, value in _infons(item, lower=False).items()
        if key.lower() not in _RELATION_KEYS
    }
    sure = _confidence(infons)
    return Relation(relation_id, infons["type"], arguments, confidence=sure, attributes=attributes)


def _arguments(item: Fields, clusters: _Clusters) -> Iterator[Argument]:
    infons = _infons(item)
    for pair in _PAIRS:
        if all(infons.get(key) for key in pair):
            for role, key in zip(("head", "tail"), pair, strict=True):
                yield Argument(role, clusters.named(_TYPE_PREFIX.sub("", infons[key])))
            return
    for index, node in enumerate(item.objects("nodes")):
        role, refid = _string(node, "role") or ("tail" if index else "head"), _string(node, "refid")
        yield Argument(role, clusters.named(clusters.stands_for.get(refid, refid)))


def _ids(infons: Mapping[str, str]) -> tuple[str, ...]:
    for key in _ID_KEYS:
        if key in infons:
            ids = split_ids(infons[key], infons["type"])
            if ids:
                return ids
    return ()


def _confidence(infons: Mapping[str, str]) -> float | None:
    if "confidence" not in infons:
        return None
    try:
        value = float(infons["confidence"])
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _infons(item: Fields, *, lower: bool = True) -> dict[str, str]:
    """Infons that are text, numbers or truth values; keys in lower case, as files differ, and one "type"."""
    found: dict[str, str] = {}
    for key, value in item.mapping("infons").items():
        # PubTator 3 gives the arguments of a relation as objects.
        scalar = value.get("identifier") if isinstance(value, dict) else value
        if isinstance(scalar, _SCALARS):
            found[key.lower() if lower else key] = scalar if isinstance(scalar, str) else str(scalar)
    if lower:
        # CDR calls the type of a relation so.
        found.setdefault("type", found.get("relation", ""))
    return found


def _whole(item: Fields, key: str) -> int:
    value = item.values.get(key)
    if type(value) is int and 0 <= value < _MOST_CHARACTERS:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise item.error(key, "is missing" if value is None else "is not a number of characters")


def _string(item: Fields, key: str) -> str:
    value = item.values.get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else item.text(key, "")
