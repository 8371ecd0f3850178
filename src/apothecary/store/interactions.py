"""Which drugs should not, or should, be given together, as a table that ``recommend --interactions`` reads.

Harmful are combinations of type NEG and the interactions of DDI (effect, mechanism, advise, int), beneficial
those of type POS. A row is an unordered pair of drugs: of several edges about a pair the one that is believed
most. A combination of more drugs gives a row for every pair, with the other drugs under `with`: what holds of
three together need not hold of two. `severity` is empty unless the user says what a type stands for: a base
knows how sure a statement is, not how bad what it states.

A drug is called by the name met most often in texts that is no short form ("CPA" stands for several drugs);
its other names, brands among them, follow in `names_a` and `names_b`, joined by ``|``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

from apothecary.errors import UsageError
from apothecary.store.edge_rows import Chosen, Edge, batches, edges
from apothecary.store.opening import opened, store_path
from apothecary.store.writing_whole import whole_files
from apothecary.vocab.interactions import LEVELS, drug_key
from apothecary.vocab.spreadsheet_cells import guarded

__all__ = ["TYPES", "Kind", "Pair", "Tabled", "interactions", "pairs_of"]

Kind = Literal["harmful", "beneficial"]
TYPES: Mapping[Kind, frozenset[str]] = {
    "harmful": frozenset({"NEG", "effect", "mechanism", "advise", "int"}),
    "beneficial": frozenset({"POS"}),
}
COLUMNS = (
    *("drug_a", "drug_b", "severity", "source", "belief", "documents", "evidence", "document", "edge"),
    *("type", "kind", "contradicted", "with", "names_a", "names_b"),
)
_NAMES = """
    SELECT concept, name FROM concept_names WHERE concept IN (SELECT unnest(?))
    ORDER BY concept, mentions DESC, name
"""
_SHORT_FORM = re.compile(r"(?=(?:.*[A-Z]){2})\S{1,6}")
Names = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Pair:
    """Two drugs, as concepts in order, with the other drugs of the edge that speaks of them."""

    first: str
    second: str
    others: tuple[str, ...]
    edge: Edge


@dataclass(frozen=True)
class Tabled:
    """What was written: pairs, how many of them stand in larger sets, how many are contradicted."""

    pairs: int
    in_larger_sets: int
    contradicted: int


def interactions(
    store: Path,
    out: Path,
    *,
    min_belief: float = 0.5,
    kind: Kind = "harmful",
    severity: Mapping[str, str] | None = None,
) -> Tabled:
    """Write the table; `severity` gives the word for a type, such as ``{"NEG": "major"}``.

    Raises UsageError for a type that is none of the kind or a severity that no table knows, and as `opened`.
    """
    graded = dict(severity or {})
    for type_, level in graded.items():
        if type_ not in TYPES[kind]:
            known = ", ".join(sorted(TYPES[kind]))
            raise UsageError(f"'{type_}' is no type of {kind} edges", where="--severity", hint=f"use {known}")
        if level not in LEVELS or not level:
            raise UsageError(
                f"'{level}' is no severity", where="--severity", hint=f"use {', '.join(LEVELS[:-1])}"
            )
    with opened(store) as connection:
        found = pairs_of(edges(connection, Chosen(min_belief, types=TYPES[kind])))
        drugs = sorted({concept for pair in found for concept in (pair.first, pair.second, *pair.others)})
        met = batches(connection, _NAMES, [drugs])
    names = {concept: _spelled_out([row[0] for row in met.get(concept, ())], concept) for concept in drugs}
    source = f"kb {store_path(store).stem}"
    table = sorted(_row(pair, names, graded.get(pair.edge.type, ""), source) for pair in found)
    with (
        whole_files(out.parent) as folder,
        (folder / out.name).open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in table:
            writer.writerow(map(guarded, row))
    return Tabled(
        len(found), sum(bool(pair.others) for pair in found), sum(pair.edge.contradicted for pair in found)
    )


def pairs_of(found: Iterable[Edge]) -> list[Pair]:
    """The pairs of drugs that edges speak of, each once."""
    best: dict[tuple[str, str], Pair] = {}
    for edge in found:
        drugs = sorted({each.concept for each in edge.arguments if each.kind == "drug"})
        for one, other in combinations(drugs, 2):
            pair = Pair(one, other, tuple(each for each in drugs if each not in (one, other)), edge)
            known = best.get((one, other))
            if known is None or _rank(pair) < _rank(known):
                best[one, other] = pair
    return list(best.values())


def _rank(pair: Pair) -> tuple[float, int, str]:
    """The surest first; of two as sure the smaller set."""
    return -pair.edge.belief, len(pair.others), pair.edge.edge


def _spelled_out(names: Sequence[str], concept: str) -> list[str]:
    """The names of a drug as they differ, short forms left out where there is another."""
    long = [name for name in names if not _SHORT_FORM.fullmatch(name)] or list(names) or [concept]
    differing: dict[str, str] = {}
    for name in long:
        differing.setdefault(drug_key(name), " ".join(name.replace("|", "/").split()))
    return list(differing.values())


def _row(pair: Pair, names: Names, severity: str, source: str) -> list[str]:
    edge = pair.edge
    one, other = sorted((names[pair.first], names[pair.second]), key=lambda each: each[0])
    quoted = [each for each in edge.supporting() if each.evidence] or edge.supporting()
    said = quoted[0] if quoted else None
    evidence = said.evidence[0].quote if said and said.evidence else ""
    return [
        *(one[0], other[0], severity, source, f"{edge.belief:.4f}", str(edge.documents)),
        *(" ".join(evidence.split()), said.document if said else "", edge.edge, edge.type),
        "beneficial" if edge.type in TYPES["beneficial"] else "harmful",
        *("yes" if edge.contradicted else "", "; ".join(names[each][0] for each in pair.others)),
        *("|".join(one[1:]), "|".join(other[1:])),
    ]
