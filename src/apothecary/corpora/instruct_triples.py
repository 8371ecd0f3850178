"""Triples of names, as documents: what a source tells without places is looked for in the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import FormatError

__all__ = ["Name", "Triple", "concepts_of", "located", "triples_document"]


class Triple(NamedTuple):
    """A predicate between two names, with the type of each ("" where the source has none)."""

    predicate: str
    head: str
    head_type: str
    tail: str
    tail_type: str


class Name(NamedTuple):
    """A name with its type."""

    text: str
    type: str


def located(text: str, name: str) -> tuple[Span, ...]:
    """Every place of a name in a text, from left to right, without overlaps among them."""
    spans, begin = [], 0
    while name and (found := text.find(name, begin)) >= 0:
        begin = found + len(name)
        spans.append(Span(found, begin))
    return tuple(spans)


def concepts_of(
    identity: str, text: str, names: Iterable[Name]
) -> tuple[tuple[Mention, ...], tuple[Concept, ...], dict[Name, str]]:
    """Mentions, concepts and the id of the concept for each distinct name.

    A name that the text does not hold is a concept without mentions.
    """
    mentions: list[Mention] = []
    concepts: list[Concept] = []
    ids: dict[Name, str] = {}
    for name in names:
        if name in ids:
            continue
        if not name.text.strip():
            raise FormatError("a name is empty", where=identity)
        ids[name] = f"c{len(ids) + 1}"
        places = located(text, name.text)
        first = len(mentions)
        mentions.extend(Mention((span,), name.text, name.type) for span in places)
        concepts.append(Concept(ids[name], name.type, tuple(range(first, len(mentions))), names=(name.text,)))
    return tuple(mentions), tuple(concepts), ids


def triples_document(identity: str, text: str, triples: Sequence[Triple]) -> Document:
    """The document of a text with triples: concepts for names, binary relations of head and tail.

    A triple that is told twice is one relation. Raises FormatError for an empty name or predicate.
    """
    unique = list(dict.fromkeys(triples))
    if any(not triple.predicate.strip() for triple in unique):
        raise FormatError("a predicate is empty", where=identity)
    pairs = [(Name(t.head, t.head_type), Name(t.tail, t.tail_type)) for t in unique]
    mentions, concepts, ids = concepts_of(identity, text, [name for pair in pairs for name in pair])
    return Document(
        id=identity,
        text=text,
        mentions=mentions,
        concepts=concepts,
        relations=tuple(
            Relation(
                f"r{number}",
                triple.predicate,
                (Argument("head", ids[head]), Argument("tail", ids[tail])),
            )
            for number, (triple, (head, tail)) in enumerate(zip(unique, pairs, strict=True), start=1)
        ),
    )
