"""Visits as data: parts that no patient is torn between, and counts.

Every part follows from a seed and the set of patients alone, not from the order of the visits, so that the
same file gives the same parts everywhere, and all methods of a comparison the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from apothecary.corpora.lots import ranks_of
from apothecary.corpora.visit_times import earlier_visits, late_inputs, patients_of
from apothecary.errors import DataError, UsageError
from apothecary.visits import Code, Visit

__all__ = ["HoldOut", "folds", "hold_outs", "split", "stats", "visit_stats"]


@dataclass(frozen=True)
class HoldOut:
    """Two parts without a common patient; visits in the order in which they were given."""

    train: tuple[Visit, ...]
    test: tuple[Visit, ...]


def split(
    visits: Sequence[Visit], shares: Mapping[str, float], *, seed: int = 0
) -> dict[str, tuple[Visit, ...]]:
    """Parts by their names, each with about its share of the patients; the order is kept in each.

    Raises UsageError unless the shares are not negative and sum up to 1.
    """
    if not shares or any(not share >= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise UsageError(f"shares {dict(shares)} do not sum up to 1", hint="use 0.75 and 0.25")
    ranks = ranks_of((visit.patient for visit in visits), seed)
    parts: dict[str, list[Visit]] = {name: [] for name in shares}
    bounds, total = [], 0.0
    for name, share in shares.items():
        total += share
        bounds.append((round(total * len(ranks)), name))
    for visit in visits:
        parts[next(name for bound, name in bounds if ranks[visit.patient] < bound)].append(visit)
    return {name: tuple(part) for name, part in parts.items()}


def hold_outs(
    visits: Sequence[Visit], count: int = 20, *, test: float = 0.25, seed: int = 0
) -> Iterator[HoldOut]:
    """Repeated hold-out: `count` pairs of parts, the n-th made with the seed `seed` + n.

    Raises UsageError for a share of patients to test on that leaves a part empty.
    """
    patients = len({visit.patient for visit in visits})
    if not 0 < test < 1 or not 0 < round((1 - test) * patients) < patients:
        raise UsageError(
            f"{test:g} of {patients} patients to test on leaves a part empty", hint="use a share such as 0.25"
        )
    for place in range(count):
        parts = split(visits, {"train": 1 - test, "test": test}, seed=seed + place)
        yield HoldOut(parts["train"], parts["test"])


def folds(visits: Sequence[Visit], count: int = 5, *, seed: int = 0) -> tuple[HoldOut, ...]:
    """`count` pairs of parts; every patient is tested on once, in parts of nearly the same number of
    patients.

    Raises UsageError for fewer than two folds or fewer patients than folds.
    """
    ranks = ranks_of((visit.patient for visit in visits), seed)
    if not 2 <= count <= len(ranks):
        hint = "two or more, no more than patients"
        raise UsageError(f"{count} folds of {len(ranks)} patients", hint=hint)
    return tuple(
        HoldOut(
            tuple(visit for visit in visits if ranks[visit.patient] % count != place),
            tuple(visit for visit in visits if ranks[visit.patient] % count == place),
        )
        for place in range(count)
    )


def stats(visits: Iterable[Visit | DataError]) -> dict[str, object]:
    """`visit_stats` of what a reader yields. Raises the first DataError among it."""
    return visit_stats(_good(visits))


def visit_stats(visits: Iterable[Visit]) -> dict[str, object]:
    """Counts of visits: people, codes by classification, drugs by visits, ages, and what is known too
    late."""
    patients = patients_of(visits)
    known = [visit for patient in patients for visit in patient.visits]
    lists = [visit.names for visit in known if visit.drugs is not None]
    support = Counter(name for names in lists for name in names)
    ages = [visit.age for visit in known if visit.age is not None]
    late, with_history = 0, 0
    for patient in patients:
        for visit in patient.visits:
            history = earlier_visits(visit, patient.visits)
            with_history += bool(history)
            late += bool(late_inputs(visit, history))
    return {
        "patients": len(patients),
        "visits": len(known),
        "patients_with_several_visits": sum(len(patient.visits) > 1 for patient in patients),
        "visits_with_earlier_ones": with_history,
        "visits_with": {
            "diagnoses": sum(bool(visit.diagnoses) for visit in known),
            "procedures": sum(bool(visit.procedures) for visit in known),
            "allergies": sum(bool(visit.allergies) for visit in known),
            "notes": sum(bool(visit.note) for visit in known),
            "gold": len(lists),
            "inputs_known_late": late,
        },
        "codes": {
            "diagnoses": _codes(visit.diagnoses for visit in known),
            "procedures": _codes(visit.procedures for visit in known),
        },
        "drugs": {
            "names": len(support),
            "mean_per_visit": fmean(map(len, lists)) if lists else None,
            "median_per_visit": median(map(len, lists)) if lists else None,
            "visits_by_drug": dict(sorted(support.items(), key=lambda pair: (-pair[1], pair[0]))),
        },
        "ages": {
            "known": len(ages),
            "mean": fmean(ages) if ages else None,
            "unknown": len(known) - len(ages),
        },
        "sexes": dict(sorted(Counter(visit.sex for visit in known).items())),
    }


def _codes(lists: Iterable[Sequence[Code]]) -> dict[str, object]:
    found = [code for codes in lists for code in codes]
    systems = Counter(code.system for code in found)
    return {"count": len(found), "different": len(set(found)), "by_system": dict(sorted(systems.items()))}


def _good(visits: Iterable[Visit | DataError]) -> Iterator[Visit]:
    for item in visits:
        if isinstance(item, DataError):
            raise item
        yield item
