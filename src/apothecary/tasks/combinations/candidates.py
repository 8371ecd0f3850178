"""Which sentences are asked about: those that name two drugs or more, and the text around them.

A row of a corpus is one sentence. Of a whole document each sentence that names two different drugs is one
question; a short form that the text defines and its long form are one drug there. A row takes names as
they stand, as its corpus counts them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import as_file, files

from apothecary.align.abbreviations import abbreviations
from apothecary.align.sentences import sentences
from apothecary.documents import Alignment, Document, Mention, Span
from apothecary.tasks.combinations.answers import normal_name
from apothecary.tasks.combinations.examples import Example
from apothecary.vocab.dictionary import read_dictionary

__all__ = [
    "DRUG",
    "Candidate",
    "Drug",
    "Source",
    "around",
    "drug_mentions",
    "excerpt",
    "from_dictionary",
    "source_of",
]

DRUG = "Drug"
"""The type that mentions of drugs get in a record."""

_DRUG_TYPES = frozenset({"drug", "drug_n", "chemical", "chemicalentity", "brand", "group"})
_DICTIONARY = "dictionary.tsv.gz"
_WORD = re.compile(r"\w+")
_MOST_WORDS = 6
_SHORTEST_NAME = 4


@dataclass(frozen=True)
class Drug:
    """A drug of one sentence: its name as first written there, and its places in the document's text."""

    name: str
    spans: tuple[Span, ...]
    alignment: Alignment = "exact"


@dataclass(frozen=True)
class Candidate:
    """One sentence to ask about. `example` is what a language model sees, `drugs` stand in order."""

    source: Source
    sentence: Span
    drugs: tuple[Drug, ...]
    example: Example

    @property
    def text(self) -> str:
        """The sentence."""
        return self.source.document.text[self.sentence.start : self.sentence.end]

    @property
    def name(self) -> str:
        """How a problem calls it."""
        return f"characters {self.sentence.start}-{self.sentence.end}"


@dataclass(frozen=True)
class Source:
    """A document as this task reads it: split once for all its sentences.

    `target` is the sentence that a row of a corpus is about, None for a whole document; `keys` are short
    forms that a whole document defines, with their long forms, in normal spelling.
    """

    document: Document
    target: Span | None
    spans: tuple[Span, ...]
    keys: Mapping[str, str]

    def key(self, name: str) -> str:
        """Names with one key are one drug."""
        normal = normal_name(name)
        return self.keys.get(normal, normal)

    def with_ids(self, mentions: Iterable[Mention]) -> Source:
        """The source with one key for all names that a vocabulary gives one id."""
        keys, first = dict(self.keys), dict[tuple[str, ...], str]()
        for mention in mentions:
            if mention.ids:
                key = self.key(mention.text)
                keys[key] = keys[normal_name(mention.text)] = first.setdefault(mention.ids, key)
        return replace(self, keys=keys)

    @property
    def asked(self) -> tuple[Span, ...]:
        """The sentences that may be asked about."""
        return self.spans if self.target is None else (self.target,)

    def named(self, mentions: Iterable[Mention]) -> Iterator[tuple[Span, tuple[Drug, ...]]]:
        """Each sentence with its different drugs, in order."""
        ordered = sorted(mentions, key=lambda mention: mention.start)
        starts = [mention.start for mention in ordered]
        for sentence in self.asked:
            first, last = bisect_left(starts, sentence.start), bisect_left(starts, sentence.end)
            yield sentence, self._drugs(m for m in ordered[first:last] if m.end <= sentence.end)

    def _drugs(self, mentions: Iterable[Mention]) -> tuple[Drug, ...]:
        found: dict[str, Drug] = {}
        for mention in mentions:
            key, span = self.key(mention.text), Span(mention.start, mention.end)
            known = found.get(key)
            spans = (*known.spans, span) if known else (span,)
            found[key] = Drug(known.name if known else mention.text, spans)
        return tuple(found.values())

    def candidate(self, sentence: Span, drugs: Sequence[Drug], corpus: str, window: int) -> Candidate:
        """The question about one sentence; a paragraph of more than `window` characters is cut around it."""
        document = self.document
        text = document.text[sentence.start : sentence.end]
        other = [p for p in document.passages if p.section == "paragraph"] if self.target else []
        if other:
            paragraph = around(document.passage_text(other[0]), text, window)
        else:
            paragraph = excerpt(document.text, self.spans, sentence, window)
        example = Example(
            id=f"{document.id}:{sentence.start}",
            sentence=text,
            paragraph="" if paragraph.strip() == text.strip() else paragraph,
            drugs=tuple(drug.name for drug in drugs),
            gold=(),
            corpus=corpus,
        )
        return Candidate(self, sentence, tuple(drugs), example)


