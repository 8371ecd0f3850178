"""The merged public set of potential interactions of 2017, and one name for each of its drugs.

Source: Ayvaz et al. 2015, file ``CombinedDatasetConservative.csv`` (tab-separated). What its rows are like:
drugs have DrugBank ids, but a tenth of the rows name one without; every part names drugs in its own way, with
underscores for blanks; the part Kegg lost the first letters of its names; the part FrenchDB has French ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from apothecary.vocab.interactions import drug_key

__all__ = ["MergedRow", "Said", "merged_interactions"]

Said = tuple[tuple[str, str], str, str]
"""Two names, the severity and the source."""

# Whose names are those of the drugs, from the best; in other parts are brands or French names.
_NAMING = (
    "Drugbank",
    "ONC-HighPriority",
    "ONC-NonInteruptive",
    "HIV",
    "HEP",
    "OSCAR",
    "NDF-RT",
    "World-Vista",
)
_LAST = "Kegg"
_NONE = "none"


@dataclass(frozen=True)
class MergedRow:
    """The columns that are used, as they are written; "None" is nothing."""

    id_one: str
    name_one: str
    id_other: str
    name_other: str
    source: str
    severity: str
    contraindication: str
    precaution: str

    @property
    def grade(self) -> str:
        """The severity, or what the columns of yes and no say."""
        if self.severity.casefold() not in ("", _NONE):
            return self.severity
        if self.contraindication.casefold() == "true":
            return "contraindicated"
        return "precaution" if self.precaution.casefold() == "true" else ""

    @cached_property
    def drugs(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Id ("" where there is none) and name of both."""
        return _drug(self.id_one, self.name_one), _drug(self.id_other, self.name_other)


def merged_interactions(rows: Iterable[MergedRow]) -> tuple[list[Said], list[tuple[str, str]]]:
    """What the rows say with one name for each drug, and other names with that one.

    A drug that has no id goes by its own name. A name that stands for two ids is no other name of either.
    """
    held = [(row.drugs, row.grade, row.source) for row in rows if all(map(any, row.drugs))]
    seen: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for drugs, _, source in held:
        for identity, name in drugs:
            if identity and name:
                seen[identity][name, source] += 1
    named = {identity: _best(names) for identity, names in seen.items()}
    interactions: list[Said] = []
    for drugs, grade, source in held:
        one, other = (named.get(identity, name or identity) for identity, name in drugs)
        interactions.append(((one, other), grade, source))
    return interactions, _aliases(named, seen)


@lru_cache(maxsize=1 << 14)
def _drug(identity: str, name: str) -> tuple[str, str]:
    # An id looks like http://bio2rdf.org/drugbank:DB00073, in places with a byte order mark in it.
    bare = "".join(filter(str.isalnum, identity.rsplit(":", 1)[-1]))
    return bare, " ".join(name.replace("_", " ").strip("\ufeff").split())


def _best(names: Mapping[tuple[str, str], int]) -> str:
    def rank(named: tuple[str, str]) -> tuple[int, int, str]:
        name, source = named
        place = _NAMING.index(source) if source in _NAMING else len(_NAMING) + (source == _LAST)
        return place, -names[named], name

    return min(names, key=rank)[0]


def _aliases(
    named: Mapping[str, str], seen: Mapping[str, Mapping[tuple[str, str], int]]
) -> list[tuple[str, str]]:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for identity, name in named.items():
        owners[drug_key(name)].add(identity)
        for alias, source in seen[identity]:
            if source != _LAST:
                owners[drug_key(alias)].add(identity)
    return [
        (alias, named[next(iter(identities))]) for alias, identities in owners.items() if len(identities) == 1
    ]
