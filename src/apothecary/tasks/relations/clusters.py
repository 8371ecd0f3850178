"""Names -> concepts: rules first, then a model's answers, then broader/narrower edges between concepts.

Source: Zhao et al. 2025, stages I b and I c. Departures:
1. Spelling variants, plurals and defined abbreviations are merged by rule and never asked about; nor are
   names that a vocabulary links to the same ids.
2. Clusters are a union-find over names: the result does not depend on the order of the pairs. An
   answer that the closure contradicts is reported.
3. One question decides between same, broader, narrower and different, where the source asks one
   question for synonymy and two (one for each direction) for broader/narrower.
4. Broader/narrower is an edge between concepts, checked for cycles (the least certain edge of a
   cycle goes), not a flag on strings.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from apothecary.align.abbreviations import abbreviations
from apothecary.documents import Concept, Document, Mention

__all__ = ["Conflict", "Names", "Verdict", "concepts_of", "group_by_rule", "name_pairs", "normal_form"]


@dataclass(frozen=True)
class Verdict:
    """How two names relate: ``=``, ``>`` (first is broader), ``<`` or ``~``, and how sure that is.

    `log_odds` is the evidence for the answer against the others; None when the engine gave none.
    """

    first: str
    second: str
    answer: str
    log_odds: float | None = None


@dataclass(frozen=True)
class Conflict:
    """Answers that cannot all be true, what they were about, and what was done."""

    kind: str
    text: str


@dataclass
class Names:
    """The distinct names of one type in a document, joined into groups (union-find over their order).

    `linked` are those that a vocabulary knows.
    """

    type: str
    names: list[str]
    parent: dict[str, str] = field(init=False)
    rank: dict[str, int] = field(init=False)
    linked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.parent = {name: name for name in self.names}
        self.rank = {name: position for position, name in enumerate(self.names)}

    def find(self, name: str) -> str:
        """The first name of the group, in order of appearance."""
        while self.parent[name] != name:
            self.parent[name] = self.parent[self.parent[name]]
            name = self.parent[name]
        return name

    def join(self, first: str, second: str) -> None:
        """Put two names into one group."""
        a, b = self.find(first), self.find(second)
        if a != b:
            # The earlier name stays the root, whatever the order of the calls.
            early, late = sorted((a, b), key=self.rank.__getitem__)
            self.parent[late] = early

    def groups(self) -> list[list[str]]:
        """The groups, each in order of appearance, in order of their first names."""
        grouped: dict[str, list[str]] = {}
        for name in self.names:
            grouped.setdefault(self.find(name), []).append(name)
        return list(grouped.values())


DASHES = re.compile(r"[\s\-\u2010-\u2015\u2212_/]+")
PUNCTUATION = re.compile(r"[^\w+ ]")


def normal_form(name: str) -> str:
    """A name without case, accents, hyphens, punctuation and the plural of its last word."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    folded = "".join(char for char in folded if not unicodedata.combining(char))
    words = PUNCTUATION.sub("", DASHES.sub(" ", folded)).split()
    if not words:
        return name
    return " ".join([*words[:-1], _singular(words[-1])])


def _singular(word: str) -> str:
    # "ss", "us" and "is" end singular nouns (abscess, thrombus, sepsis); short words are abbreviations.
    if len(word) <= 3 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1]


def group_by_rule(document: Document, mentions: Sequence[Mention], kind: str) -> Names:
    """The names of one type, joined where spelling or an abbreviation's definition says so."""
    names = Names(kind, list(dict.fromkeys(m.text for m in mentions if m.type == kind)))
    by_form: dict[str, str] = {}
    for name in names.names:
        form = normal_form(name)
        names.join(by_form.setdefault(form, name), name)
    for found in abbreviations(document.text):
        short = document.text[found.short.start : found.short.end]
        long = document.text[found.long.start : found.long.end]
        a, b = by_form.get(normal_form(short)), by_form.get(normal_form(long))
        if a and b:
            names.join(a, b)
    by_ids: dict[tuple[str, ...], str] = {}
    for mention in mentions:
        if mention.type == kind and mention.ids:
            names.join(by_ids.setdefault(mention.ids, mention.text), mention.text)
            names.linked.add(mention.text)
    return names


def name_pairs(names: Names, policy: str, *, linked: bool = True) -> Iterator[tuple[str, str]]:
    """The pairs of names that a model is asked about: one for each two groups.

    `policy` is ``none``, ``lexical`` (only groups that share a word stem or could abbreviate one
    another: the doubtful ones) or ``all``. A group speaks through its longest name. Two groups that a
    vocabulary links are two concepts: without `linked` they are left out, which is right where the
    answer cannot make one of them the broader.
    """
    if policy == "none":
        return
    groups = {max(group, key=len): group for group in names.groups()}
    known = {speaker for speaker, group in groups.items() if not names.linked.isdisjoint(group)}
    forms = {name: normal_form(name).split() for name in groups}
    for first, second in combinations(groups, 2):
        if not linked and first in known and second in known:
            continue
        if policy == "all" or _alike(forms[first], forms[second]):
            yield first, second


