"""The pocket models on development parts, with peers in the same run -> docs/results/pocket.md.

    python -m benchmarks.pocket                      # everything, all abstracts of CDR's development part
    python -m benchmarks.pocket --limit 20 --parts mentions,relations

No test part is read. Held-out ids are dropped. Thresholds that were fitted on the part they are scored on
are cross-fitted: each half of the documents is decided by the threshold of the other.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from apothecary import __version__
from apothecary.api import ExtractOptions, extract
from apothecary.corpora import cdr
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.engines.cores import free_cores
from apothecary.formats import pubtator
from apothecary.metrics.calibration import brier, expected_calibration_error, probability
from apothecary.metrics.counts import Counts
from apothecary.metrics.thresholds import fit_threshold
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_lines
from apothecary.tasks.linking import load_linking
from apothecary.tasks.mentions.score import score as score_mentions
from apothecary.tasks.relations.score import score as score_relations
from benchmarks.pocket_figures import (
    DATA,
    ROOT,
    SEED,
    Record,
    Results,
    figures,
    gold_pairs,
    mapping,
    number,
    rows_of,
)
from benchmarks.pocket_gold import measure_pairs, measure_sets
from benchmarks.pocket_hybrid import measure_hybrid
from benchmarks.pocket_linking import measure_linking
from benchmarks.pocket_page import write_page

WORK = ROOT / "runs" / "benchmark-pocket"


def development(limit: int | None) -> tuple[list[Document], Path]:
    """CDR's development part without held-out ids, and a file of it."""
    held = HeldOut.read(DATA / "held_out.tsv")
    documents, dropped = held.drop(cdr.CORPUS.read(DATA / "cdr", "dev"), lambda d: (d.id,))
    if limit:
        documents = random.Random(SEED).sample(documents, min(limit, len(documents)))
    print(f"{len(documents)} documents of cdr/dev, {dropped} held-out ids dropped")
    return documents, write_gold(documents, "dev.pubtator")


