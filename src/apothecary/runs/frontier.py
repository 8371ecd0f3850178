"""The frontier of a policy: what lists lose and what interactions they shed as the weight of these grows.

For every weight (alpha) all visits get a list; where lists are known, these are compared with them.
Figures are means over visits, with bootstrap intervals over patients; the rate of interactions is told for
all sources together and for each alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError, UsageError
from apothecary.metrics.bootstrap import Interval
from apothecary.metrics.clusters import clustered, drawn_clusters
from apothecary.metrics.lists import interacting_pairs, overlap, pairs, share
from apothecary.metrics.resampling import interval
from apothecary.runs.durable import held_folder, replace_text
from apothecary.runs.frontier_page import frontier_page
from apothecary.runs.frontier_points import Frontier, Point
from apothecary.runs.manifest import finished
from apothecary.runs.policies import Opened, RecommendOptions
from apothecary.runs.visit_files import read_cases
from apothecary.tasks.recommending import Case, Proposed

__all__ = ["measure_frontier"]

BATCH = 512
RESAMPLES = 1000
SEED = 0
SAY_EVERY_SECONDS = 10.0

Columns = NDArray[np.float64]


@dataclass
class _Seen:
    """What every visit adds, in the order of the visits; for each weight a list of columns."""

    patients: list[str] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    gold: list[Columns] = field(default_factory=list)
    lists: list[list[Columns]] = field(default_factory=list)
    failed: int = 0


_COLUMNS = ("jaccard", "f1", "expected", "drugs", "edits", "pairs", "linked", "rate")


def measure_frontier(
    opened: Opened,
    path: Path,
    folder: Path,
    safeties: Sequence[float],
    options: RecommendOptions,
    say: Callable[[str], None] = lambda line: None,
) -> Frontier:
    """Lists for every visit at every weight; writes ``frontier.jsonl`` and a page. An old one is replaced.

    Raises UsageError without weights or for a folder that holds another run, DataError without a visit.
    """
    if not safeties or len(set(safeties)) != len(safeties):
        raise UsageError("weights of interactions are missing or repeated", hint="--frontier 0,0.5,1,2,4")
    foreign = [each for each in ("predictions.jsonl", "errors.jsonl") if (folder / each).exists()]
    if foreign:
        hint = "choose another --out"
        raise UsageError(f"holds another run: {foreign[0]}", where=str(folder), hint=hint)
    with held_folder(folder, "the run folder"):
        seen = _process(opened, path, safeties, options, say)
        if not seen.patients:
            raise DataError(
                "holds no visit that can be read", where=str(path), hint="apothecary visits stats"
            )
        found = _summed(opened, folder, safeties, seen)
        counts = {"visits": len(seen.patients), "failed": seen.failed}
        manifest = finished(opened.manifest, "incomplete" if seen.failed else "complete", counts)
        rows = (json.dumps(asdict(point), ensure_ascii=False) + "\n" for point in found.points)
        replace_text(folder / "frontier.jsonl", rows)
        replace_text(folder / "report.html", [frontier_page(found, manifest)])
        replace_text(folder / "manifest.json", [json.dumps(manifest, indent=2, ensure_ascii=False), "\n"])
    return found


def _process(
    opened: Opened,
    path: Path,
    safeties: Sequence[float],
    options: RecommendOptions,
    say: Callable[[str], None],
) -> _Seen:
    seen = _Seen(lists=[[] for _ in safeties])
    measure = _Measure.of(opened)
    said = time.monotonic()
    items = iter(read_cases(path, together=opened.survey.together, encoding=options.encoding))
    items = islice(items, options.limit)
    while part := list(islice(items, BATCH)):
        cases = [item for item in part if isinstance(item, Case)]
        seen.failed += len(part) - len(cases)
        gold = [[measure.places[name] for name in case.visit.names] for case in cases]
        seen.patients += [case.visit.patient for case in cases]
        seen.known += [case.visit.drugs is not None for case in cases]
        seen.gold.append(measure.rates(gold))
        for lists, proposed in zip(seen.lists, opened.lister.along(cases, safeties), strict=True):
            lists.append(measure.columns(proposed, gold))
        if time.monotonic() - said > SAY_EVERY_SECONDS:
            said = time.monotonic()
            say(f"{len(seen.patients):,} of {opened.survey.rows:,} visits")
    return seen


@dataclass
class _Measure:
    """Measures lists: `matrices` are those of all sources together and of each alone."""

    places: dict[str, int]
    matrices: list[NDArray[np.float64]]

    @classmethod
    def of(cls, opened: Opened) -> _Measure:
        """Of an opened policy, for its vocabulary and all drugs of the visits."""
        # Lists that were given hold drugs that the policy does not know.
        table, names = opened.interactions, tuple(dict.fromkeys((*opened.vocabulary, *opened.survey.drugs)))
        each = [table.of_source(source) for source in table.sources]
        return cls(
            {name: place for place, name in enumerate(names)},
            [known.matrix(names) for known in (table, *each)],
        )

    def rates(self, lists: Sequence[Sequence[int]]) -> Columns:
        """The share of interacting pairs by each matrix. Shapes: result lists x matrices."""
        every = pairs(np.array([len(each) for each in lists], dtype=np.int64))
        return np.column_stack([share(interacting_pairs(lists, matrix), every) for matrix in self.matrices])

    def columns(self, proposed: Sequence[Proposed], gold: Sequence[Sequence[int]]) -> Columns:
        """`_COLUMNS`, then the rates by each source. Shapes: result lists x columns."""
        lists = [[self.places[name] for name in each.drugs] for each in proposed]
        found = overlap(lists, gold)
        linked = interacting_pairs(lists, self.matrices[0])
        every = pairs(found.predicted)
        own = [
            found.jaccard,
            found.f1,
            np.array([each.expected for each in proposed]),
            found.predicted,
            np.array([each.edits for each in proposed]),
            every,
            linked,
            share(linked, every),
        ]
        return np.column_stack([*own, self.rates(lists)[:, 1:]])


def _summed(opened: Opened, folder: Path, safeties: Sequence[float], seen: _Seen) -> Frontier:
    known = np.array(seen.known)
    sources = opened.interactions.sources
    points = tuple(
        _point(safety, np.vstack(lists), seen.patients, known, sources)
        for safety, lists in zip(safeties, seen.lists, strict=True)
    )
    gold = np.vstack(seen.gold)[known].mean(axis=0).tolist() if known.any() else []
    by_source = dict(zip(sources, gold[1:], strict=True)) if gold else {}
    return Frontier(folder, points, gold[0] if gold else None, by_source, seen.failed, opened.warnings)


def _point(
    safety: float,
    table: Columns,
    patients: list[str],
    known: NDArray[np.bool_],
    sources: Sequence[str],
) -> Point:
    means = dict(zip(_COLUMNS, table.mean(axis=0).tolist(), strict=False))
    compared = table[known]
    owners = [patient for patient, has in zip(patients, known, strict=True) if has]
    return Point(
        safety=safety,
        visits=len(table),
        compared=len(compared),
        jaccard=_mean(compared[:, 0], owners) if owners else None,
        f1=_mean(compared[:, 1], owners) if owners else None,
        expected_jaccard=means["expected"],
        ddi_rate=_mean(table[:, _COLUMNS.index("rate")], patients),
        ddi_rate_micro=means["linked"] / means["pairs"] if means["pairs"] else 0.0,
        by_source=dict(zip(sources, table[:, len(_COLUMNS) :].mean(axis=0).tolist(), strict=True)),
        mean_drugs=means["drugs"],
        mean_edits=means["edits"],
    )


def _mean(values: Columns, owners: list[str]) -> Interval:
    """The mean over visits with its interval over patients."""
    sums = clustered(np.column_stack([values, np.ones(len(values))]), owners)
    drawn = drawn_clusters(sums, resamples=RESAMPLES, seed=SEED)
    return interval(float(values.mean()), drawn[:, 0] / drawn[:, 1])
