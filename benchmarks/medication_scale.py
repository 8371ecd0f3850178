"""Parts of the medication benchmark: a hundred thousand invented visits, and how fast lists are edited."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from apothecary.networks.list_editor import ListEditor, Terms
from apothecary.networks.list_policy import ListPolicy
from apothecary.tasks.medication.editors import Editor, Problem, greedy
from apothecary.tasks.medication.learnt_editors import by_network
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.objective import Objective
from apothecary.training.stepwise_settings import EditorSettings
from benchmarks.pocket_figures import SEED, Results

__all__ = ["measure_scale", "measure_speed"]

CODES, DRUGS, OF_CODE, A_VISIT = 300, 150, 4, 8
INTERACTING = 0.1
ALPHA, BUDGET, THRESHOLD = 1.0, 10, 0.3
VISITS, LOOPED, REPEATS = 4000, 20, 3
PAUSE = 0.2
CONFIG = """\
interactions = ["pairs.csv"]
steps = 50
judged_parts = 0
[scorer]
visits = "learn.jsonl"
kind = "logistic"
folds = 2
"""
"""Two inner parts: with so many visits more tell nothing new."""


def measure_scale(work: Path, count: int, *, new: int | None = None) -> Results:
    """Train on `count` invented visits and recommend for `new` (as many), by the commands a user gives."""
    work.mkdir(parents=True, exist_ok=True)
    write_visits(work / "learn.jsonl", count, SEED)
    write_visits(work / "new.jsonl", new or count, SEED + 1)
    draw = np.random.default_rng(SEED)
    linked = np.argwhere(np.triu(draw.random((DRUGS, DRUGS)) < INTERACTING, 1)).tolist()
    pairs = "".join(f"drug {one:03},drug {other:03}\n" for one, other in linked)
    (work / "pairs.csv").write_text(f"drug_a,drug_b\n{pairs}", encoding="utf-8")
    (work / "editor.toml").write_text(CONFIG, encoding="utf-8")
    shutil.rmtree(work / "policy", ignore_errors=True)
    train = ["train", "stepwise", "--config", "editor.toml", "--out", "policy"]
    recommend = [
        "recommend",
        "new.jsonl",
        "--policy",
        "policy",
        "--interactions",
        "pairs.csv",
        "--out",
        "run",
    ]
    return {
        "visits": count,
        "drugs": DRUGS,
        "codes": CODES,
        "train stepwise: logistic regressions and the network": run(train, work),
        "recommend, with the network": run([*recommend, "--fresh"], work),
    }


def run(command: Sequence[str], folder: Path) -> Results:
    """A command of ours in a process of its own: wall and processor seconds, most memory."""
    begun, peak = time.monotonic(), 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "apothecary", *command], stdout=subprocess.DEVNULL, cwd=folder
    )
    while True:
        # What the system tells of an ended process would count the memory of this one, too.
        peak = max(peak, megabytes(process.pid))
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(PAUSE)
    if status:
        sys.exit(f"failed: apothecary {' '.join(command)}")
    return {
        "seconds": time.monotonic() - begun,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_megabytes": peak,
    }


def megabytes(process: int) -> float:
    """The most memory that a process held so far; 0.0 once it has ended."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def write_visits(path: Path, count: int, seed: int) -> None:
    """Visits of half as many patients; their drugs follow from their codes, with chance in between."""
    draw = random.Random(seed)
    treated = random.Random(SEED)
    usual = [[treated.randrange(DRUGS) for _ in range(OF_CODE)] for _ in range(CODES)]
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            codes = draw.sample(range(CODES), A_VISIT)
            given = {drug for code in codes for drug in usual[code] if draw.random() < 0.7}
            row = {
                "visit_id": f"v{number}",
                "patient_id": f"p{number // 2}",
                "order": number,
                "age": draw.randrange(20, 90),
                "sex": draw.choice(["female", "male"]),
                "diagnoses": [f"icd10:{chr(65 + code % 20)}{code // 20:02}" for code in codes],
                "gold": [f"drug {drug:03}" for drug in sorted(given) or [0]],
            }
            stream.write(json.dumps(row) + "\n")


def measure_speed() -> Results:
    """Editing alone, scores given: the network, the greedy editor, and the same rule in plain loops."""
    draw = np.random.default_rng(SEED)
    probabilities = draw.beta(0.5, 3.0, (VISITS, DRUGS))
    linked = np.triu(draw.random((DRUGS, DRUGS)) < INTERACTING, 1).astype(np.float64)
    objective = Objective(ALPHA, linked + linked.T)
    states = [
        ListState.of(np.flatnonzero(row >= THRESHOLD).tolist(), DRUGS, budget=BUDGET) for row in probabilities
    ]
    problem = Problem(states, probabilities, objective)
    few = Problem(states[:LOOPED], probabilities[:LOOPED], objective)
    # Of the size that is trained; what its weights are does not change its speed.
    policy = ListPolicy(EditorSettings().hidden, EditorSettings().sharpness)
    network = by_network(ListEditor(policy.arrays(), Terms(budget=BUDGET, threshold=THRESHOLD)))
    editors: dict[str, tuple[Editor, Problem]] = {
        "neural editor": (network, problem),
        "greedy editor": (greedy, problem),
        "greedy, plain loops over drugs and pairs": (looped, few),
    }
    rates: dict[str, list[float]] = {name: [] for name in editors}
    made: dict[str, list[tuple[Action, ...]]] = {}
    for _ in range(REPEATS):
        for name, (edit, given) in editors.items():
            begun = time.process_time()
            made[name] = edit(given)
            rates[name].append(len(given.states) / (time.process_time() - begun))
    by_loops, by_arrays = made["greedy, plain loops over drugs and pairs"], made["greedy editor"]
    return {
        "drugs": DRUGS,
        "mean_list": float((probabilities >= THRESHOLD).sum(axis=1).mean()),
        "mean_edits": float(np.mean([len(each) for each in by_arrays])),
        "visits_a_second": {name: statistics.median(found) for name, found in rates.items()},
        "loops_agree": by_loops == by_arrays[:LOOPED],
    }


def looped(problem: Problem) -> list[tuple[Action, ...]]:
    """The greedy rule as one would write it first: every list valued anew, pair by pair."""
    weights, alpha = problem.objective.weights.tolist(), problem.objective.alpha
    found = []
    for state, row in zip(problem.states, problem.probabilities.tolist(), strict=True):

        def value(chosen: set[int], row: list[float] = row) -> tuple[float, float]:
            shared = sum(row[drug] for drug in chosen)
            drugs = sorted(chosen)
            met: float = sum(weights[a][b] for place, a in enumerate(drugs) for b in drugs[place + 1 :])
            every = max(1.0, len(drugs) * (len(drugs) - 1) / 2)
            index = float(shared / max(len(drugs) + sum(row) - shared, 1e-12))
            return index, index - alpha * met / every

        found.append(climbed(set(state.drugs), len(row), value))
    return found


def climbed(
    chosen: set[int], size: int, value: Callable[[set[int]], tuple[float, float]]
) -> tuple[Action, ...]:
    """The best single edit until none gains; no addition lowers the index."""
    made: list[Action] = []
    index, now = value(chosen)
    while len(made) < BUDGET:
        found = {drug: value(chosen ^ {drug}) for drug in range(size)}
        best, drug = max(
            (gained, -drug) for drug, (own, gained) in found.items() if drug in chosen or own >= index - 1e-12
        )
        if best <= now + 1e-9:
            break
        made.append(Action("remove" if -drug in chosen else "add", -drug))
        chosen, index, now = chosen ^ {-drug}, found[-drug][0], best
    return tuple(made)
