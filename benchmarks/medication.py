"""Medication lists: scorers, editors and policies on two open demos -> docs/results/medication.md.

    python -m benchmarks.medication                          # everything
    python -m benchmarks.medication --only mimic3 --splits 2 # a part of it, to try it out
    python -m benchmarks.medication --only none              # the page anew, from what is kept

Each demo (MIMIC-III, MIMIC-IV as MEDS) is split by patient, 75 to 25, with the seeds 0, 1, ...; all methods
meet the same patients. Each split is kept under runs/benchmark-medication/splits, and not measured again
without `--fresh`. What is learnt or chosen comes from the training part of a split alone. Intervals are
bootstrap intervals over patients, all splits of a patient together; differences are paired.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from apothecary.metrics.clusters import drawn_clusters
from apothecary.metrics.resampling import interval
from apothecary.training.advantages import Estimator
from apothecary.training.stepwise_lists import Point, attainable
from benchmarks.medication_page import PAGE, PRECISION, write_page
from benchmarks.medication_scale import measure_scale, measure_speed
from benchmarks.medication_splits import (
    COLUMNS,
    DEMOS,
    ESTIMATORS,
    SOURCES,
    measure_split,
    read_records,
    tables,
)
from benchmarks.pocket_figures import ROOT, SEED, Results, about, mapping, number

WORK = ROOT / "runs" / "benchmark-medication"
SPLITS = 20
COMPARES = "mimic3"
"""The demo on which the editor is trained by every estimator."""
SCALE = 100_000
RESAMPLES = 1000
EDITED = next(iter(SOURCES))
LEARNT, PLAIN = "logistic neural return_to_go", "logistic neural outcome"
GREEDY, FIRST = "logistic greedy", "logistic"
Sums = NDArray[np.float64]
"""Patients or resamples x columns."""


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=f"{','.join(DEMOS)},speed,scale", help="parts, by commas; or none")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--visits", type=int, default=SCALE, help="invented visits of the scale part")
    parser.add_argument("--fresh", action="store_true", help="measure kept splits again")
    parser.add_argument("--work", type=Path, default=WORK, help="another folder: a trial, with its page")
    return parser.parse_args()


def main() -> None:
    """Measure the parts asked for, keep their figures, and write the page."""
    given = parse()
    torch.set_num_threads(1)
    (given.work / "splits").mkdir(parents=True, exist_ok=True)
    results = given.work / "results.json"
    known: Results = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    wanted = [part for part in given.only.split(",") if part != "none"]
    demos = [part for part in wanted if part in DEMOS]
    if demos:
        measure_demos(demos, given)
    parts: dict[str, Callable[[], Results]] = {
        **{name: partial(summed, name, given) for name in DEMOS},
        "speed": measure_speed,
        "scale": partial(measure_scale, given.work / "scale", given.visits),
    }
    for part in wanted:
        known[part] = {"found": parts[part](), "about": about("benchmarks.medication")}
        results.write_text(json.dumps(known, indent=1), encoding="utf-8")
    # A trial leaves the page of the project alone.
    print(write_page(known, PAGE if given.work == WORK else given.work / PAGE.name))


def measure_demos(demos: Sequence[str], given: argparse.Namespace) -> None:
    """The splits that are not kept, those of all demos in turn."""
    missing = [
        (name, seed)
        for seed in range(given.splits)
        for name in demos
        if given.fresh or not is_whole(kept_path(given, name, seed), name)
    ]
    if not missing:
        return
    both = tables()
    records = {name: read_records(name, given.work, both) for name in demos}
    for name, seed in missing:
        found = measure_split(records[name], seed, tried_on(name))
        kept_path(given, name, seed).write_text(json.dumps(found), encoding="utf-8")
        print(
            f"{name}, split {seed}: {sum(map(number, mapping(found['seconds']).values())):.0f} s", flush=True
        )


def kept_path(given: argparse.Namespace, name: str, seed: int) -> Path:
    """Where a split is kept."""
    return Path(given.work) / "splits" / f"{name}-{seed}.json"


def tried_on(name: str) -> Sequence[Estimator]:
    """The estimators that the editor is trained by on a demo."""
    return ESTIMATORS if name == COMPARES else ESTIMATORS[:1]


def is_whole(path: Path, name: str) -> bool:
    """Whether a split of a demo is kept, with all of its estimators."""
    if not path.is_file():
        return False
    systems = json.loads(path.read_text(encoding="utf-8"))["systems"]
    return all(f"logistic neural {estimator}" in systems for estimator in tried_on(name))


Curve = dict[str, Sums]
"""By alpha the sums of each patient."""


class Splits:
    """All splits of a demo: sums by system, alpha and patient, and how they fall in resamples of patients."""

    def __init__(self, splits: Sequence[Results]) -> None:
        self.splits = splits
        patients = sorted({name for found in splits for name in self._of(found, "gold", "")})
        self.patients = patients
        self.systems = {
            system: {alpha: self._sums(system, alpha) for alpha in alphas}
            for system, alphas in mapping(splits[0]["systems"]).items()
            if isinstance(alphas, dict)
        }
        wide = np.hstack([sums for curve in self.systems.values() for sums in curve.values()])
        # One draw for all: what is compared is compared on the same patients.
        drawn = drawn_clusters(wide, resamples=RESAMPLES, seed=SEED)
        parts = iter(np.split(drawn, drawn.shape[1] // len(COLUMNS), axis=1))
        self.drawn = {name: {alpha: next(parts) for alpha in curve} for name, curve in self.systems.items()}

    def __len__(self) -> int:
        return len(self.splits)

    @staticmethod
    def _of(found: Results, system: str, alpha: str) -> Mapping[str, Sequence[float]]:
        return mapping(mapping(mapping(found["systems"]).get(system)).get(alpha))  # type: ignore[return-value]

    def _sums(self, system: str, alpha: str) -> Sums:
        table = np.zeros((len(self.patients), len(COLUMNS)))
        for found in self.splits:
            for patient, row in self._of(found, system, alpha).items():
                table[self.patients.index(patient)] += row
        return table

    def whole(self, system: str) -> Curve:
        """The sums over all patients, as one row for each alpha."""
        return {alpha: sums.sum(axis=0, keepdims=True) for alpha, sums in self.systems[system].items()}


def summed(name: str, given: argparse.Namespace) -> Results:
    """The figures of a demo, over the splits that are kept."""
    paths = [kept_path(given, name, seed) for seed in range(given.splits)]
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    every = Splits(kept)
    learnt = [system for system in every.systems if " neural " in system]
    return {
        "splits": len(kept),
        "patients": len(every.patients),
        "tested": sum(found["test"] for found in kept),
        "scorers": scorer_figures(kept),
        "systems": {system: curve_figures(every, system) for system in every.systems},
        "areas": compared(every, GREEDY, [LEARNT, *others(every)]),
        "at_equal_rate": {system: at_rate(every, system) for system in [*others(every), LEARNT, GREEDY]},
        "ablation": {
            "splits": len(kept),
            "less greedy": compared(every, GREEDY, learnt),
            "less outcome": compared(every, PLAIN, learnt),
        }
        if PLAIN in learnt
        else {},
        "seconds": mean_seconds(kept),
    }


def others(every: Splits) -> list[str]:
    """Editors without a model, and greedy over other scores."""
    return [
        system
        for system in every.systems
        if len(every.systems[system]) > 1 and system != GREEDY and " neural " not in system
    ]


def scorer_figures(kept: Sequence[Mapping[str, object]]) -> Results:
    """What is told of scorers by split: mean and deviation."""
    found: Results = {}
    for scorer in mapping(kept[0]["scorers"]):
        each = [mapping(mapping(split["scorers"]).get(scorer)) for split in kept]
        each = [figures for figures in each if figures]
        values = {name: [number(figures[name]) for figures in each] for name in each[0]}
        found[scorer] = {name: [float(np.mean(of)), float(np.std(of))] for name, of in values.items()}
    return found


def mean_seconds(kept: Sequence[Mapping[str, object]]) -> Results:
    """Processor seconds by part of a split, where it was measured."""
    names = {name for found in kept for name in mapping(found["seconds"])}
    each = {
        name: [number(mapping(f["seconds"])[name]) for f in kept if name in mapping(f["seconds"])]
        for name in names
    }
    return {name: float(np.mean(of)) for name, of in sorted(each.items())}


FIGURES = (
    "jaccard",
    "f1",
    "drugs",
    "edits",
    PRECISION,
    *(f"{kind} {source}" for source in SOURCES for kind in ("macro", "micro")),
)


def figure(name: str, sums: Sums) -> NDArray[np.float64]:
    """A figure of each row of sums."""
    columns = dict(zip(COLUMNS, sums.T, strict=True))
    if name == PRECISION:
        return np.asarray(columns["right"] / np.maximum(columns["changes"], 1))
    kind, _, source = name.partition(" ")
    if kind == "micro":
        return np.asarray(columns[f"linked {source}"] / np.maximum(columns["pairs"], 1))
    above = columns[f"rate {source}"] if kind == "macro" else columns[name]
    return np.asarray(above / np.maximum(columns["visits"], 1))


def curve_figures(splits: Splits, system: str) -> Results:
    """By alpha every figure with its interval."""
    whole = splits.whole(system)
    return {
        alpha: {
            name: interval(float(figure(name, whole[alpha])[0]), figure(name, drawn)).as_dict()
            for name in FIGURES
        }
        for alpha, drawn in splits.drawn[system].items()
    }


def plane(curve: Curve) -> tuple[Sums, Sums]:
    """Rates of interactions and Jaccard indices. Shapes: rows of sums x alphas, each."""
    names = f"macro {EDITED}", "jaccard"
    rates, indices = (np.column_stack([figure(name, sums) for sums in curve.values()]) for name in names)
    return rates, indices


def area(rates: Sums, indices: Sums, low: float, high: float) -> float:
    """What can be had between two rates, given the points of one curve."""
    found = [
        Point(0, 1, index, rate, 0, 0) for rate, index in zip(rates.tolist(), indices.tolist(), strict=True)
    ]
    return attainable(found, low, high)


def compared(splits: Splits, against: str, systems: Sequence[str]) -> Results:
    """Areas under the curve of systems less that of another, between the bounds that both have."""
    found: Results = {}
    for system in (name for name in systems if name != against):
        whole = [plane(splits.whole(name)) for name in (system, against)]
        low, high = max(rates.min() for rates, _ in whole), min(rates.max() for rates, _ in whole)
        own, other = (area(rates[0], indices[0], low, high) for rates, indices in whole)
        drawn = [plane(splits.drawn[name]) for name in (system, against)]
        areas = np.array(
            [
                [area(rates[row], indices[row], low, high) for rates, indices in drawn]
                for row in range(RESAMPLES)
            ]
        )
        found[system] = {
            "low": float(low),
            "high": float(high),
            "area": own,
            "other": other,
            "difference": interval(own - other, areas[:, 0] - areas[:, 1]).as_dict(),
        }
    return found


def at_rate(splits: Splits, system: str) -> object:
    """What a system can have at the rate of interactions of the first list of the logistic regression, less
    the Jaccard index of that list."""

    def gaps(curve: Curve, first: Curve) -> Sums:
        rates, indices = plane(curve)
        at, simple = plane(first)
        rows = zip(rates, indices, at[:, 0].tolist(), strict=True)
        return np.array([area(x, y, rate, rate) for x, y, rate in rows]) - simple[:, 0]

    whole = gaps(splits.whole(system), splits.whole(FIRST))
    return interval(float(whole[0]), gaps(splits.drawn[system], splits.drawn[FIRST])).as_dict()


if __name__ == "__main__":
    main()