def _alike(one: list[str], two: list[str]) -> bool:
    stems = [{word[:5] for word in words if len(word) > 3} for words in (one, two)]
    if stems[0] & stems[1]:
        return True
    short, long = sorted((one, two), key=len)
    initials = "".join(word[0] for word in long)
    return len(short) == 1 and len(long) > 1 and short[0] == initials


def concepts_of(
    mentions: Sequence[Mention], names: Iterable[Names], verdicts: Mapping[str, Sequence[Verdict]]
) -> tuple[tuple[Concept, ...], list[Conflict]]:
    """Concepts in order of first appearance, with broader edges, and the conflicts on the way.

    `verdicts` are a model's answers by type.
    """
    concepts: list[Concept] = []
    conflicts: list[Conflict] = []
    edges: dict[tuple[str, str], float] = {}
    for each in names:
        answers = verdicts.get(each.type, ())
        for verdict in answers:
            if verdict.answer == "=":
                each.join(verdict.first, verdict.second)
        conflicts += _contradictions(each, answers)
        edges |= _edges(each, answers)
        concepts += [_concept(each.type, group, mentions) for group in each.groups()]
    concepts.sort(key=lambda concept: concept.mentions[0] if concept.mentions else len(mentions))
    numbered = [replace(concept, id=f"c{index}") for index, concept in enumerate(concepts, start=1)]
    owner = {(concept.type, name): concept.id for concept in numbered for name in concept.names}
    kept = _without_cycles(edges, conflicts)
    return tuple(_with_edges(concept, kept, owner) for concept in numbered), conflicts


def _concept(kind: str, group: list[str], mentions: Sequence[Mention]) -> Concept:
    members = set(group)
    places = tuple(i for i, m in enumerate(mentions) if m.type == kind and m.text in members)
    return Concept("", kind, places, tuple(group))


def _contradictions(names: Names, verdicts: Sequence[Verdict]) -> list[Conflict]:
    return [
        Conflict("synonym", f"'{v.first}' {v.answer} '{v.second}' was answered, but other answers join them")
        for v in verdicts
        if v.answer != "=" and names.find(v.first) == names.find(v.second)
    ]


def _edges(names: Names, verdicts: Sequence[Verdict]) -> dict[tuple[str, str], float]:
    """Edges broader -> narrower between group roots; the root carries its type to keep types apart."""
    edges: dict[tuple[str, str], float] = {}
    for verdict in verdicts:
        if verdict.answer not in "<>":
            continue
        ends = (verdict.first, verdict.second) if verdict.answer == ">" else (verdict.second, verdict.first)
        broad, narrow = (f"{names.type}\t{names.find(end)}" for end in ends)
        if broad != narrow:
            weight = verdict.log_odds if verdict.log_odds is not None else 0.0
            edges[broad, narrow] = max(weight, edges.get((broad, narrow), -math.inf))
    return edges


def _without_cycles(
    edges: dict[tuple[str, str], float], conflicts: list[Conflict]
) -> dict[tuple[str, str], float]:
    """Add edges from the surest down and leave out each that would close a cycle."""
    kept: dict[tuple[str, str], float] = {}
    children: dict[str, set[str]] = {}
    # Ties are broken by name so that the result does not depend on the order of the answers.
    for (broad, narrow), weight in sorted(edges.items(), key=lambda item: (-item[1], item[0])):
        if _reaches(children, narrow, broad):
            a, b = (end.split("\t", 1)[1] for end in (broad, narrow))
            conflicts.append(Conflict("broader", f"'{a}' above '{b}' would close a cycle and was left out"))
            continue
        kept[broad, narrow] = weight
        children.setdefault(broad, set()).add(narrow)
    return kept


def _reaches(children: Mapping[str, set[str]], start: str, goal: str) -> bool:
    stack, seen = [start], {start}
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        new = children.get(node, set()) - seen
        seen |= new
        stack += new
    return False


def _with_edges(
    concept: Concept, edges: Iterable[tuple[str, str]], owner: Mapping[tuple[str, str], str]
) -> Concept:
    root = f"{concept.type}\t{concept.names[0]}"
    narrower = {owner[concept.type, narrow.split("\t", 1)[1]] for broad, narrow in edges if broad == root}
    return replace(concept, broader_than=tuple(sorted(narrower, key=lambda c: int(c[1:]))))
