"""Which system finds the conditions of a pair best? Cross-validation on the condition sample.

    python -m benchmarks.conditions --systems none,patterns          # seconds
    python -m benchmarks.conditions --folds 0 --workers 2            # one held-out fifth for each seed
    python -m benchmarks.conditions --device cuda --workers 8 --epochs 10
    python -m benchmarks.conditions --engine llamacpp:model.gguf     # asked without and with two examples
    python -m benchmarks.conditions_page                             # the page, from what was measured

The sample is `examples/conditions/sample.jsonl`, split into five by abstract, anew for each seed. Each cell
(system, seed, fold) keeps its predictions under runs/benchmark-conditions; what is kept is not measured
again, unless a setting that changes it was changed. A system that depends on neither seed nor fold is run
once. Adapters are trained by the recipes in `examples/conditions`, alike but for what their names say. No
test part of a corpus is read.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from apothecary.documents import Document
from apothecary.engines.cores import free_cores
from apothecary.errors import ApothecaryError
from apothecary.formats.predictions import read_predictions
from apothecary.tasks import catalog
from apothecary.tasks.flow import ScoreOptions
from benchmarks.conditions_cells import FOLDS, Cell, Limits, System, cell_folder, is_kept, part, run_cell
from benchmarks.pocket_figures import ROOT, SEED, Results, mapping, number

__all__ = ["HEADLINE", "RESULTS", "WORK"]

WORK = ROOT / "runs" / "benchmark-conditions"
RESULTS = "results.json"
SEEDS = (13, 42, 123, 2025, 3407)
EMBEDDED = "llamacpp:smollm2-135m-instruct"
TITLE = "SmolLM2-135M"
SCORING = ScoreOptions(seed=SEED)
HEADLINE = "soft_pair"
SYSTEMS = {
    "none": System("never a condition", "none"),
    "patterns": System("patterns", "patterns"),
    "shots-0": System(f"{TITLE}, untrained", "asked", EMBEDDED),
    "shots-2": System(f"{TITLE}, untrained, 2 examples", "asked", EMBEDDED, shots=2),
    "levitated": System("span classifier, levitated markers", "spans"),
    "lora": System(f"{TITLE}, LoRA", "tuned"),
    "marker": System(f"{TITLE}, LoRA, pair marked in the text", "tuned", marker=True),
    "full": System(f"{TITLE}, RCLoRA", "tuned", roles="full"),
    "vectors": System(f"{TITLE}, RCLoRA, vectors", "tuned", roles="vectors"),
    "single_b": System(f"{TITLE}, RCLoRA, single B", "tuned", roles="single_b"),
    "random": System(f"{TITLE}, RCLoRA, random roles", "tuned", roles="random"),
}
COMPARED = (
    ("full", "lora"),
    ("vectors", "lora"),
    ("single_b", "lora"),
    ("marker", "lora"),
    ("random", "lora"),
    ("full", "random"),
    ("full", "marker"),
    ("lora", "patterns"),
    ("full", "patterns"),
    ("levitated", "patterns"),
    ("lora", "levitated"),
)
"""One less the other, on the cells that both have."""


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="by commas")
    parser.add_argument("--engine", action="append", default=[], help="ask this one, too; may be repeated")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="by commas")
    parser.add_argument("--folds", default=",".join(map(str, range(FOLDS))), help="by commas, from 0")
    parser.add_argument("--epochs", type=int, help="of the adapters, instead of those of the recipe")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="cells at work at once, a process each")
    parser.add_argument("--threads", type=int, help="of each worker; default: the cores, shared out")
    parser.add_argument("--budget-minutes", type=float, help="begin no further cell after so many")
    parser.add_argument("--out", type=Path, default=WORK)
    trial = parser.add_argument_group("to try it out, with --out elsewhere")
    trial.add_argument("--steps", type=int, help="steps of a training")
    trial.add_argument("--pairs", type=int, help="pairs of a test part")
    return parser.parse_args()


def main() -> None:
    """Measure what is missing, then score all that there is."""
    given = parse()
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not torch.cuda.is_available():
        sys.exit("there is no GPU")
    wanted = list(cells(given))
    missing = [cell for cell in wanted if not is_kept(given.out, cell)]
    given.out.mkdir(parents=True, exist_ok=True)
    failed = measure(missing, given)
    write_results(given)
    if failed:
        sys.exit(f"{len(failed)} cells failed: {', '.join(failed)}")


def systems(given: argparse.Namespace) -> dict[str, System]:
    """Those asked for, and two for each further engine."""
    found = {name: SYSTEMS[name] for name in given.systems.split(",") if name}
    for engine in given.engine:
        name = re.sub(r"[^\w.-]+", "-", engine).strip("-")
        found[f"{name}-0"] = System(f"`{engine}`", "asked", engine)
        found[f"{name}-2"] = System(f"`{engine}`, 2 examples", "asked", engine, shots=2)
    return found


def cells(given: argparse.Namespace) -> Iterator[Cell]:
    """In an order that leaves what can be compared if the time ends early: all systems of a part first."""
    chosen = systems(given)
    for name, system in chosen.items():
        if not system.drawn:
            yield Cell(name, system, None, None, limits_of(system, given))
    for fold in map(int, given.folds.split(",")):
        for seed in map(int, given.seeds.split(",")):
            for name, system in chosen.items():
                if system.drawn:
                    yield Cell(name, system, seed, fold, limits_of(system, given))


def limits_of(system: System, given: argparse.Namespace) -> Limits:
    """Of the options those that change what a system does."""
    learns = system.kind == "tuned"
    epochs, steps = (given.epochs, given.steps) if learns else (None, None)
    return Limits(given.device, epochs, steps, given.pairs)


def measure(missing: Sequence[Cell], given: argparse.Namespace) -> list[str]:
    """Run the cells, several at once, while there is time; which failed."""
    ends = time.monotonic() + 60 * given.budget_minutes if given.budget_minutes else float("inf")
    threads = given.threads or max(1, free_cores() // given.workers)
    waiting, failed = list(reversed(missing)), list[str]()
    running: dict[Future[None], Cell] = {}
    # Begun anew and not forked: a forked process cannot use a GPU.
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        while running or (waiting and time.monotonic() < ends):
            while waiting and len(running) < given.workers and time.monotonic() < ends:
                cell = waiting.pop()
                running[pool.submit(run_cell, given.out, cell, threads)] = cell
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(done)
                place = f"{cell.name} {cell_folder(given.out, cell).name}"
                error = done.exception()
                if isinstance(error, ApothecaryError):
                    failed.append(f"{place} ({error})")
                elif error is not None:
                    raise error
                print(f"{place}: {error or 'done'}, {len(waiting)} to begin", flush=True)
    return failed


Scorable = list[tuple[Document, Mapping[str, object] | None]]
Kept = Mapping[tuple[int | None, int | None], Cell]
"""The cells of a system, by seed and fold; (None, None) for one that was run once over the whole sample."""


def kept_cells(given: argparse.Namespace) -> dict[str, Kept]:
    """All that was measured under these settings, whatever systems, seeds and folds are asked for now."""
    found: dict[str, dict[tuple[int | None, int | None], Cell]] = defaultdict(dict)
    for record in sorted(given.out.glob("*/*/cell.json")):
        told = json.loads(record.read_text(encoding="utf-8"))
        system = System(**told["system"])
        cell = Cell(told["name"], system, told["seed"], told["fold"], limits_of(system, given))
        if told["digest"] == cell.digest:
            found[cell.name][cell.seed, cell.fold] = cell
        else:
            print(f"{record.parent}: of other settings, left out")
    order = [*SYSTEMS, *(name for name in found if name not in SYSTEMS)]
    return {
        name: dict(sorted(found[name].items(), key=lambda each: each[1].place))
        for name in order
        if name in found
    }


def pooled(out: Path, own: Kept, places: Sequence[Cell]) -> Scorable:
    """Gold of some parts with what a system predicted there.

    The seed goes into the ids, so that parts of several seeds can stand beside each other; intervals and
    tests draw abstracts, each with all that was predicted for it.
    """
    found: Scorable = []
    for place in places:
        cell = own.get((place.seed, place.fold)) or own[None, None]
        predictions = read_predictions(cell_folder(out, cell) / "predictions.jsonl")
        for document in part(place)[1]:
            known = predictions.get(document.id)
            named = replace(document, id=f"{place.seed} {document.id}")
            found.append((named, known.record if known else None))
    return found


def write_results(given: argparse.Namespace) -> None:
    """Scores of every system over its cells, and differences over those that two systems share."""
    kept = kept_cells(given)
    differences: Results = {}
    for a, b in COMPARED:
        if a in kept and b in kept and (places := shared(kept[a], kept[b])):
            differences[f"{a} less {b}"] = compared(given.out, kept[a], kept[b], places)
    results: Results = {
        "systems": {name: scored(given.out, own) for name, own in kept.items()},
        "differences": differences,
        "device": given.device,
        "runs": [record_of(given.out, cell)["about"] for own in kept.values() for cell in own.values()],
    }
    (given.out / RESULTS).write_text(json.dumps(results, indent=1), encoding="utf-8")


def shared(a: Kept, b: Kept) -> list[Cell]:
    """The parts on which both were measured."""
    if (None, None) in a:
        return list(b.values())
    return [cell for key, cell in a.items() if key in b or (None, None) in b]


def by_seed(places: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The parts of each seed; nothing for a system without one."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for place in places:
        if place.seed is not None:
            found[str(place.seed)].append(place)
    return dict(found)


def record_of(out: Path, cell: Cell) -> dict[str, Any]:
    """What was kept of a cell."""
    return dict(json.loads((cell_folder(out, cell) / "cell.json").read_text(encoding="utf-8")))


def scored(out: Path, own: Kept) -> Results:
    """All cells of a system: its score, that of each seed, and what it took."""
    places = list(own.values())
    task = catalog.load("conditions")
    records = [record_of(out, cell) for cell in places]
    return {
        "title": places[0].system.title,
        "cells": [[cell.seed, cell.fold] for cell in places],
        "score": task.score(pooled(out, own, places), SCORING),
        "by_seed": {seed: mean_of(out, own, part) for seed, part in by_seed(places).items()},
        "pairs": sum(record["pairs"] for record in records),
        "failed": sum(record.get("failed", 0) for record in records),
        **{
            name: sum(record.get(name, 0.0) for record in records)
            for name in ("asking_seconds", "training_seconds")
        },
        "tokens": [sum(record.get("tokens", (0, 0))[place] for record in records) for place in range(2)],
        "steps": sorted({record["steps"] for record in records if "steps" in record}),
    }


def mean_of(out: Path, own: Kept, places: Sequence[Cell]) -> float:
    """The mean F1 of soft pairs over some parts."""
    score = catalog.load("conditions").score(pooled(out, own, places), SCORING)
    return number(mapping(score["strict"])[HEADLINE])


def compared(out: Path, a: Kept, b: Kept, places: Sequence[Cell]) -> Results:
    """One system less the other: a paired test over abstracts, and the difference for each seed."""
    compare = catalog.load("conditions").compare
    assert compare is not None
    return {
        "cells": len(places),
        "tested": dict(compare(pooled(out, a, places), pooled(out, b, places), SCORING)),
        "by_seed": {
            seed: mean_of(out, a, part) - mean_of(out, b, part) for seed, part in by_seed(places).items()
        },
    }


if __name__ == "__main__":
    main()
