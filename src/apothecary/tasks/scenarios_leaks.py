"""Has a prompt or a dictionary seen the answers? Strings held against the corpus that is scored.

Two signs. A list whose strings are gold mentions of the scored corpus and of no other was made from
its gold. A sentence that shares a run of words with a scored or held-out document, and with none that
may be learnt from, was copied from it.

Source: an audit of the released prompts of Zhao et al. 2025, whose lists of names were nearly all taken
from the scored gold; the rules here are ours:
1. Strings are compared under case folding and runs of blanks, and counted once in each source.
2. A document of another corpus that is itself held out, or has the id of a scored one, does not show that
   a name or a run of words is known elsewhere: corpora share abstracts.
3. A run of words that lies within one gold mention is a name, not prose: the share judges it.
4. Each run of a string is told once, of the first document that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document, Mention
from apothecary.errors import UsageError
from apothecary.tasks.schema import Schema
from apothecary.vocab.names import exact_key

__all__ = ["AT_LEAST", "SHARE", "WORDS", "LeakReport", "Overlap", "Place", "Share", "leaks", "schema_strings"]

WORDS = 5
"""Words of an overlap that is told."""
SHARE = 0.10
"""Of the strings of a source: more leaked ones are a leak."""
AT_LEAST = 5
"""Strings of a source from which on its share says something."""
SHOWN = 10

# Whatever stands between blanks, as 2,3,7-trichloro... is one word; scripts without blanks go by character.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_EDGES = re.compile(r"^[\W_]+|[\W_]+\Z")


@dataclass(frozen=True)
class Place:
    """Where a string stands: the schema or file, and the item or line in it."""

    source: str
    item: str

    def __str__(self) -> str:
        return f"{self.source}:{self.item}"


@dataclass(frozen=True)
class Share:
    """How many of the distinct strings of a source are names of the scored gold.

    `gold` counts all that are, `leaked` those that are gold mentions of no other corpus; `examples` are
    some of the leaked.
    """

    source: str
    strings: int
    gold: int
    leaked: int
    examples: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """`leaked` of `strings`; 0 for none."""
        return self.leaked / self.strings if self.strings else 0.0


@dataclass(frozen=True)
class Overlap:
    """A run of words that a string shares with a scored or held-out document.

    `elsewhere` says that documents that may be learnt from have all of it too, so that it shows nothing.
    """

    place: Place
    corpus: str
    document: str
    words: int
    text: str
    held_out: bool
    elsewhere: bool


@dataclass(frozen=True)
class LeakReport:
    """Shares by source, overlaps by string, documents read by corpus, and what limits it."""

    shares: tuple[Share, ...]
    overlaps: tuple[Overlap, ...]
    documents: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def copied(self) -> tuple[Overlap, ...]:
        """The overlaps that no other document explains."""
        return tuple(each for each in self.overlaps if not each.elsewhere)

    def leaking(self, *, share: float = SHARE, at_least: int = AT_LEAST) -> bool:
        """Is anything copied, or has a source of `at_least` strings more than that share of leaked ones?"""
        too_many = any(each.strings >= at_least and each.value > share for each in self.shares)
        return bool(self.copied) or too_many


def schema_strings(schema: Schema) -> Iterator[tuple[Place, str]]:
    """Every text of a schema that a model reads; the examples in a label's description one by one too."""
    source = f"schema {schema.name}"
    for label in schema.labels:
        place = Place(source, f"label {label.name}")
        yield place, label.name
        yield place, label.description
        yield from ((place, part) for part in re.split(r"[,;:.()]", label.description))
    for template in schema.templates:
        yield Place(source, f"{template.name} requirement"), template.requirement
        yield from ((Place(source, f"{template.name} assumption"), text) for text in template.assumptions)
        yield from ((Place(source, f"{template.name}/{each.id}"), each.text) for each in template.scenarios)


