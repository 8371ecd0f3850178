"""Vectors for the soft tokens of visits: what is known of codes and drugs, beside what visits say of them.

Each vector is two, side by side: what a code or a drug has in common with others in the visits of a training,
and what is known of it without any visit: the categories and the chapter of a code; of a drug what the user
gives, such as vectors of molecules. A code comes with what stands above it, and is the mean of these: one
that no training saw has the vector of its category.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from apothecary.errors import DataError, UsageError
from apothecary.networks.visit_encoder import VectorTable, attribute_table, encode_visits
from apothecary.tasks.medication.features import coded
from apothecary.tasks.medication.visit_text import check_kinds
from apothecary.tasks.recommending import Case

__all__ = ["soft_tables"]


def soft_tables(
    cases: Sequence[Case], kinds: Sequence[str], width: int, given: VectorTable | None
) -> dict[str, VectorTable]:
    """A table for each kind, made of these cases alone; `given` has vectors of drugs.

    Raises UsageError for a kind that there is not, DataError for visits without codes or drugs.
    """
    wanted = check_kinds(kinds)
    if given is not None and "drug" not in wanted:
        raise UsageError("vectors of drugs go with soft tokens of drugs", hint="--soft drug")
    codes, drugs = encode_visits(
        [({name for _, code in _codes(case) for name in code}, case.visit.names) for case in cases],
        width,
    )
    above = _above(cases)
    tables = {"drug": drugs if given is None else _beside(drugs, given)}
    for kind in ("diagnosis", "procedure"):
        own = {name: known for name, known in above.items() if name.startswith(f"{kind} ")}
        places = [place for place, name in enumerate(codes.names) if name in own]
        if places:
            seen = VectorTable(tuple(codes.names[place] for place in places), codes.vectors[places])
            tables[kind] = _beside(seen, attribute_table(own, width))
    # Codes of both kinds are told apart by their names.
    tables["visit"] = codes
    lacking = sorted(wanted - tables.keys())
    if lacking:
        raise DataError(f"no visit has a {lacking[0]} to make vectors of")
    return {kind: tables[kind] for kind in sorted(wanted)}


def _codes(case: Case) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every code of a visit, each as its name and all that stands above it."""
    for kind, codes in (("diagnosis", case.visit.diagnoses), ("procedure", case.visit.procedures)):
        for code in codes:
            yield kind, tuple(coded(kind, [code]))


def _above(cases: Sequence[Case]) -> Mapping[str, set[str]]:
    """For each name of a code or category what is known of it: itself, where nothing stands above it."""
    found: dict[str, set[str]] = {}
    for case in cases:
        for _, names in _codes(case):
            for place, name in enumerate(names):
                found.setdefault(name, set()).update(names[place:])
    return found


def _beside(one: VectorTable, other: VectorTable) -> VectorTable:
    """The vectors of both tables, side by side: zero where one has none."""
    names = tuple(dict.fromkeys((*one.names, *other.names)))
    return VectorTable(names, np.hstack([[table.mean([name]) for name in names] for table in (one, other)]))
