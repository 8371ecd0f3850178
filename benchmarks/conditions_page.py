"""The page of the conditions benchmarks -> docs/results/conditions.md.

    python -m benchmarks.conditions_page

From what `benchmarks.lookup`, `benchmarks.conditions` and `benchmarks.rclora --keep` left under runs/. A part
that was not measured is said to be missing. What `benchmarks.conditions --epochs N` found with
`--out runs/benchmark-conditions-longer` is a part of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from apothecary.tasks.conditions.labels import TYPES
from benchmarks.conditions import HEADLINE
from benchmarks.conditions import RESULTS as SAMPLE_RESULTS
from benchmarks.conditions import WORK as SAMPLE_WORK
from benchmarks.lookup import RESULTS as LOOKUP_RESULTS
from benchmarks.lookup_page import (
    Slots,
    base_slots,
    differences_table,
    percent,
    signed,
    spread,
    tuned_slots,
    varied_slots,
)
from benchmarks.pocket_figures import ROOT, Record, mapping, number
from benchmarks.pocket_page import table
from benchmarks.rclora import KEPT
from benchmarks.relations_page import told

__all__ = ["write_page"]

TEMPLATE = Path(__file__).with_name("conditions.template.md")
PAGE = ROOT / "docs" / "results" / "conditions.md"
LONGER = SAMPLE_WORK.with_name(f"{SAMPLE_WORK.name}-longer")
MISSING = "Not measured."
NOT_PASSED = "The base did not pass the gate: nothing is compared."
VIEWS = ("soft_pair", "hard_pair", "soft_span", "hard_span")


def main() -> None:
    """Write the page."""
    print(write_page())


def write_page() -> Path:
    """Fill in the template, section by section."""
    lookup = read(LOOKUP_RESULTS)
    sample, longer = (read(work / SAMPLE_RESULTS) for work in (SAMPLE_WORK, LONGER))
    costs = {path.stem: read(path) for path in sorted(KEPT.glob("*.json"))}
    kept: dict[str, list[Record]] = {
        "lookup": lookup_runs(lookup),
        "conditions": [mapping(about) for each in (sample, longer) for about in items(each.get("runs"))],
        **{f"rclora, {name}": [mapping(each["about"])] for name, each in costs.items()},
    }
    runs = dict.fromkeys(told(name, whole(about)) for name, abouts in kept.items() for about in abouts)
    adapters = tuned_slots(lookup) if lookup.get("passed") and lookup["found"] else MISSING
    contents: list[Slots | str] = [
        {"runs": "\n".join(runs)},
        base_slots(lookup) if lookup else MISSING,
        adapters if lookup.get("passed", True) else NOT_PASSED,
        varied_slots(lookup) or MISSING,
        sample_slots(sample) if sample else MISSING,
        sample_slots(longer) if longer else MISSING,
        {"cost": "\n\n".join(cost(each) for each in costs.values())} if costs else MISSING,
        {},
    ]
    sections = re.split(r"(?m)^(?=## )", TEMPLATE.read_text(encoding="utf-8"))
    filled = [fill(section, slots) for section, slots in zip(sections, contents, strict=True)]
    PAGE.write_text("\n".join(filled), encoding="utf-8")
    return PAGE


def whole(about: Record) -> Record:
    """Where figures come from, without which of them were measured at once: the tables say what there is."""
    return {**about, "command": re.sub(r" --(?:systems|seeds|out) \S+", "", f"{about['command']}")}


def lookup_runs(found: Record) -> list[Record]:
    """What each part of the look-up benchmark was measured by: its base, then its adapters."""
    systems = map(mapping, mapping(found.get("found")).values())
    parts = [mapping(found.get("base")), *(mapping(run) for each in systems for run in each.values())]
    return [mapping(part["about"]) for part in parts if part]


def read(path: Path) -> dict[str, object]:
    """A kept result; nothing where there is none."""
    return mapping(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def fill(section: str, slots: Slots | str) -> str:
    """A section with its slots, or with its heading and a sentence instead of all else."""
    if isinstance(slots, str):
        return f"{section.splitlines()[0]}\n\n{slots}\n"
    for name, value in slots.items():
        section = section.replace(f"{{{name}}}", value)
    return section.rstrip() + "\n"


# --- sample --------------------------------------------------------------------------------------


def sample_slots(found: Record) -> Slots:
    """The systems on the condition sample."""
    systems = {name: mapping(each) for name, each in mapping(found["systems"]).items()}
    trained = {name: each for name, each in systems.items() if number(each["training_seconds"])}
    steps = sorted({f"{step}" for each in trained.values() for step in items(each["steps"])}, key=int)
    return {
        "scores": scores(systems),
        "by_seed": seeds_table(systems),
        "compared": compared(mapping(found["differences"]), systems),
        "types": types(systems),
        "time": times(systems),
        "epochs": f"{' or '.join(steps)} steps" if steps else "none was trained yet",
    }


def items(value: object) -> list[object]:
    """A list of a record."""
    return list(value) if isinstance(value, list) else []


def scores(systems: Mapping[str, Record]) -> str:
    """Four means with intervals, the pooled F1, and what was malformed."""
    rows = []
    for each in systems.values():
        score = mapping(each["score"])
        strict = mapping(score["strict"])
        micro = mapping(strict["micro"])
        rows.append(
            [
                f"{each['title']}",
                cells_of(each),
                f"{each['pairs']}",
                *(f"{number(strict[view]):.1f} ({bounds(strict, view)})" for view in VIEWS),
                f"{number(micro['f1']):.1f} ({bounds(micro, 'f1')})",
                f"{percent(strict['malformed_rate'])}",
            ]
        )
    head = [
        "system",
        "cells",
        "pairs",
        *(f"mean, {view.replace('_pair', ', typed').replace('_span', '')}" for view in VIEWS),
    ]
    return table([*head, "micro", "malformed"], rows)


def cells_of(system: Record) -> str:
    """How many parts were measured, and of how many seeds."""
    cells = items(system["cells"])
    seeds = {str(items(cell)[0]) for cell in cells if items(cell)[0] is not None}
    return f"{len(cells)} of {len(seeds)} seeds" if seeds else "whole, once"


def bounds(figures: Record, name: str) -> str:
    """An interval that the task's score gives, of 0 to 100."""
    found = mapping(mapping(figures["interval"])[name])
    return f"{number(found['low']):.1f}-{number(found['high']):.1f}"