def leaks(
    strings: Iterable[tuple[Place, str]],
    corpora: Mapping[str, Iterable[Document]],
    scored: str,
    held_out: HeldOut | None = None,
    *,
    words: int = WORDS,
) -> LeakReport:
    """Hold strings against documents. Documents stream by; memory goes with the strings.

    Raises UsageError without strings, without the scored corpus or without documents in one, and for
    `words` below 2.
    """
    if words < 2:
        raise UsageError(f"overlaps of {words} words say nothing", where="words", hint="5 is a good number")
    if scored not in corpora:
        raise UsageError(f"corpus '{scored}' is not given", hint=f"given: {', '.join(corpora)}")
    names, grams = _Names(), _Grams(words)
    for place, text in strings:
        names.add(place, text)
        grams.add(place, text)
    if not names.sources:
        raise UsageError("no string to look at", hint="name a schema or a file of strings")
    search = _Search(names, grams, held_out or HeldOut.none())
    # The scored corpus first: whether a name is known elsewhere depends on which documents it holds.
    search.read(scored, corpora[scored], scored=True)
    for corpus, documents in corpora.items():
        if corpus != scored:
            search.read(corpus, documents, scored=False)
    return search.report()


# --- names -------------------------------------------------------------------------------------------


@dataclass
class _Names:
    """The distinct strings of every source, and where each was met: in the scored gold, elsewhere."""

    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    scored: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    def add(self, place: Place, text: str) -> None:
        """One string of a source; blank ones are none."""
        key = exact_key(text)
        if key:
            self.keys.add(key)
            self.sources.setdefault(place.source, {}).setdefault(key, " ".join(text.split()))

    def meet(self, mentions: Iterable[Mention], *, scored: bool) -> None:
        """Gold mentions of a document."""
        met = self.scored if scored else self.elsewhere
        for mention in mentions:
            for name in (mention.text, *mention.individual_names):
                key = exact_key(name)
                if key in self.keys:
                    met.add(key)

    def shares(self) -> Iterator[Share]:
        """One row for each source."""
        for source, texts in self.sources.items():
            gold = [key for key in texts if key in self.scored]
            leaked = [texts[key] for key in gold if key not in self.elsewhere]
            yield Share(source, len(texts), len(gold), len(leaked), tuple(leaked[:SHOWN]))


# --- words -------------------------------------------------------------------------------------------


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """Words without punctuation at their edges, case-folded, with their offsets."""
    found = []
    for match in _TOKEN.finditer(text):
        word = _EDGES.sub("", match[0]).casefold()
        if word:
            found.append((word, match.start(), match.end()))
    return found


@dataclass(frozen=True)
class _Run:
    """Words that a string (from word `position` on) and a document (from `start` to `end`) share."""

    string: int
    position: int
    length: int
    start: int
    end: int


@dataclass
class _Grams:
    """Runs of so many words -> the strings that hold them."""

    words: int
    places: list[Place] = field(default_factory=list)
    strings: list[list[str]] = field(default_factory=list)
    index: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, place: Place, text: str) -> None:
        """Index a string. Of a run that repeats within it the first place counts."""
        tokens = [word for word, _, _ in _tokens(text)]
        if len(tokens) < self.words:
            return
        number = len(self.places)
        self.places.append(place)
        self.strings.append(tokens)
        for start in range(len(tokens) - self.words + 1):
            found = self.index.setdefault(self._key(tokens, start), [])
            if not found or found[-1][0] != number:
                found.append((number, start))

    def _key(self, tokens: Sequence[str], start: int) -> str:
        return " ".join(tokens[start : start + self.words])

    def places_of(self, run: _Run) -> range:
        """Where in its string the shortest runs within a run begin."""
        return range(run.position, run.position + run.length - self.words + 1)

    def keys_of(self, run: _Run) -> Iterator[str]:
        """The shortest runs within a run."""
        yield from (self._key(self.strings[run.string], at) for at in self.places_of(run))

    def runs(self, text: str) -> Iterator[_Run]:
        """The runs that a text shares with any string, each as long as it goes."""
        tokens = _tokens(text)
        words = [word for word, _, _ in tokens]
        # (string, place in it) where the next shortest run would go on -> the first word in the text.
        begun: dict[tuple[int, int], int] = {}
        for start in range(len(words) - self.words + 2):
            whole = start + self.words <= len(words)
            here = self.index.get(self._key(words, start), []) if whole else []
            going = {(string, at + 1): begun.pop((string, at), start) for string, at in here}
            for (string, after), first in begun.items():
                last = start + self.words - 2
                length = last - first + 1
                position = after + self.words - 1 - length
                yield _Run(string, position, length, tokens[first][1], tokens[last][2])
            begun = going


