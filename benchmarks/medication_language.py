"""A language model that edits medication lists (MIMIC-III demo) -> docs/results/medication-language-model.md.

    python -m benchmarks.medication_language                      # everything: two hours on one core
    python -m benchmarks.medication_language --only plain,answers # some cells
    python -m benchmarks.medication_language --only none          # the page anew, from what is kept

One split by patient (seed 13), 75 to 25. Each cell is commands of the package, run as a user would run them
under runs/benchmark-medication-language; a cell that is there is not run again. The first lists are those of
a logistic regression of the same training part; the model edits them. Differences are paired, by patient.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from apothecary.training.gguf_lora import engine_with
from benchmarks.pocket_figures import DATA, ROOT, Record, Results, about, mapping, number
from benchmarks.pocket_page import table
from benchmarks.relations_page import told, with_interval

WORK = ROOT / "runs" / "benchmark-medication-language"
TEMPLATE = Path(__file__).with_name("medication_language.template.md")
PAGE = ROOT / "docs" / "results" / "medication-language-model.md"
EXAMPLES = ROOT / "examples" / "medication"
TABLE = str(DATA / "interactions" / "pddi-merged-2017")
MODEL = "smollm2-135m-instruct"
DRAWS, STEPS = 48, 20
"""Corrupted lists to learn from, and steps of learning from rewards: few, for a CPU."""
ASKED = ("--set", "start=models/logistic", "--set", "asks=edits", "--set", "turns=6")
SOFT = "visit,diagnosis,drug"
SEED = 13

CELLS: Mapping[str, str] = {
    "first": "no editor: the list of the logistic regression",
    "greedy": "greedy editor over its scores",
    "plain": "language model as it comes",
    "answers": "after SFT on corrupted lists",
    "stepwise": "after step-wise GRPO (flame)",
    "outcome": "after GRPO by outcome alone",
    "soft": "SFT with soft tokens (codes and drugs as vectors)",
}


def settings() -> Mapping[str, str]:
    """The TOML files of the trainings, by name: those of the examples, smaller where time asks for it."""
    rewards = (EXAMPLES / "grpo.toml").read_text(encoding="utf-8")
    rewards = rewards.replace('"runs/lists', '"lists').replace('"ddi.csv"', json.dumps(TABLE))
    rewards = rewards.replace("steps = 50", f"steps = {STEPS}").replace(
        "models/lists-merged", "models/answers-merged"
    )
    by_outcome = rewards.replace('estimator = "flame"', 'estimator = "outcome"')
    assert by_outcome != rewards
    answers = (EXAMPLES / "sft.toml").read_text(encoding="utf-8").replace('"runs/lists', '"lists')
    soft = answers.replace('"lists', '"soft') + '\n[soft]\ntables = "soft/soft.json"\n'
    return {
        "logistic": (EXAMPLES / "logistic.toml").read_text(encoding="utf-8"),
        "answers": answers,
        "stepwise": rewards,
        "outcome": by_outcome,
        "soft": soft,
    }


def commands(cell: str) -> list[list[str]]:
    """What a cell runs, after the preparation. `recommend` is the last."""
    asked = ["recommend", "models/logistic/held-out.jsonl", "--interactions", TABLE, "--out", f"lists-{cell}"]
    with_engine = [*asked, *ASKED, "--no-cache", "--policy"]
    merged = "hf:models/answers-merged+models/{}/adapter"
    match cell:
        case "first":
            return [[*asked, "--policy", "models/logistic", "--set", "editor=none"]]
        case "greedy":
            return [[*asked, "--policy", "models/logistic"]]
        case "plain":
            return [[*with_engine, f"llamacpp:{MODEL}"]]
        case "answers":
            return [training("sft", cell), [*with_engine, f"llamacpp:{MODEL}+models/answers/adapter.gguf"]]
        case "soft":
            lists = ["visits", "lists", "--config", "logistic.toml", "--data", ".", "--out", "soft"]
            more = ["--draws", str(DRAWS), "--soft", SOFT, "--width", "32"]
            policy = [*with_engine, engine_with(MODEL, Path("models/soft/adapter"))]
            return [[*lists, *more], training("sft", cell), policy]
        case _:
            merge = ["adapters", "merge", "models/answers/adapter", "--out", "models/answers-merged"]
            trained = [*with_engine, merged.format(cell)]
            return [
                *([] if (WORK / "models" / "answers-merged").is_dir() else [merge]),
                training("grpo", cell),
                trained,
            ]


def training(kind: str, cell: str) -> list[str]:
    """The command of a training."""
    return ["train", kind, "--config", f"{cell}.toml", "--data", ".", "--out", f"models/{cell}", "--resume"]


def main() -> None:
    """Run the cells asked for, keep their figures, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(CELLS), help="cells, by commas; or none")
    parser.add_argument("--threads", default="2")
    given = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    results = WORK / "results.json"
    known: Results = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    prepare()
    for cell in [name for name in given.only.split(",") if name != "none"]:
        begun = time.monotonic()
        for command in commands(cell):
            apothecary(
                [*command, "--threads", given.threads] if command[0] in ("recommend", "train") else command
            )
        known[cell] = {"found": figures(cell), "about": about("benchmarks.medication_language")}
        results.write_text(json.dumps(known, indent=1), encoding="utf-8")
        print(f"{cell}: {time.monotonic() - begun:.0f} s", flush=True)
    print(write_page(known))


