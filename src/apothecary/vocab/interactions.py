"""Which drugs interact: pairs of names, each with what every source says of it.

A table has no direction: a pair is one pair however it is written, and a source counts once for it. Names are
matched by `drug_key`, so that case, blanks and hyphens do not matter, and by the aliases that a source gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError

__all__ = ["GRADES", "LEVELS", "Interaction", "InteractionTable", "drug_key", "severity_level"]

LEVELS = ("contraindicated", "major", "moderate", "minor", "")
"""From the worst to the one that is not told."""
GRADES = {"contraindicated": 2.0, "major": 1.5, "moderate": 1.0, "minor": 0.5, "": 1.0}
"""How many interactions one counts for where severity counts, by `LEVELS`."""

_HYPHENS = str.maketrans(dict.fromkeys("-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212", ""))

# Beginnings, since sources misspell the rest. The French thesaurus asks for contraindicated, not recommended,
# precautions, or to take into account, and has short forms for them; NDF-RT knows critical and significant.
_BEGINNINGS = (
    ("contraindicated", ("contra", "c0ntra")),
    ("major", ("major", "severe", "critical", "notrec", "norrec")),
    ("moderate", ("moderate", "significant", "precaution")),
    ("minor", ("minor", "mild", "take", "tale")),
)
_SHORT = {"ci": "contraindicated", "ad": "major", "pe": "moderate", "pc": "minor"}


@lru_cache(maxsize=1 << 16)
def drug_key(name: str) -> str:
    """A name without regard to case, blanks and hyphens.

    >>> drug_key(" Co-Trimoxazole ") == drug_key("cotrimoxazole")
    True
    """
    return "".join(name.translate(_HYPHENS).casefold().split())


@lru_cache(maxsize=1 << 10)
def severity_level(severity: str) -> str:
    """Which of `LEVELS` the word of a source stands for; "" for one that is not known.

    >>> severity_level("Severe"), severity_level("Not recommended"), severity_level("1")
    ('major', 'major', '')
    """
    word = "".join(filter(str.isalnum, severity.casefold()))
    if word in _SHORT:
        return _SHORT[word]
    return next((level for level, beginnings in _BEGINNINGS if word.startswith(beginnings)), "")


@dataclass(frozen=True, order=True)
class Interaction:
    """What one source says of two drugs; `first` sorts before `second` (`between` sees to it).

    `severity` is the source's own word, `version` the digest of the file or a release; both may be empty.
    `evidence` is a sentence of `document` that says so, and `belief` how far the source trusts it: a
    probability, or None where it is not told.
    Raises DataError for a pair out of order, or of a drug with itself.
    """

    first: str
    second: str
    severity: str = ""
    source: str = ""
    version: str = ""
    document: str = ""
    evidence: str = ""
    # Not compared: None and a number have no order.
    belief: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.first >= self.second or drug_key(self.first) == drug_key(self.second):
            raise DataError("an interaction is one of two drugs, in the order of their names")

    @classmethod
    def between(
        cls, one: str, other: str, severity: str = "", source: str = "", version: str = ""
    ) -> Interaction:
        """The interaction of two drugs given in either order. Raises DataError for one drug given twice."""
        first, second = sorted((one, other))
        return cls(first, second, severity, source, version)

    def cited(self, document: str, evidence: str, belief: float | None) -> Interaction:
        """The interaction with the sentence that it rests on."""
        return replace(self, document=document, evidence=evidence, belief=belief)


class InteractionTable:
    """Interactions by pair; built by `of`. Of several things that a source says of a pair the worst stays."""

    def __init__(
        self,
        by_pair: Mapping[tuple[str, str], tuple[Interaction, ...]],
        aliases: Mapping[str, frozenset[str]],
        beneficial: InteractionTable | None = None,
    ) -> None:
        self._by_pair = by_pair
        self._aliases = aliases
        self._beneficial = beneficial

    @classmethod
    def of(
        cls,
        rows: Iterable[Interaction],
        aliases: Iterable[tuple[str, str]] = (),
        beneficial: Iterable[Interaction] = (),
    ) -> InteractionTable:
        """The table of all rows, in whatever order and however often they come.

        `aliases` are other names of drugs with the names that the rows use. Of an alias with several names
        each counts, and an alias of an alias is none. `beneficial` are rows that say the opposite: that two
        drugs help together. They are kept beside, and are no interactions.
        """
        aliases, helpful = tuple(aliases), tuple(beneficial)
        found: dict[tuple[str, str], dict[str, Interaction]] = {}
        for row in rows:
            sources = found.setdefault(_pair(drug_key(row.first), drug_key(row.second)), {})
            known = sources.get(row.source)
            if known is None or _rank(row) < _rank(known):
                sources[row.source] = row
        known_keys = {key for pair in found for key in pair}
        other: dict[str, set[str]] = {}
        for alias, name in aliases:
            if drug_key(name) in known_keys and drug_key(alias) != drug_key(name):
                other.setdefault(drug_key(alias), set()).add(drug_key(name))
        return cls(
            {
                pair: tuple(sources[name] for name in sorted(sources))
                for pair, sources in sorted(found.items())
            },
            {alias: frozenset(names) for alias, names in other.items()},
            cls.of(helpful, aliases) if helpful else None,
        )

    def __len__(self) -> int:
        return len(self._by_pair)

    def union(self, *others: InteractionTable) -> InteractionTable:
        """This table and others as one."""
        tables = (self, *others)
        return InteractionTable.of(
            (row for table in tables for row in table.rows),
            (pair for table in tables for pair in (*table.aliases, *table.beneficial.aliases)),
            (row for table in tables for row in table.beneficial.rows),
        )

    def also_named(self, groups: Iterable[Iterable[str]]) -> InteractionTable:
        """This table where all names of a group are names of one drug: what is said of any counts for each.

        The rows stay as their sources have them.
        """
        keys = tuple(frozenset(map(drug_key, group)) for group in groups)
        aliases = {alias: set(names) for alias, names in self._aliases.items()}
        of_drug: dict[str, set[str]] = {}
        for alias, names in self._aliases.items():
            for name in names:
                of_drug.setdefault(name, set()).add(alias)
        for group in keys:
            drugs = {drug for name in group for drug in self._keys_of(name)}
            # Other names that the sources have for a drug of the group follow it.
            for name in group.union(*(of_drug.get(drug, ()) for drug in drugs & group)):
                aliases.setdefault(name, set()).update(drugs - {name})
        return InteractionTable(
            self._by_pair,
            {alias: frozenset(names) for alias, names in aliases.items() if names},
            self._beneficial.also_named(keys) if self._beneficial else None,
        )

    @property
    def beneficial(self) -> InteractionTable:
        """What is told of drugs that help together; most tables tell nothing of it."""
        return self._beneficial or InteractionTable({}, {})

    @cached_property
    def rows(self) -> tuple[Interaction, ...]:
        """Every interaction, one of a pair and a source, in the order of the pairs."""
        return tuple(row for rows in self._by_pair.values() for row in rows)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Every pair once, named as its first source does; the first name sorts before the second."""
        return frozenset((rows[0].first, rows[0].second) for rows in self._by_pair.values())

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The sources, sorted."""
        return tuple(sorted({row.source for row in self.rows}))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The drugs that interact with any, one name for each, sorted."""
        named: dict[str, str] = {}
        for row in self.rows:
            for name in (row.first, row.second):
                named.setdefault(drug_key(name), name)
        return tuple(sorted(named.values()))

    @property
    def aliases(self) -> tuple[tuple[str, str], ...]:
        """Other names with the names they stand for, as keys."""
        return tuple((alias, name) for alias, names in self._aliases.items() for name in sorted(names))

    def knows(self, name: str) -> bool:
        """Whether the table says anything of a drug."""
        return bool(self._keys_of(name))

    def outside(self, names: Iterable[str]) -> tuple[str, ...]:
        """The drugs of the table that none of the names stands for."""
        within = {key for name in names for key in self._keys_of(name)}
        return tuple(name for name in self.names if drug_key(name) not in within)

    def of_pair(self, one: str, other: str) -> tuple[Interaction, ...]:
        """What the sources say of two drugs, in the order of the sources; () for nothing."""
        found = {
            row
            for left in self._keys_of(one)
            for right in self._keys_of(other)
            for row in self._by_pair.get(_pair(left, right), ())
        }
        return tuple(sorted(found, key=lambda row: (row.source, row)))

    def of_source(self, source: str) -> InteractionTable:
        """What one source alone says."""
        return InteractionTable.of((row for row in self.rows if row.source == source), self.aliases)

    def among(self, names: Iterable[str]) -> tuple[tuple[Interaction, ...], ...]:
        """The interactions between the drugs of a list: for each pair what its sources say, in order."""
        each = {drug_key(name): name for name in names}
        listed = [each[key] for key in sorted(each) if self.knows(each[key])]
        said = (self.of_pair(one, other) for one, other in combinations(listed, 2))
        return tuple(rows for rows in said if rows)

    def matrix(self, names: Sequence[str]) -> NDArray[np.float64]:
        """1.0 where two of the names interact, else 0.0; symmetric, 0.0 on the diagonal.

        Shapes: result names x names.
        """
        return self._filled(names, dict.fromkeys(self._by_pair, 1.0))

    def graded(self, names: Sequence[str], *, by_severity: bool) -> NDArray[np.float64]:
        """`weights` by `GRADES`, or `matrix` where severity does not count."""
        return self.weights(names, GRADES) if by_severity else self.matrix(names)

    def weights(self, names: Sequence[str], severities: Mapping[str, float]) -> NDArray[np.float64]:
        """As `matrix`, with the weight of the worst that is said of each pair.

        `severities` gives the weight of a source's word, or of its level (`LEVELS`; "" is for those that are
        not told). What it does not list weighs 1.0.
        """
        known = {word.casefold(): weight for word, weight in severities.items()}
        return self._filled(
            names, {pair: max(_weight(row, known) for row in rows) for pair, rows in self._by_pair.items()}
        )

    def _keys_of(self, name: str) -> frozenset[str]:
        """The drugs of the table that a name stands for."""
        key = drug_key(name)
        own = frozenset((key,)) if key in self._known else frozenset()
        return own | self._aliases.get(key, frozenset())

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(key for pair in self._by_pair for key in pair)

    def _filled(self, names: Sequence[str], values: Mapping[tuple[str, str], float]) -> NDArray[np.float64]:
        places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            for key in self._keys_of(name):
                places.setdefault(key, []).append(place)
        result = np.zeros((len(names), len(names)))
        for (one, other), value in values.items():
            for row in places.get(one, ()):
                for column in places.get(other, ()):
                    if row != column:
                        worse = max(value, result[row, column])
                        result[row, column] = result[column, row] = worse
        return result


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _rank(row: Interaction) -> tuple[int, float, Interaction]:
    """Worst first, then the surest; of two that are alike in both any, but always the same."""
    return LEVELS.index(severity_level(row.severity)), -(row.belief or 0.0), row


def _weight(row: Interaction, severities: Mapping[str, float]) -> float:
    word = row.severity.casefold()
    return severities.get(word, severities.get(severity_level(row.severity), 1.0))
