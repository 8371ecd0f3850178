"""Reasoning and GRPO of the combinations task, seed by seed -> docs/results/combinations-seeds.md.

    python -m benchmarks.combinations_seeds --adapters models --slots 8

What `benchmarks.combinations` measures of one seed, of the others; its page gives the figures of that one.
Each part is kept under runs/ once it is measured. The adapters: examples/combinations/*.toml, with another
`seed` in each, and `start` at the folder of that seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from apothecary.api import compare
from apothecary.engines.cores import free_cores
from benchmarks.combinations import ROWS, SCORING, SEEDS, SYSTEMS, WORK, measure, write_rows
from benchmarks.combinations_page import HEAD, PAGE, VIEWS, cell, difference
from benchmarks.pocket_figures import ROOT, Record, Results, about, mapping, number
from benchmarks.pocket_page import table
from benchmarks.relations_page import told

PARTS = ("answer", "reason", "grpo")
DIFFERENCES = {
    "reasoning less answer alone": ("reason", "answer"),
    "after GRPO less before": ("grpo", "reason"),
}
TEMPLATE = Path(__file__).with_name("combinations_seeds.template.md")
SEEDS_PAGE = ROOT / "docs" / "results" / "combinations-seeds.md"
STEPS = 10
"""Steps of GRPO at the beginning and at the end whose rewards are told."""


def main() -> None:
    """Measure what is not kept yet, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--adapters", type=Path, default=ROOT / "models", help="folder of the trained adapters"
    )
    parser.add_argument("--threads", type=int, default=free_cores())
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS[1:])
    parser.add_argument("--parts", default=",".join(PARTS), help="by commas")
    parser.add_argument("--slots", type=int, default=1, help="rows at work at once")
    given = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    write_rows()
    for seed in given.seeds:
        for part in given.parts.split(","):
            if not kept(part, seed).is_file():
                system = replace(SYSTEMS[part], seeds=(seed,))
                found = mapping(measure(part, system, given)[str(seed)])
                record = {"found": found, "about": about("benchmarks.combinations_seeds")}
                kept(part, seed).write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(write_page(given.adapters))


def kept(part: str, seed: int) -> Path:
    """Where the figures of a part and a seed are."""
    return WORK / f"{part}-{seed}.json"


def write_page(adapters: Path) -> Path:
    """Fill in the template with what is kept."""
    known: dict[tuple[str, int], Results] = {
        (part, seed): json.loads(kept(part, seed).read_text(encoding="utf-8"))
        for part in PARTS
        for seed in SEEDS[1:]
        if kept(part, seed).is_file()
    }
    slots = {
        "runs": "\n".join(
            told(f"{part}, seed {seed}", mapping(each["about"])) for (part, seed), each in known.items()
        ),
        "differences": table(["", "seed", *HEAD[2:]], list(differences(known))),
        "rewards": reward_table(adapters, [seed for part, seed in known if part == "grpo"]),
        "unanswered": table(
            ["system", "seed", "rows without an answer", "tokens written a row"],
            [
                [SYSTEMS[part].title, str(seed), str(mapping(each["found"])["failed"]), written(each)]
                for (part, seed), each in known.items()
            ],
        ),
    }
    for place, rule in enumerate(("official", "release")):
        slots[rule] = table(HEAD, list(scores(known, rule, place)))
    page = TEMPLATE.read_text(encoding="utf-8")
    for name, value in slots.items():
        page = page.replace(f"{{{name}}}", value)
    SEEDS_PAGE.write_text(page, encoding="utf-8")
    return SEEDS_PAGE


def scores(known: dict[tuple[str, int], Results], rule: str, place: int) -> Iterator[list[str]]:
    """Each seed with intervals, then the mean of the three with its deviation.

    `place` is which row of that title on the page of one seed it is.
    """
    for part in PARTS:
        title = SYSTEMS[part].title
        cells: list[list[str]] = []
        if part != "answer":
            cells.append(rows_of_page(title)[place][2:])
            yield [title, str(SEEDS[0]), *cells[-1]]
        for seed in (seed for other, seed in known if other == part):
            figures = mapping(mapping(mapping(known[part, seed]["found"])["score"])[rule])
            cells.append([cell([mapping(figures[view])]) for view in VIEWS])
            yield [title, str(seed), *cells[-1]]
        if part == "answer":
            yield rows_of_page(title)[place]
        elif len(cells) == len(SEEDS):
            values = [[float(each.split()[0]) for each in column] for column in zip(*cells, strict=True)]
            spread = [f"{statistics.mean(each):.1f} ± {statistics.stdev(each):.1f}" for each in values]
            yield [title, ", ".join(map(str, SEEDS)), *spread]


def differences(known: Collection[tuple[str, int]]) -> Iterator[list[str]]:
    """Paired differences of each seed, on the same rows."""
    for title, (one, other) in DIFFERENCES.items():
        (first,) = rows_of_page(title)
        yield [title, str(SEEDS[0]), *first[1:]]
        for seed in (seed for part, seed in known if part == one and (other, seed) in known):
            both = [WORK / f"{part}-{seed}" / "predictions.jsonl" for part in (one, other)]
            found = dict(compare("combinations", WORK / ROWS, *both, options=SCORING))
            yield [title, str(seed), *difference(found)]


def rows_of_page(title: str) -> list[list[str]]:
    """The rows of that title on the page of `benchmarks.combinations`, in order."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[each.strip() for each in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in rows if row[0] == title]


def reward_table(adapters: Path, seeds: Collection[int]) -> str:
    """The rewards of each seed, or that GRPO was run with none of them yet."""
    if not seeds:
        return "GRPO was not run with these seeds yet."
    rows = [[str(seed), *rewards(adapters / f"grpo-{seed}" / "log.jsonl")] for seed in seeds]
    return table(["seed", f"first {STEPS} steps", f"last {STEPS} steps"], rows)


def rewards(log: Path) -> list[str]:
    """The mean reward at the beginning and at the end of a training by rewards."""
    rows = [mapping(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]
    values = [number(row["reward"]) for row in rows if "reward" in row]
    return [f"{statistics.mean(part):.3f}" for part in (values[:STEPS], values[-STEPS:])]


def written(each: Record) -> str:
    """Tokens written for a row."""
    found = mapping(each["found"])
    tokens = found["tokens"]
    count = tokens[1] if isinstance(tokens, list) else 0
    return f"{number(count) / number(mapping(found['score'])['documents']):.0f}"


if __name__ == "__main__":
    main()
