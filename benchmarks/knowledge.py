"""Benchmark of the knowledge base: how fast it is built, what memory it takes, how fast an edge is found.

`python -m benchmarks.knowledge` writes docs/results/knowledge.md; with `--only page` from the last figures.
Every build is a process of its own, since a process never gives back its peak of memory.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from apothecary import __version__
from apothecary.engines.cores import free_cores
from apothecary.store.build import BuildOptions, build
from apothecary.store.opening import opened
from apothecary.store.query import Question, ask
from apothecary.store.search import index_path
from benchmarks.knowledge_data import RELATIONS_A_DOCUMENT, write_run

ROOT = Path(__file__).parent.parent
TEMPLATE = Path(__file__).with_name("knowledge.template.md")
PAGE = ROOT / "docs" / "results" / "knowledge.md"
MORE_DOCUMENTS = 250
"""Of the run that is added to a built base."""
ASKED = 50
EDGES_OF_A_DRUG = """
SELECT edge, type, belief, documents FROM edges SEMI JOIN (
    SELECT edge FROM edge_arguments WHERE concept = ?) USING (edge)
ORDER BY belief DESC LIMIT 20
"""
SENTENCES_OF_AN_EDGE = """
SELECT relations.document, "start", "end", quote, source, confidence
FROM relations JOIN evidence USING (relation) JOIN runs USING (run) WHERE edge = ? LIMIT 20
"""
PAIRS = """
SELECT d.name, s.name FROM edge_arguments a JOIN concepts d ON d.concept = a.concept AND d.kind = 'drug'
JOIN edge_arguments b USING (edge) JOIN concepts s ON s.concept = b.concept AND s.kind = 'disease'
ORDER BY random() LIMIT ?
"""
"""Drugs and diseases that are in an edge together."""
Figures = dict[str, float]


# In the process that is measured.


def measured(run: Path, store: Path) -> Figures:
    """One build: seconds on the clock and of the processor, and the peak of memory."""
    clock, processor = time.perf_counter(), time.process_time()
    built = build([run], store, BuildOptions())
    figures = {
        "seconds": time.perf_counter() - clock,
        "cpu": time.process_time() - processor,
        "relations": float(built.relations),
        "documents": float(built.documents),
        "edges": float(built.edges),
        "concepts": float(built.concepts),
        "megabytes": store.stat().st_size / 1e6,
    }
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return figures | {"peak": int(peak[1]) / 1024 if peak else 0.0}


def asked(store: Path) -> Figures:
    """Milliseconds to answers, each the median of many: two in plain SQL, two as `store query` asks; and
    seconds of the first question by words, which makes their index."""
    found: dict[str, list[float]] = {"drug": [], "edge": [], "pair": [], "words": []}

    def timed(name: str, work: Callable[[], object]) -> float:
        begin = time.perf_counter()
        work()
        found.setdefault(name, []).append(1000 * (time.perf_counter() - begin))
        return found[name][-1]

    with opened(store) as connection:
        connection.execute("SELECT setseed(0.5)")
        rows = connection.execute(
            "SELECT edge, concept FROM edge_arguments ORDER BY random() LIMIT ?", [ASKED]
        )
        for edge, concept in rows.fetchall():
            for name, query, value in (
                ("drug", EDGES_OF_A_DRUG, concept),
                ("edge", SENTENCES_OF_AN_EDGE, edge),
            ):
                timed(name, connection.execute(query, [value]).fetchall)
        index_path(store).unlink(missing_ok=True)
        first = timed("first", partial(ask, connection, Question(text="given")))
        for drug, disease in connection.execute(PAIRS, [ASKED]).fetchall():
            timed("pair", partial(ask, connection, Question(drugs=(drug,), diseases=(disease,))))
            timed("words", partial(ask, connection, Question(text=drug)))
    del found["first"]
    return {f"{name}_ms": statistics.median(times) for name, times in found.items()} | {"index": first / 1000}


# In the process that asks.


def in_a_process(*arguments: object) -> Figures:
    """What this module says when it is run with these arguments."""
    command = [sys.executable, "-m", "benchmarks.knowledge", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout)
    print(arguments[0], figures, file=sys.stderr)
    return figures


def measure(relations: int, work: Path, seed: int) -> dict[str, Figures]:
    """A base of that size: built, built again, added to, asked."""
    documents = relations // RELATIONS_A_DOCUMENT
    run, more, store = (work / f"{name}{relations}" for name in ("run", "more", "base"))
    store.unlink(missing_ok=True)
    for folder, count, first in ((run, documents, 0), (more, MORE_DOCUMENTS, documents)):
        if not folder.exists():
            write_run(folder, count, seed, first=first)
    return {
        "built": in_a_process("build", run, store),
        "again": in_a_process("build", run, store),
        "added": in_a_process("build", more, store),
        "asked": in_a_process("ask", store),
    }


def page(sizes: dict[str, dict[str, Figures]], seed: int) -> str:
    """The page, from the figures of each size."""
    build_rows, later_rows = [], []
    for size, all_figures in sizes.items():
        built, again, added, query = (all_figures[name] for name in ("built", "again", "added", "asked"))
        rate, cpu_rate = (built["relations"] / built[name] for name in ("seconds", "cpu"))
        build_rows.append(
            f"| {int(size):,} | {built['seconds']:,.0f} | {built['cpu']:,.0f} | {rate:,.0f} | {cpu_rate:,.0f}"
            f" | {built['peak']:,.0f} | {built['megabytes']:,.0f} | {built['edges']:,.0f} |"
        )
        later_rows.append(
            f"| {int(size):,} | {again['seconds']:.1f} | {added['seconds']:.1f} | {query['drug_ms']:.1f}"
            f" | {query['edge_ms']:.1f} | {query['pair_ms']:.0f} | {query['words_ms']:.0f}"
            f" | {query['index']:.1f} |"
        )
    return TEMPLATE.read_text().format(
        version=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cores=free_cores(),
        seed=seed,
        date=datetime.now(UTC).date(),
        documents_added=f"{MORE_DOCUMENTS:,}",
        asked=ASKED,
        building="\n".join(build_rows),
        later="\n".join(later_rows),
    )


def main() -> None:
    """Measure, and write the page."""
    if sys.argv[1:2] == ["build"]:
        print(json.dumps(measured(Path(sys.argv[2]), Path(sys.argv[3]))))
        return
    if sys.argv[1:2] == ["ask"]:
        print(json.dumps(asked(Path(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relations", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "knowledge")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["page"], help="write the page from the figures of the last time")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    kept = given.work / "figures.json"
    if given.only is None:
        sizes = {str(size): measure(size, given.work, given.seed) for size in given.relations}
        kept.write_text(json.dumps(sizes, indent=2))
    PAGE.write_text(page(json.loads(kept.read_text()), given.seed))


if __name__ == "__main__":
    main()
