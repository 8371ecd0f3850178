"""Names in an answer -> drugs of the sentence, with their places; what is not in the sentence is told.

A drug that the sentence does not name is never part of a combination: in the training part of DrugComb all
members stand in their sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apothecary.align.locate import locate
from apothecary.documents import Span, Unlocated
from apothecary.tasks.combinations.answers import Combination
from apothecary.tasks.combinations.candidates import DRUG, Candidate, Drug

__all__ = ["Grounded", "Grounding", "ground"]

LONGEST_NAME = 200
"""Characters of a name that is looked for; no drug of the corpora has half as many."""
MOST_DRUGS = 50
MOST_ITEMS = 200
"""Combinations of one answer that are looked at; the most that a corpus has in a sentence are 51."""


@dataclass(frozen=True)
class Grounded:
    """A combination whose drugs all stand in the sentence of its candidate."""

    type: str
    drugs: tuple[Drug, ...]
    candidate: Candidate

    @property
    def keys(self) -> frozenset[str]:
        """What tells this set of drugs from others of its document."""
        return frozenset(self.candidate.source.key(drug.name) for drug in self.drugs)


@dataclass
class Grounding:
    """What became of the items of one answer."""

    items: list[Grounded] = field(default_factory=list)
    unlocated: list[Unlocated] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)


def ground(items: Sequence[Combination], candidate: Candidate) -> Grounding:
    """Find the drugs of each item in the sentence: as given, as written, under folding, nearly alike.

    A name that is not there is taken out of its item. An item that is left with fewer than two different
    drugs, and one that repeats another, is left out whole.
    """
    found = Grounding()
    places: dict[str, Drug | None] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    if len(items) > MOST_ITEMS:
        found.repairs.append("combinations beyond the limit left out")
    for item in items[:MOST_ITEMS]:
        drugs: dict[str, Drug] = {}
        for name in item.drugs[:MOST_DRUGS]:
            if name not in places:
                places[name] = _find(name, candidate)
                if places[name] is None:
                    found.unlocated.append(Unlocated(name[:LONGEST_NAME], DRUG, "not in the sentence"))
            drug = places[name]
            if drug is None:
                found.repairs.append("name that is not in the sentence left out")
            else:
                drugs.setdefault(candidate.source.key(drug.name), drug)
        key = item.type, frozenset(drugs)
        if len(drugs) < 2:
            found.repairs.append("combination of fewer than two drugs left out")
        elif key in seen:
            found.repairs.append("repeated combination left out")
        else:
            seen.add(key)
            found.items.append(Grounded(item.type, tuple(drugs.values()), candidate))
    return found


def _find(name: str, candidate: Candidate) -> Drug | None:
    key = candidate.source.key(name)
    for drug in candidate.drugs:
        if candidate.source.key(drug.name) == key:
            return drug
    if len(name) > LONGEST_NAME:
        return None
    shift = candidate.sentence.start
    places = locate(name, candidate.text)
    if not places:
        return None
    spans = tuple(Span(shift + place.span.start, shift + place.span.end) for place in places)
    text = candidate.source.document.text[spans[0].start : spans[0].end]
    # Found under another spelling: the drug of that name, where there is one.
    same = candidate.source.key(text)
    known = next((drug for drug in candidate.drugs if candidate.source.key(drug.name) == same), None)
    return known or Drug(text, spans, places[0].alignment)