def prepare() -> None:
    """Visits, the policy that begins, and the lessons."""
    for name, text in settings().items():
        (WORK / f"{name}.toml").write_text(text, encoding="utf-8")
    if not (WORK / "visits.jsonl").is_file():
        records = str(DATA / "ehr" / "mimic-iii-demo-1.4")
        apothecary(
            ["visits", "import", records, "--from", "mimic3", "--out", "visits.jsonl", "--min-support", "5"]
        )
    where = ["--config", "logistic.toml", "--data", "."]
    if not (WORK / "models" / "logistic").is_dir():
        apothecary(["train", "recommender", *where, "--out", "models/logistic"])
    if not (WORK / "lists" / "report.json").is_file():
        apothecary(["visits", "lists", *where, "--out", "lists", "--draws", str(DRAWS)])


def apothecary(arguments: list[str]) -> str:
    """What a command prints. A failed item is no failure here: it is counted in the figures."""
    command = [sys.executable, "-m", "apothecary", *arguments]
    done = subprocess.run(command, cwd=WORK, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode in (0, 1), f"{' '.join(arguments)}: exit {done.returncode}"
    return done.stdout


def figures(cell: str) -> Results:
    """The score of a cell beside the first lists, and what its run took."""
    folder = WORK / f"lists-{cell}"
    score = [
        "score",
        "medication",
        "--gold",
        "models/logistic/held-out.jsonl",
        "--interactions",
        TABLE,
        "--json",
    ]
    against = ["--against", "lists-first/predictions.jsonl"] if cell != "first" else []
    found: Results = json.loads(
        apothecary([*score, "--predictions", f"lists-{cell}/predictions.jsonl", *against])
    )
    rows = [
        json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    log = WORK / "models" / cell / "log.jsonl"
    trained = (
        [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    )
    return {
        "score": found,
        "edits": sum(len(row.get("edits", [])) for row in rows) / len(rows),
        "ledger": ledger,
        "log": trained[-1] if trained else {},
        "steps": len(trained),
    }


def write_page(known: Record) -> Path:
    """Fill in the template with the cells that were measured."""
    rows, differences = [], []
    for cell, title in CELLS.items():
        if cell not in known:
            rows.append([title, *["not measured"] + [""] * 5])
            continue
        found = mapping(mapping(known[cell])["found"])
        score = mapping(found["score"])
        rows.append([title, *figures_of(score), f"{number(found['edits']):.1f}", rate(score["refusal_rate"])])
        less = mapping(score.get("difference"))
        if less:
            differences.append(
                [
                    title,
                    *(gain(mapping(less[name])["difference"]) for name in ("jaccard", "ddi_rate_macro")),
                ]
            )
    heads = ["editor", "Jaccard, %", "F1, %", "PDDI macro, %", "drugs", "edits", "edits refused"]
    page = TEMPLATE.read_text(encoding="utf-8")
    slots = {
        "runs": "\n".join(
            told(CELLS[cell], mapping(mapping(known[cell])["about"])) for cell in CELLS if cell in known
        ),
        "cells": table(heads, rows),
        "differences": table(["editor", "Jaccard, %", "PDDI macro, %"], differences),
    }
    for name, value in slots.items():
        page = page.replace(f"{{{name}}}", value)
    PAGE.write_text(page, encoding="utf-8")
    return PAGE


def gain(value: object) -> str:
    """A difference in points, with its sign and its interval."""
    middle, low, high = (100 * number(mapping(value)[key]) for key in ("value", "low", "high"))
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def rate(value: object) -> str:
    """A share in per cent; none where nothing was asked."""
    return "-" if value is None else f"{100 * number(mapping(value).get('value', value)):.1f} %"


def figures_of(score: Record) -> list[str]:
    """Agreement, interactions and length."""
    shares = [with_interval(mapping(score[name])) for name in ("jaccard", "f1", "ddi_rate_macro")]
    return [*shares, f"{number(mapping(score['mean_drugs'])['value']):.1f}"]


if __name__ == "__main__":
    main()