# --- the search --------------------------------------------------------------------------------------


class _Search:
    """What is found while documents pass by."""

    def __init__(self, names: _Names, grams: _Grams, held_out: HeldOut) -> None:
        self._names = names
        self._grams = grams
        self._held_out = held_out
        self._scored_ids: set[str] = set()
        # For each word of each string one at most, so that memory does not go with the documents.
        self._found: dict[tuple[int, int], tuple[_Run, Overlap]] = {}
        self._elsewhere: set[str] = set()
        self._documents: dict[str, int] = {}
        self._others = self._shared = self._gold = 0

    def read(self, corpus: str, documents: Iterable[Document], *, scored: bool) -> None:
        """Hold every document of a corpus against the strings. Raises UsageError when there is none."""
        self._documents[corpus] = 0
        for document in documents:
            self._documents[corpus] += 1
            held = self._held_out.holds(document.id)
            if scored:
                self._scored_ids.add(document.id)
                self._gold += len(document.mentions)
                self._names.meet(document.mentions, scored=True)
                self._note(corpus, document, held=held)
            elif held or document.id in self._scored_ids:
                self._shared += 1
                self._note(corpus, document, held=held)
            else:
                self._others += 1
                self._names.meet(document.mentions, scored=False)
                for run in self._grams.runs(document.text):
                    self._elsewhere.update(self._grams.keys_of(run))
        if not self._documents[corpus]:
            raise UsageError(f"no document in corpus '{corpus}'", hint="name another file")

    def _note(self, corpus: str, document: Document, *, held: bool) -> None:
        for run in self._grams.runs(document.text):
            places = [(run.string, at) for at in self._grams.places_of(run)]
            if all(each in self._found for each in places) or _is_name(run, document.mentions):
                continue
            text = " ".join(document.text[run.start : run.end].split())
            place = self._grams.places[run.string]
            overlap = Overlap(place, corpus, document.id, run.length, text, held, elsewhere=False)
            for each in places:
                # A longer run says more of the same words.
                if each not in self._found or self._found[each][0].length < run.length:
                    self._found[each] = (run, overlap)

    def report(self) -> LeakReport:
        """All that was found, and what limits it."""
        notes = []
        if not self._gold:
            notes.append("the scored corpus marks no mentions: only overlaps can be told")
        if not self._others:
            notes.append("no other corpus to compare with: names and phrases of everyday use count as leaked")
        if self._shared:
            text = "documents of the other corpora are scored or held out, and excuse nothing"
            notes.append(f"{self._shared} {text}")
        told = dict.fromkeys(self._found[each] for each in sorted(self._found))
        overlaps = [
            replace(overlap, elsewhere=all(key in self._elsewhere for key in self._grams.keys_of(run)))
            for run, overlap in told
        ]
        return LeakReport(tuple(self._names.shares()), tuple(overlaps), self._documents, tuple(notes))


def _is_name(run: _Run, mentions: Iterable[Mention]) -> bool:
    """Does a run lie within one mention? A bracket or full stop beside it is no prose."""
    return any(each.start - 2 <= run.start and run.end <= each.end + 2 for each in mentions)