def source_of(document: Document) -> Source:
    """A row of a corpus, which has a passage "sentence" that is not blank; else a whole document."""
    for passage in document.passages:
        if passage.section == "sentence" and document.passage_text(passage).strip():
            target = Span(passage.start, passage.end)
            return Source(document, target, sentences(document.text), {})
    return Source(document, None, sentences(document.text), _keys_of(document))


def drug_mentions(document: Document) -> tuple[Mention, ...]:
    """The document's own mentions of drugs and chemicals, as drugs, in order of the text."""
    found = [replace(m, type=DRUG) for m in document.mentions if m.type.casefold() in _DRUG_TYPES]
    return tuple(sorted(found, key=lambda mention: (mention.start, mention.end)))


def _keys_of(document: Document) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in abbreviations(document.text):
        short, long = (normal_name(document.text[s.start : s.end]) for s in (each.short, each.long))
        found.setdefault(short, long)
    return found


def from_dictionary(document: Document, within: Span) -> tuple[Mention, ...]:
    """Names of chemicals that the shipped dictionary has, the longest first choice, none overlapping."""
    names = _dictionary_names()
    text = document.text
    words = [match.span() for match in _WORD.finditer(text, within.start, within.end)]
    found: list[Mention] = []
    place = 0
    while place < len(words):
        start = words[place][0]
        last = next(
            (
                last
                for last in reversed(range(place, min(place + _MOST_WORDS, len(words))))
                if normal_name(text[start : words[last][1]]) in names
            ),
            None,
        )
        if last is not None:
            span = Span(start, words[last][1])
            found.append(Mention((span,), text[span.start : span.end], DRUG))
        place = place + 1 if last is None else last + 1
    return tuple(found)


@lru_cache(maxsize=1)
def _dictionary_names() -> frozenset[str]:
    with as_file(files("apothecary") / "models" / _DICTIONARY) as path:
        entries = read_dictionary(path).entries if path.is_file() else ()
    return frozenset(
        normal_name(entry.name)
        for entry in entries
        if entry.type.casefold() in _DRUG_TYPES and len(entry.name) >= _SHORTEST_NAME
    )


def around(paragraph: str, sentence: str, limit: int) -> str:
    """The paragraph of a row, or what `excerpt` keeps of a longer one, around the sentence if it has it."""
    if len(paragraph) <= limit:
        return paragraph
    start = paragraph.find(sentence)
    target = Span(start, start + len(sentence)) if start >= 0 and sentence else None
    return excerpt(paragraph, sentences(paragraph), target, limit)


def excerpt(text: str, spans: Sequence[Span], target: Span | None, limit: int) -> str:
    """The text, or of a longer one the sentences nearest to the target that `limit` characters hold.

    `spans` are its sentences. The target stays whole, whatever its length; without one the beginning is kept.
    """
    if len(text) <= limit:
        return text
    if target is None or not spans:
        kept = [span for span in spans if span.end <= limit]
        return text[kept[0].start : kept[-1].end] if kept else text[:limit]
    start, end = target.start, target.end
    for span in _nearest(spans, target):
        grown = min(start, span.start), max(end, span.end)
        if grown[1] - grown[0] > limit:
            break
        start, end = grown
    return text[start:end]


def _nearest(spans: Sequence[Span], target: Span) -> Iterator[Span]:
    """Sentences outside the target, from the nearest to the farthest."""
    starts = [span.start for span in spans]
    after = bisect_left(starts, target.end)
    before = bisect_left(starts, target.start) - 1
    while before >= 0 or after < len(spans):
        left = target.start - spans[before].end if before >= 0 else None
        right = spans[after].start - target.end if after < len(spans) else None
        if right is None or (left is not None and left <= right):
            yield spans[before]
            before -= 1
        else:
            yield spans[after]
            after += 1
