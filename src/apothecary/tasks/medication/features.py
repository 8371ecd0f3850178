"""What a scorer sees of a visit: a set of named features.

| feature | from |
|---|---|
| `diagnosis icd9:4280`, `procedure icd9proc:9671` | each code |
| `diagnosis icd9:428*`, `procedure icd9proc:96*` | its categories (`vocab.icd`) |
| `diagnosis chapter:circulatory` | its chapter, shared by both revisions of the ICD |
| `age 70-79`, `sex female` | where they are known |
| `earlier drug:aspirin` | drugs of earlier visits |
| `earlier diagnosis icd9:428*` | the highest category of each diagnosis of earlier visits |
| `earlier visits` | there are any |

A space has the features of the training visits. A code that it does not have still counts by what stands
above it. No feature names a patient or a visit, so that any patient can be scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from apothecary.networks.visit_scorers import Earlier, Rows
from apothecary.tasks.recommending import Case
from apothecary.visits import Code
from apothecary.vocab.icd import chapter, plain_code, stems

__all__ = ["FeatureSpace", "coded", "features_of", "learn_space"]

AGE_BAND, OLDEST_BAND = 10, 90
LONGEST_TITLE = 80
_BARE = ("age ", "sex ")


def features_of(case: Case) -> frozenset[str]:
    """All features of a visit and its history, known to a space or not."""
    visit = case.visit
    found = set(coded("diagnosis", visit.diagnoses)) | set(coded("procedure", visit.procedures))
    if visit.age is not None:
        start = min(int(visit.age) // AGE_BAND * AGE_BAND, OLDEST_BAND)
        found.add(f"age {start}+" if start == OLDEST_BAND else f"age {start}-{start + AGE_BAND - 1}")
    if visit.sex != "unknown":
        found.add(f"sex {visit.sex}")
    if case.history:
        found.add("earlier visits")
    for earlier in case.history:
        found.update(f"earlier drug:{name}" for name in earlier.names)
        found.update(
            f"earlier {_above('diagnosis', code.system, code.code)[0]}" for code in earlier.diagnoses
        )
    return frozenset(found)


@dataclass(frozen=True)
class FeatureSpace:
    """The features of a training, one for each column, and the titles of codes among them."""

    names: tuple[str, ...]
    titles: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def rows(self, cases: Sequence[Case], drugs: Sequence[str] | None = None) -> Rows:
        """The known features of each case; with `drugs` the earlier visits of each, too."""
        known = self._places
        sets = ([known[name] for name in features_of(case) if name in known] for case in cases)
        found = Rows.of(list(sets), len(self.names))
        if drugs is None:
            return found
        earlier = [
            Case(visit, case.history[:place]) for case in cases for place, visit in enumerate(case.history)
        ]
        places = {name: place for place, name in enumerate(drugs)}
        given = np.zeros((len(earlier), len(drugs)), dtype=np.bool_)
        for row, each in enumerate(earlier):
            given[row, [places[name] for name in each.visit.names if name in places]] = True
        starts = np.cumsum([0, *(len(case.history) for case in cases)], dtype=np.int64)
        return replace(found, earlier=Earlier(starts, self.rows(earlier), given))

    def bare(self, rows: Rows) -> NDArray[np.bool_]:
        """For each visit whether it has neither a code nor a history that is known: age and sex at most."""
        telling = ~np.array([name.startswith(_BARE) for name in self.names], dtype=np.bool_)
        bare: NDArray[np.bool_] = np.bincount(rows.owners[telling[rows.columns]], minlength=len(rows)) == 0
        return bare


def learn_space(cases: Iterable[Case], least: int = 2) -> FeatureSpace:
    """The features of at least `least` cases, in alphabetical order; a title is the first that a code has."""
    counts: Counter[str] = Counter()
    titles: dict[str, str] = {}
    for case in cases:
        counts.update(features_of(case))
        visit = case.visit
        for kind, codes in (("diagnosis", visit.diagnoses), ("procedure", visit.procedures)):
            for code in codes:
                if code.title.strip():
                    titles.setdefault(f"{kind} {_name(code.system, code.code)}", _short(code.title))
    names = tuple(sorted(name for name, count in counts.items() if count >= least))
    return FeatureSpace(names, {name: titles[name] for name in names if name in titles})


def coded(kind: str, codes: Iterable[Code]) -> Iterator[str]:
    """The features of codes of a kind: each with what stands above it."""
    for code in codes:
        yield f"{kind} {_name(code.system, code.code)}"
        yield from _above(kind, code.system, code.code)


@lru_cache(maxsize=1 << 16)
def _above(kind: str, system: str, code: str) -> tuple[str, ...]:
    """The categories of a code and its chapter; never empty: the code itself where nothing is above it."""
    system = system.strip().casefold()
    found = [f"{kind} {system}:{stem}*" for stem in stems(system, code)]
    if kind == "diagnosis" and chapter(system, code):
        found.append(f"{kind} chapter:{chapter(system, code)}")
    return tuple(found) or (f"{kind} {_name(system, code)}",)


@lru_cache(maxsize=1 << 16)
def _name(system: str, code: str) -> str:
    system = system.strip().casefold()
    return f"{system}:{plain_code(code) if system.startswith('icd') else code.strip()}"


def _short(title: str) -> str:
    words = " ".join(title.split())
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 3]}..."