def write_gold(documents: Iterable[Document], name: str) -> Path:
    """The documents as a file that an extraction can read."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / name
    with path.open("w", encoding="utf-8") as stream:
        pubtator.write(documents, stream)
    return path


def run(name: str, source: Path, task: str, engine: str, settings: Record) -> Summary:
    """One extraction, without the cache of replies: its time is part of the result."""
    options = ExtractOptions(fresh=True, cache="")
    summary = extract(source, task, engine=engine, settings=settings, out=WORK / name, options=options)
    print(f"{name}: {summary.status}, {summary.ledger.wall_seconds:.1f} s")
    return summary


def paired(documents: Iterable[Document], folder: Path) -> list[tuple[Document, Record | None]]:
    """Gold documents with the records of a run."""
    records = {str(row["id"]): row for row in read_lines(folder / "predictions.jsonl")}
    return [(document, records.get(document.id)) for document in documents]


# --- mentions -------------------------------------------------------------------------------------


def measure_mentions(documents: Sequence[Document], source: Path, arguments: argparse.Namespace) -> Results:
    """Strict F1 of the tagger and of a tagger by dictionary, with their speed; calibration of the spans."""
    summary = run("mentions", source, "mentions", arguments.engine, {})
    pairs = paired(documents, summary.folder)
    began = time.perf_counter()
    by_dictionary = [(document, dictionary_record(document)) for document in documents]
    seconds = time.perf_counter() - began
    probabilities, right = [], []
    for document, record in pairs:
        gold = {(m.start, m.end, m.type) for m in document.mentions}
        for row in rows_of(record, "mentions"):
            probabilities.append(number(row["confidence"]))
            right.append((row["start"], row["end"], row["type"]) in gold)
    found: Results = {}
    if arguments.language_model:
        sample = random.Random(SEED).sample(list(documents), min(len(documents), arguments.language_sample))
        path = write_gold(sample, "sample.pubtator")
        asked = run("language", path, "mentions", arguments.language_model, {})
        found = {
            "language_model": strict(score_mentions(paired(sample, asked.folder), seed=SEED)),
            "language_model_name": f"`{arguments.language_model}`, zero-shot",
            "language_model_documents": len(sample),
            "language_model_seconds": asked.ledger.wall_seconds,
        }
    return {
        **found,
        "pocket": strict(score_mentions(pairs, seed=SEED)),
        "pocket_seconds": summary.ledger.wall_seconds,
        "dictionary": strict(score_mentions(by_dictionary, seed=SEED)),
        "dictionary_seconds": seconds,
        "ece": expected_calibration_error(probabilities, right),
        "brier": brier(probabilities, right),
        "documents": len(documents),
    }


def strict(scores: Mapping[str, object]) -> object:
    """Micro figures and F1 by type of the strict evaluator."""
    return scores["strict"]


def dictionary_record(document: Document) -> Record:
    """The longest names of the shipped dictionary in a text, left to right: a peer without a model."""
    linker = load_linking("own").linker
    assert linker is not None
    text = document.text
    starts = [i for i in range(len(text)) if text[i].isalnum() and (i == 0 or not text[i - 1].isalnum())]
    ends = [
        i
        for i in range(1, len(text) + 1)
        if text[i - 1].isalnum() and (i == len(text) or not text[i].isalnum())
    ]
    mentions: list[Record] = []
    after = 0
    for start in starts:
        if start < after:
            continue
        for end in [end for end in ends if start < end <= start + 60][7::-1]:
            name = text[start:end]
            kinds = [k for k in ("Chemical", "Disease") if linker.link(name, k).how == "exact"]
            if kinds and len(name) > 2:
                mentions.append({"start": start, "end": end, "type": kinds[0]})
                after = end
                break
    return {"id": document.id, "mentions": mentions}


# --- relations ------------------------------------------------------------------------------------


def measure_relations(documents: Sequence[Document], source: Path, arguments: argparse.Namespace) -> Results:
    """From raw text, and with gold mentions, beside the floor of all pairs."""
    found = run("relations", source, "relations", arguments.engine, {})
    oracle = run("oracle", source, "relations", arguments.engine, {"oracle_mentions": True})
    pairs = paired(documents, found.folder)
    probabilities, holds = calibration_of(paired(documents, oracle.folder))
    return {
        "raw": concept(pairs),
        "raw_own_links": concept([(d, without(r, "texts")) for d, r in pairs]),
        "raw_gold_links": concept([(d, without(r, "ids")) for d, r in pairs]),
        "oracle": concept(paired(documents, oracle.folder)),
        "oracle_cross_fitted": cross_fitted(paired(documents, oracle.folder)),
        "floor": concept([(document, all_pairs(document)) for document in documents]),
        "questions": found.ledger.total.calls / len(documents),
        "seconds": found.ledger.wall_seconds,
        "ece": expected_calibration_error(probabilities, holds),
        "brier": brier(probabilities, holds),
        "documents": len(documents),
    }


def concept(pairs: Sequence[tuple[Document, Record | None]]) -> object:
    """Micro figures of the `concept` evaluator."""
    evaluators = score_relations(pairs, seed=SEED)["evaluators"]
    assert isinstance(evaluators, dict)
    return evaluators["concept"]["micro"]


def without(record: Record | None, key: str) -> Record | None:
    """A prediction whose sides lack their strings or their ids."""
    if record is None:
        return None
    relations = [
        {**row, **{side: bare_side(mapping(row[side]), key) for side in ("head", "tail")}}
        for row in rows_of(record, "relations")
    ]
    return {**record, "relations": relations}


def bare_side(side: Record, key: str) -> Record:
    """A side without its strings or ids; one that has then nothing left stands for nothing in any text."""
    left = {**side, key: []}
    return left if left["texts"] or left["ids"] else {**left, "texts": ["(not linked)"]}


def all_pairs(document: Document) -> Record:
    """Every pair of a chemical and a disease concept."""
    heads, tails = (
        [c for c in document.concepts if c.type == kind and c.mentions] for kind in ("Chemical", "Disease")
    )
    relations = [
        {"type": "CID", "head": {"ids": list(head.ids)}, "tail": {"ids": list(tail.ids)}}
        for head in heads
        for tail in tails
    ]
    return {"id": document.id, "relations": relations}


def candidates(document: Document, record: Record | None) -> list[tuple[float, bool]]:
    """Log-odds of every pair that was asked about, and whether it holds, concepts being those of gold."""
    gold = gold_pairs(document)
    return [
        (number(row["log_odds"]), (row["head"], row["tail"]) in gold) for row in rows_of(record, "candidates")
    ]


def calibration_of(pairs: Sequence[tuple[Document, Record | None]]) -> tuple[list[float], list[bool]]:
    """Probabilities and truth of all pairs asked about."""
    rows = [row for document, record in pairs for row in candidates(document, record)]
    return [probability(odds, 1.0, 0.0) for odds, _ in rows], [holds for _, holds in rows]


def cross_fitted(pairs: Sequence[tuple[Document, Record | None]]) -> object:
    """F1 when each half of the documents is decided by the other half's best threshold."""
    rows = [(candidates(document, record), len(document.relations)) for document, record in pairs]
    halves = rows[::2], rows[1::2]
    counts: list[Counts] = []
    for mine, other in (halves, halves[::-1]):
        threshold = fit_threshold([row for each, _ in other for row in each]).value
        counts += [decided(each, gold, threshold) for each, gold in mine]
    return figures(counts)


