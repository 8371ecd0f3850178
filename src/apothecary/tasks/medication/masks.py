"""Hard masks: drugs that a list must not hold, whatever any score or reward says.

| mask | bars |
|---|---|
| `allergy` | a drug that allergies name: by its name, an alias, a class, a part of a combination |
| `exclusion of the visit` | a drug or class that the visit excludes |
| `exclusion` | a drug or class that the user excludes |
| `duplicate class` | a second drug of a class, where the user gives classes |

Allergies are prose. A drug is barred when its name, an alias, one of its classes or a part of its name
("amoxicillin" of amoxicillin-clavulanate) stands in them as whole words, and when all of a phrase stands in
its name ("penicillin" for penicillin G). This errs to the safe side: "tolerates aspirin" bars aspirin. What
names nothing that is known is counted, never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from apothecary.tasks.recommending import Knowledge
from apothecary.visits import Visit
from apothecary.vocab.drug_words import PACKING, SALTS
from apothecary.vocab.interactions import drug_key

__all__ = ["Barred", "HardMasks", "VisitMask"]

_WORD = re.compile(r"[^\W_]+")
_PHRASES = re.compile(r"[,;/\n]|\band\b|\bor\b|\bwith\b")
_NOTHING = re.compile(
    r"\s*(nka|nkda|none|nil|no|unknown|)\W*|.*\bno (known )?(\w+ ){0,3}allerg.*", re.IGNORECASE | re.DOTALL
)
_SHORTEST, _LONGEST = 4, 6
"""Letters of a part of a name that says something alone; words of a name that are looked for."""
_SAYS_NOTHING = PACKING | SALTS | frozenset({"acid", "drug", "drugs", "agents", "other", "vitamin"})

Words = tuple[str, ...]


@dataclass(frozen=True)
class Barred:
    """Why a drug is barred: which mask, and by what name of the vocabulary, an alias or a class."""

    mask: str
    by: str


@dataclass(frozen=True)
class VisitMask:
    """The drugs barred in one visit by their places, and how much of it named nothing that is known."""

    barred: Mapping[int, Barred]
    unknown_allergies: int = 0
    unknown_exclusions: int = 0


@dataclass(frozen=True)
class HardMasks:
    """The masks over one vocabulary."""

    vocabulary: tuple[str, ...]
    knowledge: Knowledge

    def of_visit(self, visit: Visit) -> VisitMask:
        """What is barred in a visit; of several masks the first of the table above is told."""
        barred: dict[int, Barred] = {}
        unknown_allergies = 0
        for text in visit.allergies:
            found = self._named(text)
            for place, by in found.items():
                barred.setdefault(place, Barred("allergy", by))
            # What stands for a drug outside of the vocabulary is known, and bars nothing.
            known = found or _NOTHING.fullmatch(text) or drug_key(text) in self._elsewhere
            unknown_allergies += not known
        places, unknown = self._excluded(visit.exclusions)
        for place, by in places.items():
            barred.setdefault(place, Barred("exclusion of the visit", by))
        for place, by in self._users[0].items():
            barred.setdefault(place, Barred("exclusion", by))
        return VisitMask(barred, unknown_allergies, len(unknown))

    @property
    def classified(self) -> int:
        """How many drugs of the vocabulary have a class."""
        return len(self._classes)

    @property
    def unknown_exclusions(self) -> tuple[str, ...]:
        """What the user excludes and nobody knows."""
        return self._users[1]

    @cached_property
    def rivals(self) -> NDArray[np.float64] | None:
        """1.0 where two drugs share a class; None without classes. Shapes: result drugs x drugs."""
        if not any(self._classes.values()):
            return None
        names = sorted({name for classes in self._classes.values() for name in classes})
        columns = {name: place for place, name in enumerate(names)}
        member = np.zeros((len(self.vocabulary), len(names)))
        for place, classes in self._classes.items():
            member[place, [columns[name] for name in classes]] = 1.0
        shared = (member @ member.T > 0).astype(np.float64)
        np.fill_diagonal(shared, 0.0)
        return shared

    def shared_class(self, one: int, other: int) -> str:
        """A class of two drugs, the first in the alphabet; "" for none."""
        return min(self._classes.get(one, frozenset()) & self._classes.get(other, frozenset()), default="")

    @cached_property
    def _places(self) -> dict[str, int]:
        """The drugs of the vocabulary by key, also by their aliases."""
        places = {drug_key(name): place for place, name in enumerate(self.vocabulary)}
        names = self.knowledge.names
        for key, name in names.keys.items() if names else ():
            if drug_key(name) in places:
                places.setdefault(key, places[drug_key(name)])
        return places

    @cached_property
    def _elsewhere(self) -> frozenset[str]:
        """Keys of drugs that are known and not in the vocabulary."""
        keys = set(self.knowledge.names.keys) if self.knowledge.names else set()
        return frozenset(keys | {drug_key(drug) for drug, _ in self.knowledge.classes} - self._places.keys())

    @cached_property
    def _classes(self) -> dict[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for drug, name in self.knowledge.classes:
            place = self._places.get(drug_key(drug))
            if place is not None:
                found.setdefault(place, set()).add(name)
        return {place: frozenset(names) for place, names in found.items()}

    @cached_property
    def _members(self) -> dict[str, frozenset[int]]:
        """The drugs of each class by the key of its name; a class may have none of the vocabulary."""
        found: dict[str, set[int]] = {drug_key(name): set() for _, name in self.knowledge.classes}
        for place, names in self._classes.items():
            for name in names:
                found[drug_key(name)].add(place)
        return {key: frozenset(places) for key, places in found.items()}

    @cached_property
    def _users(self) -> tuple[dict[int, str], tuple[str, ...]]:
        excluded = list(self.knowledge.excluded)
        names = self.knowledge.names
        found, unknown = self._excluded(excluded)
        for place, name in enumerate(self.vocabulary):
            if names and names.excludes(name):
                found.setdefault(place, name)
        return found, unknown

    def _excluded(self, texts: Iterable[str]) -> tuple[dict[int, str], tuple[str, ...]]:
        """The drugs that are named, or whose class is, and what names none."""
        found: dict[int, str] = {}
        unknown = []
        for text in texts:
            key = drug_key(text)
            places = set(self._members.get(key, ()))
            if key in self._places:
                places.add(self._places[key])
            elif key not in self._members and key not in self._elsewhere:
                unknown.append(text)
            by = self.vocabulary[self._places[key]] if key in self._places else text.strip()
            found.update(dict.fromkeys(places, by))
        return found, tuple(unknown)

    def _named(self, text: str) -> dict[int, str]:
        """The drugs that a text of allergies names, with the name or class it names them by."""
        found: dict[int, str] = {}
        raw = _WORD.findall(text.casefold())
        words = tuple(map(_singular, raw))
        for start in range(len(words)):
            for end in range(start + 1, min(start + _LONGEST, len(words)) + 1):
                # Written in one word or in several.
                known = self._places.get("".join(raw[start:end]))
                if known is not None:
                    found.setdefault(known, self.vocabulary[known])
                for place, by in self._terms.get(words[start:end], ()):
                    found.setdefault(place, by)
        for phrase in _PHRASES.split(text):
            for place, by in self._parts.get(_words(phrase), ()):
                found.setdefault(place, by)
        return found

    @cached_property
    def _terms(self) -> dict[Words, list[tuple[int, str]]]:
        """What names a drug when it stands in a text: names, classes, parts of combinations."""
        found: dict[Words, list[tuple[int, str]]] = {}
        for place, name in enumerate(self.vocabulary):
            for term in (_words(name), *_combined(name)):
                found.setdefault(term, []).append((place, name))
        for place, classes in self._classes.items():
            for name in sorted(classes):
                found.setdefault(_words(name), []).append((place, name))
        found.pop((), None)
        return found

    @cached_property
    def _parts(self) -> dict[Words, list[tuple[int, str]]]:
        """What names a drug when it is a whole phrase: any run of words of its name or of its class."""
        found: dict[Words, list[tuple[int, str]]] = {}
        named = [(place, name) for place, name in enumerate(self.vocabulary)]
        named += [(place, name) for place, classes in self._classes.items() for name in sorted(classes)]
        for place, name in named:
            for run in _runs(_words(name)):
                if any(_says(word) for word in run):
                    found.setdefault(run, []).append((place, name))
        return found


def _words(text: str) -> Words:
    """The words of a text, without regard to case and number."""
    return tuple(_singular(word) for word in _WORD.findall(text.casefold()))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > _SHORTEST and word.endswith("s") and not word.endswith("ss") else word


def _says(word: str) -> bool:
    return len(word) >= _SHORTEST and word not in _SAYS_NOTHING and not word.isdigit()


def _combined(name: str) -> Iterator[Words]:
    """The drugs of a combination, as its name tells them."""
    parts = [_words(part) for part in re.split(r"[-/+,&]|\band\b|\bwith\b", name)]
    if len(parts) > 1:
        yield from (part for part in parts if any(map(_says, part)))


def _runs(words: Sequence[str]) -> Iterator[Words]:
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            yield tuple(words[start:end])
