"""Annotated documents -> what the heads of a pocket model learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from apothecary.corpora import chemdisgene, drugcomb
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Concept, Document
from apothecary.errors import DataError, UsageError
from apothecary.formats.inputs import read_inputs
from apothecary.networks.sets import candidate_sets
from apothecary.training.settings import HeadSettings, PocketSettings, Source

__all__ = ["Dropped", "Example", "PairItem", "SetItem", "load"]

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PairItem:
    """Two concepts by their spans, and the positions of the labels that hold."""

    head: Spans
    tail: Spans
    labels: frozenset[int]


@dataclass(frozen=True)
class SetItem:
    """The drugs of a sentence by name, and which sets of them have which label."""

    names: tuple[str, ...]
    spans: Spans
    candidates: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    gold: tuple[tuple[tuple[int, ...], int], ...]


@dataclass(frozen=True)
class Example:
    """One text and what one head should say of it. `missed` counts gold that no candidate stands for."""

    id: str
    text: str
    head: str
    kind: str
    spans: tuple[tuple[int, int, int], ...] = ()
    pairs: tuple[PairItem, ...] = ()
    set: SetItem | None = None
    missed: int = 0


@dataclass
class Dropped:
    """What was left out of training, by reason."""

    held_out: set[str] = field(default_factory=set)
    development: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)


def load(settings: PocketSettings, folder: Path) -> tuple[list[Example], list[Example], Dropped]:
    """Training examples, development examples, and what was dropped.

    A document is dropped from training when its id is held out under any set, or when it lies in the
    development part of any head: the encoder is shared, so one head's development would teach the others.
    """
    dropped = Dropped()
    held = HeldOut.read(folder / settings.held_out) if settings.held_out else HeldOut.none()
    dev = [
        example
        for head in settings.head
        for source in head.dev
        for example in _examples(head, source, folder, dropped)
    ]
    ours = {identity for example in dev for identity in _identities(example)}
    for source in settings.keep_out:
        ours.update(_ids_of(source, folder / source.path, dropped))
    train: list[Example] = []
    for head in settings.head:
        for source in head.train:
            for example in _examples(head, source, folder, dropped):
                if held.holds(*_identities(example)):
                    dropped.held_out.add(example.id)
                elif ours.intersection(_identities(example)):
                    dropped.development.add(example.id)
                else:
                    train.append(example)
    if not train:
        raise UsageError("no training example is left", hint="look at the sources and at held_out")
    return train, dev, dropped


def _ids_of(source: Source, path: Path, dropped: Dropped) -> set[str]:
    if source.corpus == "drugcomb":
        return {identity for row in _rows(source, path) for identity in drugcomb.identities(row)}
    return {document.id for document in _documents(source, path, dropped)}


def _rows(source: Source, path: Path) -> Sequence[drugcomb.CombinationRow]:
    rows = list(drugcomb.read_rows(path))
    train, dev = drugcomb.development_split(rows)
    return {"all": rows, "train": train, "dev": dev}[source.part]


def _identities(example: Example) -> tuple[str, ...]:
    # A combination row is known by its own digest and by the abstract it comes from.
    return tuple(example.id.split("|"))


def _examples(head: HeadSettings, source: Source, folder: Path, dropped: Dropped) -> Iterator[Example]:
    path = folder / source.path
    if head.kind == "sets":
        yield from (_set_example(head, row) for row in _rows(source, path))
        return
    make = _MAKERS[head.kind]
    for document in _documents(source, path, dropped):
        yield make(head, source, document)


def _documents(source: Source, path: Path, dropped: Dropped) -> Iterator[Document]:
    if source.corpus == "chemdisgene":
        documents = list(chemdisgene.CORPUS.read(path, "dev"))
        documents.sort(key=lambda document: document.id)
        # Every third abstract of the one part there is serves development.
        side = {"all": (0, 1, 2), "train": (0, 1), "dev": (2,)}[source.part]
        yield from (document for place, document in enumerate(documents) if place % 3 in side)
        return
    for item in read_inputs([path]):
        if isinstance(item, DataError):
            dropped.unreadable.append(str(item))
        elif source.part == "all" or source.part == _part(item.id):
            yield item


def _part(identity: str) -> str:
    """One document of seven is for development; which ones depends on their ids alone."""
    return "dev" if hashlib.sha256(identity.encode()).digest()[0] % 7 == 0 else "train"


def _type_of(source: Source, name: str) -> str:
    return source.types.get(name, "") if source.types else name


def _span_example(head: HeadSettings, source: Source, document: Document) -> Example:
    places = {label: position for position, label in enumerate(head.labels)}
    spans = tuple(
        sorted(
            {
                (mention.start, mention.end, places[_type_of(source, mention.type)])
                for mention in document.mentions
                if _type_of(source, mention.type) in places
            }
        )
    )
    return Example(document.id, document.text, head.name, head.kind, spans=spans)


def _spans_of(document: Document, concept: Concept) -> Spans:
    return tuple((document.mentions[i].start, document.mentions[i].end) for i in concept.mentions)


def _ordered(
    head: HeadSettings, source: Source, concepts: Sequence[Concept]
) -> Iterator[tuple[Concept, Concept]]:
    """The pairs to ask about: by the types of the head, each pair once."""
    for first_type, second_type in head.pair_types:
        firsts = [c for c in concepts if _type_of(source, c.type) == first_type]
        if first_type == second_type and not head.directed:
            yield from combinations(firsts, 2)
            continue
        seconds = [c for c in concepts if _type_of(source, c.type) == second_type]
        yield from ((one, two) for one in firsts for two in seconds if one.id != two.id)


def _pair_example(head: HeadSettings, source: Source, document: Document) -> Example:
    places = {label: position for position, label in enumerate(head.labels)}
    holds: dict[tuple[str, str], set[int]] = {}
    for relation in document.relations:
        name = source.relations.get(relation.type, "") if source.relations else relation.type
        if name in places and len(relation.arguments) == 2:
            one, two = (argument.concept for argument in relation.arguments)
            holds.setdefault((one, two), set()).add(places[name])
            if not head.directed:
                holds.setdefault((two, one), set()).add(places[name])
    concepts = [concept for concept in document.concepts if concept.mentions]
    concepts.sort(key=lambda c: (document.mentions[c.mentions[0]].start, c.id))
    asked = list(_ordered(head, source, concepts))
    items = tuple(
        PairItem(
            _spans_of(document, one), _spans_of(document, two), frozenset(holds.get((one.id, two.id), ()))
        )
        for one, two in asked
    )
    reached = {frozenset((one.id, two.id)) for one, two in asked}
    missed = sum(len(labels) for pair, labels in holds.items() if frozenset(pair) not in reached)
    return Example(
        document.id,
        document.text,
        head.name,
        head.kind,
        pairs=items,
        missed=missed if head.directed else missed // 2,
    )


def _concepts_by_mention(document: Document) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for concept in document.concepts:
        for place in concept.mentions:
            found.setdefault(place, set()).add(concept.id)
    return found


def _name_example(head: HeadSettings, source: Source, document: Document) -> Example:
    """Pairs of names of one type; the one label says that they share all concepts."""
    found: dict[tuple[str, str], tuple[list[tuple[int, int]], set[str]]] = {}
    concepts = _concepts_by_mention(document)
    for place, mention in enumerate(document.mentions):
        kind = _type_of(source, mention.type)
        if kind and place in concepts:
            spans, ids = found.setdefault((kind, mention.text.lower()), ([], set()))
            spans.append((mention.start, mention.end))
            ids.update(concepts[place])
    items = tuple(
        PairItem(
            tuple(found[one][0]),
            tuple(found[two][0]),
            frozenset({0} if found[one][1] == found[two][1] else ()),
        )
        for one, two in combinations(found, 2)
        if one[0] == two[0]
    )
    return Example(document.id, document.text, head.name, head.kind, pairs=items)


def _set_example(head: HeadSettings, row: drugcomb.CombinationRow) -> Example:
    names: dict[str, list[tuple[int, int]]] = {}
    owner = []
    for span in row.spans:
        key = span.text.lower()
        names.setdefault(key, []).append((span.start, span.end))
        owner.append(list(names).index(key))
    gold: dict[tuple[int, ...], int] = {}
    for combination in row.combinations:
        chosen = tuple(sorted({owner[i] for i in combination.spans}))
        if len(chosen) > 1:
            gold[chosen] = head.labels.index(combination.type)
    candidates = candidate_sets(len(names))
    item = SetItem(
        tuple(names),
        # The first place of each name, as a request gives it: a candidate set indexes into single spans.
        tuple(spans[0] for spans in names.values()),
        candidates,
        tuple(gold.get(candidate, 0) for candidate in candidates),
        tuple(gold.items()),
    )
    return Example(
        "|".join(drugcomb.identities(row)),
        # Without the abstract around it, which costs five times as much and mostly tells of other things.
        row.sentence,
        head.name,
        head.kind,
        set=item,
        missed=len(set(gold) - set(candidates)),
    )


_MAKERS: dict[str, Callable[[HeadSettings, Source, Document], Example]] = {
    "spans": _span_example,
    "pairs": _pair_example,
    "names": _name_example,
}


def by_text(examples: Iterable[Example]) -> list[list[Example]]:
    """Examples that share a text, together: one pass of the encoder serves them all."""
    grouped: dict[str, list[Example]] = {}
    for example in examples:
        grouped.setdefault(example.text, []).append(example)
    return list(grouped.values())