def decided(rows: Sequence[tuple[float, bool]], gold: int, threshold: float) -> Counts:
    """Counts of one document at a threshold."""
    given = [holds for odds, holds in rows if odds >= threshold]
    return Counts(sum(given), len(given) - sum(given), gold - sum(given))


# --- cost -----------------------------------------------------------------------------------------


SPEED = """
import re, sys, time
from apothecary.api import ExtractOptions, extract
began = time.perf_counter()
run = extract(sys.argv[1], "relations", engine=sys.argv[2], out=sys.argv[3],
              options=ExtractOptions(fresh=True, cache=""))
# Not ru_maxrss: it survives exec, and would tell the peak of the process that measures.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(run.documents, time.perf_counter() - began, run.ledger.wall_seconds, peak)
"""


def measure_speed(source: Path, arguments: argparse.Namespace) -> Results:
    """Raw text to relations in a process of its own: abstracts a second, seconds to start, peak memory."""
    given = [sys.executable, "-c", SPEED, str(source), arguments.engine, str(WORK / "speed")]
    best: Results = {}
    for _ in range(3):
        printed = subprocess.run(given, capture_output=True, text=True, check=True).stdout.split()
        documents, whole, wall, peak = int(printed[0]), *map(float, printed[1:])
        rate = documents / wall
        if rate > number(best.get("per_second", 0.0)):
            best = {"per_second": rate, "start": whole - wall, "peak_mb": peak, "documents": documents}
    return {**best, "cores": free_cores()}


def main() -> None:
    """Measure the parts asked for and keep the results beside the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="pocket")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--parts", default="mentions,linking,relations,biored,chemdisgene,sets,speed,hybrid")
    parser.add_argument("--language-model", default="", help="a second engine for the hybrid curve")
    parser.add_argument("--language-sample", type=int, default=40, help="how many abstracts it reads")
    parser.add_argument("--results", type=Path, default=WORK / "results.json")
    arguments = parser.parse_args()
    documents, source = development(arguments.limit)
    measures: dict[str, Callable[[], Results]] = {
        "mentions": lambda: measure_mentions(documents, source, arguments),
        "linking": measure_linking,
        "relations": lambda: measure_relations(documents, source, arguments),
        "biored": lambda: measure_pairs("biored", arguments),
        "chemdisgene": lambda: measure_pairs("chemdisgene", arguments),
        "sets": lambda: measure_sets(arguments),
        "speed": lambda: measure_speed(source, arguments),
        "hybrid": lambda: measure_hybrid(documents, arguments),
    }
    known = json.loads(arguments.results.read_text()) if arguments.results.is_file() else {}
    for part in arguments.parts.split(","):
        known[part] = measures[part]()
        print(part, json.dumps(known[part], indent=1, default=str)[:3000])
        known["about"] = {
            # Parts may be measured one by one: the command is that of them all.
            "command": re.sub(r" --parts \S+", "", " ".join(["python -m benchmarks.pocket", *sys.argv[1:]])),
            "version": __version__,
            "date": date.today().isoformat(),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": free_cores(),
        }
        arguments.results.write_text(json.dumps(known, indent=1, default=str))
    if set(measures) <= set(known):
        print(write_page(known))


if __name__ == "__main__":
    main()
