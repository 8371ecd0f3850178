"""Sentences with drugs and what is said of them together: how a row of any such corpus becomes a document.

The document's text is the paragraph with a passage "sentence" over the sentence, or, where the paragraph
does not hold it as it stands, the sentence, a blank and the paragraph. Drugs are mentions of type "Drug",
each distinct name is a concept, and members of a relation are arguments in the role "drug". Names are
distinct when they differ in more than case and blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span, Unlocated

__all__ = ["DRUG", "DrugRelation", "Sentence", "drug_mention", "find_drugs", "sentence_document"]

DRUG = "Drug"
"""The type of every mention and concept here."""


@dataclass(frozen=True)
class Sentence:
    """The texts of a row as they stand; `paragraph` is empty where the corpus gives none."""

    id: str
    text: str
    paragraph: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DrugRelation:
    """Drugs and what is said of them together; a name may come twice, once for each of its mentions."""

    type: str
    names: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


def drug_mention(sentence: str, span: Span, text: str) -> Mention:
    """A mention in one piece. It is named by its slice; another `text` makes it a "mismatch"."""
    slice_ = sentence[span.start : span.end]
    return Mention((span,), slice_, DRUG, alignment="exact" if slice_ == text else "mismatch")


def find_drugs(
    sentence: str, names: Sequence[str], *, every: bool = False
) -> tuple[list[Mention], list[str]]:
    """Where the names stand that a corpus gives without positions, and those that stand nowhere.

    A name that is given k times gets its first k places, or all of them with `every`. Whole words come
    before parts of words, the spelling as given before other case, and longer names take their place
    first: "interferon" is not looked for inside "interferon alpha" while it stands elsewhere.
    """
    wanted: dict[str, int] = {}
    for name in names:
        wanted[name] = wanted.get(name, 0) + 1
    taken = bytearray(len(sentence))
    mentions: list[Mention] = []
    missing: list[str] = []
    for name in sorted(wanted, key=lambda name: (-len(name), name)):
        spans = list(_places(sentence, name, taken))
        if not spans:
            missing.append(name)
        for span in spans if every else spans[: wanted[name]]:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            mentions.append(drug_mention(sentence, span, sentence[span.start : span.end]))
    return sorted(mentions, key=lambda each: (each.start, each.end)), missing


def sentence_document(
    sentence: Sentence,
    mentions: Sequence[Mention],
    relations: Sequence[DrugRelation],
    *,
    missing: Sequence[str] = (),
) -> Document:
    """The document of a row. Mentions lie in the sentence and keep their order.

    Concepts are in order of appearance; names that stand nowhere (`missing`, and members of relations that
    no mention has) come last, without a mention, and are listed as not located.
    """
    text, passages = _texts(sentence)
    start = passages[0].start
    placed = tuple(
        replace(each, spans=tuple(Span(span.start + start, span.end + start) for span in each.spans))
        for each in mentions
    )
    concepts, lost = _concepts(placed, [*missing, *(name for each in relations for name in each.names)])
    ids = {_folded(name): concept.id for concept in concepts for name in concept.names}
    return Document(
        id=sentence.id,
        text=text,
        passages=passages,
        mentions=placed,
        concepts=concepts,
        relations=tuple(
            Relation(
                f"r{number}",
                each.type,
                tuple(Argument("drug", ids[_folded(name)]) for name in each.names),
                attributes=each.attributes,
            )
            for number, each in enumerate(relations, 1)
        ),
        unlocated=tuple(Unlocated(name, DRUG, "not in the sentence") for name in lost),
        attributes=sentence.attributes,
    )


def _texts(sentence: Sentence) -> tuple[str, tuple[Passage, ...]]:
    size = len(sentence.text)
    place = sentence.paragraph.find(sentence.text)
    if place >= 0:
        return sentence.paragraph, (Passage("sentence", place, place + size),)
    if not sentence.paragraph:
        return sentence.text, (Passage("sentence", 0, size),)
    text = f"{sentence.text} {sentence.paragraph}"
    return text, (Passage("sentence", 0, size), Passage("paragraph", size + 1, len(text)))


def _concepts(mentions: Sequence[Mention], others: Sequence[str]) -> tuple[tuple[Concept, ...], list[str]]:
    places: dict[str, list[int]] = {}
    for index in sorted(range(len(mentions)), key=lambda index: mentions[index].start):
        places.setdefault(_folded(mentions[index].text), []).append(index)
    names = {key: tuple(dict.fromkeys(mentions[i].text for i in found)) for key, found in places.items()}
    lost = {_folded(name): name for name in reversed(others) if _folded(name) not in places}
    names |= {key: (name,) for key, name in reversed(lost.items())}
    concepts = tuple(
        Concept(f"c{number}", DRUG, tuple(sorted(places.get(key, ()))), each)
        for number, (key, each) in enumerate(names.items(), 1)
    )
    return concepts, [name for _, name in reversed(lost.items())]


def _places(sentence: str, name: str, taken: bytearray) -> Iterator[Span]:
    """The best kind of place that there is: all of that kind, in order of the text."""
    if not name.strip():
        return
    literal = re.escape(name)
    whole = rf"(?<![^\W_]){literal}(?![^\W_])"
    kinds = [
        [Span(*match.span()) for match in re.finditer(pattern, sentence, flags)]
        for pattern, flags in ((whole, 0), (whole, re.IGNORECASE), (literal, re.IGNORECASE))
    ]
    free = [[span for span in spans if taken.find(1, span.start, span.end) < 0] for spans in kinds[:2]]
    yield from next((spans for spans in (*free, *kinds) if spans), [])


def _folded(name: str) -> str:
    return " ".join(name.lower().split())
