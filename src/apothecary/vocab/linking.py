"""Linking: from a name to its vocabulary ids by a dictionary, and from a document to a linked one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from apothecary.documents import Concept, Document, Mention
from apothecary.errors import UsageError
from apothecary.vocab.dictionary import MAX_NAME_CHARACTERS, Dictionary, Entry
from apothecary.vocab.names import exact_key, joined_key, name_words, sorted_key
from apothecary.vocab.similar import SimilarNames

__all__ = ["DEFAULT_BOUND", "How", "Link", "Linker", "link_document"]

How = Literal["exact", "normalised", "abbreviation", "fuzzy", "not_found", "not_tried"]
"""How a name was linked: by its letters; by its letters after folding; by the long form that the text
gives for it; by a similar name; not at all; or its type has no entry, so that nothing was looked up."""

DEFAULT_BOUND = 90.0
"""Least similarity of a fuzzy match, in percent."""

_SHORT_CHARACTERS = 4


@dataclass(frozen=True)
class Link:
    """What a name stands for: no ids, one, or those of a composite mention.

    `score` is the similarity to the dictionary's `name` in percent: 100 unless fuzzy, 0 without ids.
    `ambiguous`: the dictionary also has other ids for that name; those used most often were taken.
    """

    ids: tuple[str, ...]
    how: How
    score: float = 0.0
    name: str = ""
    ambiguous: bool = False


class Linker:
    """Looks names up in a dictionary. A type is indexed when it is first asked for."""

    def __init__(self, dictionary: Dictionary, *, bound: float = DEFAULT_BOUND) -> None:
        """Raises UsageError when `bound`, the least similarity in percent, is not from 50 to 100."""
        if not 50 <= bound <= 100:
            raise UsageError(f"a similarity bound of {bound}", hint="give 50 to 100 percent")
        self._bound = bound
        self._entries: dict[str, list[Entry]] = {}
        self._indices: dict[str, _Index] = {}
        for entry in dictionary.entries:
            self._entries.setdefault(entry.type, []).append(entry)

    def link(self, name: str, type: str, long_form: str | None = None) -> Link:
        """The ids of a name of that type; `long_form` is what the text says an abbreviation stands for.

        The order is: exact, normalised, long form (exact, normalised, fuzzy), fuzzy. A name of at most four
        letters and digits is looked up by its long form first: the text knows better than the
        dictionary what TD means here. Of several ids the most frequent win, then the smallest.
        A composite mention is looked up whole.
        """
        if type not in self._entries:
            return Link((), "not_tried")
        if type not in self._indices:
            self._indices[type] = _Index(self._entries[type])
        index = self._indices[type]
        by_long_form = index.lookup(long_form, self._bound) if long_form else None
        if by_long_form:
            by_long_form = replace(by_long_form, how="abbreviation")
        if by_long_form and sum(map(str.isalnum, name)) <= _SHORT_CHARACTERS:
            return by_long_form
        return index.same(name) or by_long_form or index.similar(name, self._bound) or Link((), "not_found")


def link_document(
    document: Document, linker: Linker, *, long_forms: Mapping[str, str] | None = None
) -> Document:
    """The document with ids for its mentions and concepts; ids that are there already stay.

    `long_forms` maps abbreviations of this text to what they stand for; a plural "s" after one is
    allowed. A concept gets the ids that most of its mentions have, and of its names that no mention carries;
    equal numbers are decided by similarity, then by the smaller id.
    """
    long_forms = long_forms or {}
    mentions = []
    links = []
    for mention in document.mentions:
        link = Link(mention.ids, "exact", 100.0, mention.text)
        if not mention.ids:
            link = linker.link(mention.text, mention.type, _long_form(mention.text, long_forms))
        mentions.append(replace(mention, ids=link.ids))
        links.append(link)
    concepts = [
        concept if concept.ids else _linked(concept, mentions, links, linker, long_forms)
        for concept in document.concepts
    ]
    return replace(document, mentions=tuple(mentions), concepts=tuple(concepts))


class _Index:
    """The entries of one type by each key of their names."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._exact: dict[str, list[Entry]] = {}
        self._joined: dict[str, list[Entry]] = {}
        self._sorted: dict[str, list[Entry]] = {}
        self._spaced: dict[str, list[Entry]] = {}
        self._similar: SimilarNames | None = None
        for entry in entries:
            words = name_words(entry.name)
            self._exact.setdefault(exact_key(entry.name), []).append(entry)
            self._joined.setdefault(joined_key(words), []).append(entry)
            self._sorted.setdefault(sorted_key(words), []).append(entry)
            self._spaced.setdefault(" ".join(words), []).append(entry)

    def lookup(self, name: str, bound: float) -> Link | None:
        """The link of an equal name, or else of a similar one."""
        return self.same(name) or self.similar(name, bound)

    def same(self, name: str) -> Link | None:
        """The link of a name that is equal under one of the keys, the strictest first."""
        if len(name) > MAX_NAME_CHARACTERS:
            return None
        if found := self._exact.get(exact_key(name)):
            return _choose(found, "exact", 100.0)
        words = name_words(name)
        joined, in_order = joined_key(words), sorted_key(words)
        # Names made of signs alone all have the same empty key.
        found = (joined and self._joined.get(joined)) or (in_order and self._sorted.get(in_order)) or []
        return _choose(found, "normalised", 100.0) if found else None

    def similar(self, name: str, bound: float) -> Link | None:
        """The link of the most similar name; of several equally similar ones, all have a say."""
        if len(name) > MAX_NAME_CHARACTERS:
            return None
        if self._similar is None:
            self._similar = SimilarNames(self._spaced)
        score, names = self._similar.best(" ".join(name_words(name)), bound)
        found = [entry for each in names for entry in self._spaced[each]]
        return _choose(found, "fuzzy", score) if found else None


def _choose(entries: Sequence[Entry], how: How, score: float) -> Link:
    votes: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        votes[entry.ids] += entry.count
    ids = min(votes, key=lambda each: (-votes[each], each))
    named = min((-entry.count, entry.name) for entry in entries if entry.ids == ids)
    return Link(ids, how, score, named[1], ambiguous=len(votes) > 1)


def _long_form(name: str, long_forms: Mapping[str, str]) -> str | None:
    return long_forms.get(name) or long_forms.get(name.removesuffix("s"))


def _linked(
    concept: Concept,
    mentions: Sequence[Mention],
    links: Sequence[Link],
    linker: Linker,
    long_forms: Mapping[str, str],
) -> Concept:
    carried = {mentions[index].text for index in concept.mentions}
    voters = [links[index] for index in concept.mentions]
    voters.extend(
        linker.link(name, concept.type, _long_form(name, long_forms))
        for name in concept.names
        if name not in carried
    )
    votes: Counter[tuple[str, ...]] = Counter()
    scores: Counter[tuple[str, ...]] = Counter()
    for link in voters:
        if link.ids:
            votes[link.ids] += 1
            scores[link.ids] += round(link.score)
    ids = min(votes, key=lambda each: (-votes[each], -scores[each], each), default=())
    return replace(concept, ids=ids)
