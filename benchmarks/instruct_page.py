"""The page of the instruction benchmarks -> docs/results/instruct.md.

    python -m benchmarks.instruct_page [--work DIR] [--page FILE]

From what `benchmarks.instruct` and `benchmarks.instruct_scale` left under runs/. A part that was not measured
is said to be missing.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.runs.evaluation import SuiteOptions, load_suite
from apothecary.runs.evaluation_page import shown
from apothecary.runs.evaluation_result import Compared, figures_of
from benchmarks.conditions_page import MISSING, fill, read
from benchmarks.instruct import BASELINES, CELLS, RECORD, WORK
from benchmarks.instruct_data import LONGEST, PARTS, SUITE
from benchmarks.instruct_scale import RESULTS as SCALE
from benchmarks.pocket_figures import DATA, ROOT, Record, mapping, number
from benchmarks.pocket_page import table
from benchmarks.relations_page import told

__all__ = ["write_page"]

TEMPLATE = Path(__file__).with_name("instruct.template.md")
PAGE = ROOT / "docs" / "results" / "instruct.md"
TITLES = {
    "majority": "majority",
    "random": "random",
    "dictionary": "dictionary",
    "untuned": "SmolLM2-135M, untuned",
    "stage1": "stage 1 alone",
    "two_stage": "two stages",
    "one_stage": "one stage, as many steps",
}
COMPARED = (
    ("stage1", "untuned"),
    ("two_stage", "untuned"),
    ("one_stage", "untuned"),
    ("two_stage", "stage1"),
    ("two_stage", "one_stage"),
)
"""One less the other, on the same questions."""
TRAININGS = {"train-stages": "stage 1, and stage 2", "train-one-stage": "one stage, as many steps"}
GROUPS = ("by_family", "by_language")
Replies = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Results:
    """What was measured: records of the parts, figures of the cells, and of pairs of them."""

    records: Mapping[str, Record]
    figures: Mapping[str, Record]
    differences: Mapping[tuple[str, str], Record]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    print(write_page(given.work, given.page))


def write_page(work: Path = WORK, page: Path = PAGE) -> Path:
    """Fill in the template, section by section."""
    found, scale = results_of(work), read(SCALE)
    runs = [told(name, mapping(each["about"])) for name, each in found.records.items()]
    if scale:
        runs.append(told("mixing", mapping(scale["about"])))
    slots = model_slots(found) if "untuned" in found.figures else MISSING
    contents: list[Mapping[str, str] | str] = [
        {"runs": "\n".join(runs)},
        data_slots(found.records["data"]) if "data" in found.records else MISSING,
        slots,
        {"mixing": scale_table(scale)} if scale else MISSING,
    ]
    sections = re.split(r"(?m)^(?=## )", TEMPLATE.read_text(encoding="utf-8"))
    filled = [fill(section, each) for section, each in zip(sections, contents, strict=True)]
    page.write_text("\n".join(filled), encoding="utf-8")
    return page


def results_of(work: Path) -> Results:
    """All that was kept; only cells that answered the questions of the data that are there."""
    records = {path.parent.name: read(path) for path in sorted(work.glob(f"*/{RECORD}"))}
    data = work / "data"
    if "data" not in records:
        return Results({}, {}, {})
    replies = {name: replies_of(work / name / "run") for name in CELLS if name in records}
    options = SuiteOptions(data=data / "sets", held_out=DATA / "held_out.tsv")
    suite, parts, _ = load_suite(str(data / SUITE), options)
    asked = {
        name: [p for p in parts if any(i.id in known for i in p.items)] for name, known in replies.items()
    }
    figures = {name: figures_of(asked[name], known, suite) for name, known in replies.items()}
    differences = {
        (a, b): figures_of(asked[a], replies[a], suite, Compared(b, replies[b]))
        for a, b in COMPARED
        if a in replies and b in replies
    }
    return Results(records, figures, differences)


def replies_of(run: Path) -> Replies:
    """The rows of an evaluation by id."""
    lines = (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return {str(row["id"]): row for row in map(json.loads, lines)}


def data_slots(record: Record) -> Mapping[str, str]:
    """What was mixed."""
    by_task, tokens, steps = record["by_task"], record["tokens"], record["steps"]
    assert isinstance(by_task, list)
    assert isinstance(tokens, list)
    assert isinstance(steps, list)
    mixed = mapping(record["mixed"])
    dropped = ", ".join(f"{count} {why}" for why, count in mapping(mixed["left_out"]).items())
    return {
        "by_task": table(by_task[0], by_task[1:]),
        "instructions": f"{number(mixed['instructions']):,.0f}",
        "left_out": dropped or "none",
        "longest": f"{LONGEST}",
        "first": f"{tokens[0]:,} tokens in {steps[0]} steps",
        "second": f"{tokens[1]:,} tokens in {steps[1]} steps",
        "steps": f"{sum(steps)}",
    }


def model_slots(found: Results) -> Mapping[str, str]:
    """The tables of results."""
    return {
        "means": table(["system", "mean of sets", *means_heads(found)], list(means(found))),
        "sets": set_table(found),
        "replies": table(["system", "questions", "unread", "refused", "cut off"], list(counts(found))),
        "differences": table(
            ["", "mean of sets", *means_heads(found)],
            [[f"{TITLES[a]}, less {TITLES[b]}", *gaps(each)] for (a, b), each in found.differences.items()],
        ),
        "set_differences": difference_table(found),
        "time": "\n".join(times(found.records)),
        "untrained": ", ".join(part.name for part in PARTS if not part.learnt),
    }


def means_heads(found: Results) -> list[str]:
    """Families and languages."""
    figures = found.figures["untuned"]
    return [name for group in GROUPS for name in mapping(figures[group])]


def means(found: Results) -> Iterable[list[str]]:
    """A row for each system that answered all sets, and one of the best baselines."""
    whole = found.figures["untuned"]
    sets = len(rows(whole))
    best = [mapping(mapping(whole[group])[name]) for group in GROUPS for name in mapping(whole[group])]
    yield ["best baseline of each set", *(base(each) for each in [mapping(whole["macro"]), *best])]
    for name, figures in found.figures.items():
        if len(rows(figures)) == sets:
            each = [figures["macro"], *(one for group in GROUPS for one in mapping(figures[group]).values())]
            yield [TITLES[name], *map(shown, each)]


def base(row: Record) -> str:
    """The mean of best baselines."""
    return f"{number(row['best_baseline']):.3f}" if row["best_baseline"] is not None else "-"


def set_table(found: Results) -> str:
    """A row for each set: its metric, the best baseline, and each model."""
    models = [name for name in CELLS if name in found.figures and name not in BASELINES]
    by_set = {name: {str(row["name"]): row for row in rows(found.figures[name])} for name in models}
    lines = []
    for row in rows(found.figures["untuned"]):
        name, best = str(row["name"]), row["best_baseline"]
        baseline = mapping(mapping(row["baselines"]).get(str(best)))
        known = f"{best} {number(baseline['value']):.3f}" if baseline else "-"
        cells = [main_figure(by_set[model][name]) for model in models]
        lines.append([f"{name} {row['language']}", str(row["metric"]), known, *cells])
    return table(["set", "metric", "best baseline", *(TITLES[name] for name in models)], lines)


def difference_table(found: Results) -> str:
    """A row for each set, a column for each comparison."""
    columns = list(found.differences)
    by_set = {key: {str(row["name"]): row for row in rows(each)} for key, each in found.differences.items()}
    lines = [
        [
            f"{row['name']} {row['language']}",
            *(
                shown(mapping(by_set[key][str(row["name"])]["against"])["difference"], "+.3f")
                for key in columns
            ),
        ]
        for row in rows(found.figures["untuned"])
    ]
    return table(["set", *(f"{TITLES[a]}, less {TITLES[b]}" for a, b in columns)], lines)


def counts(found: Results) -> Iterable[list[str]]:
    """Replies that were no answers."""
    for name, figures in found.figures.items():
        told_of = mapping(figures["counts"])
        keys = ("items", "unread", "refused", "cut_off")
        yield [TITLES[name], *(f"{number(told_of[key]):.0f}" for key in keys)]


def gaps(figures: Record) -> list[str]:
    """The paired differences of means."""
    each = [figures["macro"], *(one for group in GROUPS for one in mapping(figures[group]).values())]
    return [shown(mapping(one)["difference"], "+.3f") for one in each]


def times(records: Mapping[str, Record]) -> Iterable[str]:
    """What trainings and evaluations took by the clock."""
    for name, record in records.items():
        if name in TRAININGS:
            steps = record["steps"]
            assert isinstance(steps, list)
            about_it = f"{TRAININGS[name]}: {', '.join(map(str, steps[:2]))} steps"
            yield f"- {about_it}, {minutes(record)}, {record['threads']} thread(s)"
        elif name in ("untuned", "stage1", "two_stage", "one_stage"):
            yield f"- {TITLES[name]}: {record['calls']} questions in {minutes(record)}"


def minutes(record: Record) -> str:
    """Time by the clock; of a part that was interrupted that of its last piece."""
    return f"{number(record['seconds']) / 60:.0f} minutes"


def scale_table(record: Record) -> str:
    """Time, memory and disk by the number of examples."""
    sizes = record["sizes"]
    assert isinstance(sizes, list)
    heads = [
        "examples",
        "drawn",
        "minutes of a processor",
        "of the clock",
        "memory at most (MiB)",
        "disk beside the mixture (MiB)",
    ]
    return table(heads, [[f"{number(row[key]):,.{digits}f}" for key, digits in SCALED] for row in sizes])


SCALED = (
    ("examples", 0),
    ("instructions", 0),
    ("processor_minutes", 1),
    ("minutes", 1),
    ("memory_mib", 0),
    ("disk_mib", 0),
)


def main_figure(row: Record) -> str:
    """The main figure of a set with its interval."""
    return shown(mapping(row["figures"])[str(row["metric"])])


def rows(figures: Record) -> Sequence[dict[str, object]]:
    """The records of the sets."""
    found = figures["sets"]
    assert isinstance(found, list)
    return [mapping(each) for each in found]


if __name__ == "__main__":
    main()