def seeds_table(systems: Mapping[str, Record]) -> str:
    """The headline of each seed, with mean and deviation."""
    drawn = {name: mapping(each["by_seed"]) for name, each in systems.items() if mapping(each["by_seed"])}
    if not drawn:
        return MISSING
    names = sorted({seed for each in drawn.values() for seed in each}, key=int)
    rows = []
    for name, each in drawn.items():
        values = [number(value) / 100 for value in each.values()]
        found = [f"{number(each[seed]):.1f}" if seed in each else "" for seed in names]
        rows.append([f"{systems[name]['title']}", *found, spread(values)])
    return table(["system", *names, "mean ± sd"], rows)


def compared(found: Record, systems: Mapping[str, Record]) -> str:
    """Paired differences."""
    rows = []
    for names, each in found.items():
        a, b = names.split(" less ")
        tested = mapping(mapping(mapping(each)["tested"])[HEADLINE])
        f1 = mapping(tested["f1"])
        rows.append(
            [
                f"{systems[a]['title']} less {systems[b]['title']}",
                f"{mapping(each)['cells']}",
                f"{signed(f1['value'])} ({signed(f1['low'])} to {signed(f1['high'])})",
                f"{number(tested['p']):.3f}",
                ", ".join(f"{number(gap):+.1f}" for gap in mapping(mapping(each)["by_seed"]).values()),
            ]
        )
    return differences_table(["", "cells", "difference (95 %)", "p", "by seed"], rows) if rows else MISSING


def types(systems: Mapping[str, Record]) -> str:
    """Pooled F1 by type."""
    tables = {
        name: mapping(mapping(mapping(each["score"])["strict"])["by_type"]) for name, each in systems.items()
    }
    names = list(TYPES)
    rows = []
    for name, found in tables.items():
        cells = [mapping(found[each]) for each in names]
        rows.append(
            [
                f"{systems[name]['title']}",
                *(f"{number(each['f1']):.1f} of {each['support']}" for each in cells),
            ]
        )
    return table(["system", *names], rows)


def times(systems: Mapping[str, Record]) -> str:
    """Seconds of a pair, tokens a second where there are tokens, and minutes of a training."""
    rows = []
    for each in systems.values():
        cells, training = len(items(each["cells"])), number(each["training_seconds"])
        asking, tokens = number(each["asking_seconds"]), [number(count) for count in items(each["tokens"])]
        rows.append(
            [
                f"{each['title']}",
                f"{asking / max(1.0, number(each['pairs'])):.2f}",
                *(f"{count / asking:,.1f}" if count else "" for count in tokens),
                f"{training / 60 / cells:.1f}" if training else "",
                f"{each['failed']}",
            ]
        )
    shown = ["seconds a pair", "tokens read a second", "written", "minutes a training"]
    return table(["system", *shown, "pairs without an answer"], rows)


# --- cost ----------------------------------------------------------------------------------------


def cost(found: Record) -> str:
    """What one machine showed."""
    settings, versions = mapping(found["settings"]), mapping(found["versions"])
    rows = []
    for kind, each in mapping(found["found"]).items():
        each = mapping(each)
        quartiles = [number(value) for value in items(each.get("quartiles"))]
        rows.append(
            [
                kind,
                f"{number(each['parameters']):,.0f}",
                f"{1000 * number(each['seconds']):.0f}" if quartiles else "",
                f"{number(each['ratio']):.2f} ({quartiles[0]:.2f}-{quartiles[1]:.2f})" if quartiles else "1",
                f"{number(each['memory_ratio']):.2f}" if quartiles else "1",
            ]
        )
    size = f"{settings['layers']} layers, {settings['hidden']} wide, rank {settings['rank']}"
    work = (
        f"{settings['rows']} x {settings['tokens']} tokens, {settings['rounds']} rounds, {settings['device']}"
    )
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    head = ["adapter", "weights learnt", "ms a step", "times a step of LoRA", "times its memory"]
    return f"{size}; {work}; {used}:\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
