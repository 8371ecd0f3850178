"""The pocket models on development parts, with peers in the same run -> docs/results/pocket.md.

    python benchmarks/pocket.py                      # everything, all 500 abstracts of CDR's development part
    python benchmarks/pocket.py --limit 20 --parts mentions,relations --page /tmp/page.md

No test part is read. Held-out ids are dropped. Thresholds that were fitted on the part they are scored on
are cross-fitted: each half of the documents is decided by the threshold of the other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
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
from apothecary.engines.cascade import Cascade
from apothecary.engines.cores import free_cores
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.engines.scripted import Scripted
from apothecary.formats import pubtator
from apothecary.messages import (
    Choices,
    Engine,
    LabelPair,
    LabelProbabilities,
    LabelSet,
    Message,
    Outcome,
    Reply,
    Request,
    SetProbabilities,
)
from apothecary.metrics.bootstrap import bootstrap
from apothecary.metrics.calibration import brier, expected_calibration_error, probability
from apothecary.metrics.counts import Counts
from apothecary.metrics.nary import pooled, score_documents
from apothecary.metrics.thresholds import fit_threshold
from apothecary.networks.sets import choose_sets
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_lines
from apothecary.tasks.linking import load_linking
from apothecary.tasks.mentions.score import score as score_mentions
from apothecary.tasks.relations.score import score as score_relations
from apothecary.training.examples import Example, load
from apothecary.training.settings import read_settings

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("APOTHECARY_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / "runs" / "benchmark-pocket"
CALLS_OF_THE_REFERENCE = 57
SEED = 13

Record = Mapping[str, object]
Results = dict[str, object]


def development(limit: int | None) -> tuple[list[Document], Path]:
    """CDR's development part without held-out ids, and a file of it."""
    held = HeldOut.read(DATA / "held_out.tsv")
    documents, dropped = held.drop(cdr.CORPUS.read(DATA / "cdr", "dev"), lambda d: (d.id,))
    if limit:
        documents = random.Random(SEED).sample(documents, min(limit, len(documents)))
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / "dev.pubtator"
    with path.open("w", encoding="utf-8") as stream:
        pubtator.write(documents, stream)
    print(f"{len(documents)} documents of cdr/dev, {dropped} held-out ids dropped")
    return documents, path


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
    return {
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
    gold = {tuple(a.concept for a in relation.arguments) for relation in document.relations}
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


def figures(counts: Sequence[Counts]) -> object:
    """Precision, recall and F1 with an interval over documents."""

    def f1(units: Sequence[Counts]) -> float:
        return sum(units, Counts()).f1

    interval = bootstrap(counts, f1, seed=SEED)
    total = sum(counts, Counts())
    return {
        "precision": total.precision,
        "recall": total.recall,
        "f1": {"value": total.f1, "low": interval.low, "high": interval.high},
    }


# --- other corpora --------------------------------------------------------------------------------


def development_examples(arguments: argparse.Namespace, head: str) -> tuple[list[Example], tuple[str, ...]]:
    """Development examples of a head of the relator's configuration, and its labels."""
    settings = read_settings(ROOT / "examples" / "pocket" / "relator.toml")
    _, dev, _ = load(settings, DATA)
    (labels,) = (each.labels for each in settings.head if each.name == head)
    chosen = [example for example in dev if example.head == head]
    return chosen[: arguments.limit], labels


def measure_pairs(head: str, arguments: argparse.Namespace) -> Results:
    """Pairs with gold mentions of another corpus, every label with a cross-fitted threshold."""
    examples, labels = development_examples(arguments, head)
    engine = open_engine(arguments.engine, EngineOptions())
    rows: list[list[tuple[dict[str, float], frozenset[int]]]] = []
    for example in examples:
        asked = [
            Request((), "relations.pairs", LabelPair(example.text, item.head, item.tail, (*labels, "none")))
            for item in example.pairs
        ]
        values = [reply.value for reply in engine.answer(asked) if isinstance(reply, Reply)]
        rows.append(
            [
                (dict(value.probabilities), item.labels)
                for value, item in zip(values, example.pairs, strict=True)
                if isinstance(value, LabelProbabilities)
            ]
        )
    counts: list[Counts] = []
    for mine, other in ((0, 1), (1, 0)):
        thresholds = {
            label: fit_threshold([(p[label], i in true) for row in rows[other::2] for p, true in row]).value
            for i, label in enumerate(labels)
        }
        for row, example in zip(rows[mine::2], examples[mine::2], strict=True):
            given = [
                (i, true)
                for p, true in row
                for i, label in enumerate(labels)
                if p[label] >= thresholds[label]
            ]
            hits = sum(i in true for i, true in given)
            gold = sum(len(true) for _, true in row) + example.missed
            counts.append(Counts(hits, len(given) - hits, gold - hits))
    return {"micro": figures(counts), "documents": len(examples)}


def measure_sets(arguments: argparse.Namespace) -> Results:
    """DrugComb's development split by the official scorer, over names, beside its all-drugs floor."""
    examples, labels = development_examples(arguments, "combinations")
    engine = open_engine(arguments.engine, EngineOptions())
    gold, floor = {}, {}
    rows: dict[str, list[dict[str, float]]] = {}
    for example in examples:
        item = example.set
        assert item is not None
        gold[example.id] = [(frozenset(chosen), labels[label]) for chosen, label in item.gold]
        everyone = frozenset(range(len(item.names)))
        floor[example.id] = [(everyone, "POS")] if len(everyone) > 1 else []
        asked = LabelSet(example.text, item.spans, item.candidates, labels)
        (reply,) = engine.answer([Request((), "combinations.sets", asked)])
        assert isinstance(reply, Reply)
        assert isinstance(reply.value, SetProbabilities)
        rows[example.id] = [dict(each.probabilities) for each in reply.value.sets]

    def predicted(chosen: Sequence[Example], threshold: float) -> dict[str, list[tuple[frozenset[int], str]]]:
        found = {}
        for example in chosen:
            assert example.set is not None
            given = rows[example.id]
            taken = choose_sets(example.set.candidates, [1 - row[labels[0]] for row in given], threshold)
            found[example.id] = [
                (frozenset(example.set.candidates[i]), max(labels[1:], key=given[i].__getitem__))
                for i in taken
            ]
        return found

    def exact(chosen: Sequence[Example], threshold: float) -> float:
        units = score_documents({e.id: gold[e.id] for e in chosen}, predicted(chosen, threshold))
        return sum(pooled(row[view] for row in units.values()).f1 for view in ("positive_exact", "any_exact"))

    crossed: dict[str, list[tuple[frozenset[int], str]]] = {}
    for mine, other in ((examples[::2], examples[1::2]), (examples[1::2], examples[::2])):
        threshold = max((step / 20 for step in range(1, 20)), key=lambda t: exact(other, t))
        crossed |= predicted(mine, threshold)
    return {"pocket": official(gold, crossed), "floor": official(gold, floor), "documents": len(examples)}


def official(
    gold: Mapping[str, list[tuple[frozenset[int], str]]],
    found: Mapping[str, list[tuple[frozenset[int], str]]],
) -> Record:
    """The four official F1 with intervals over documents."""
    units = list(score_documents(gold, found).values())
    result = {}
    for view in ("positive_exact", "positive_partial", "any_exact", "any_partial"):
        interval = bootstrap([row[view] for row in units], lambda rows: pooled(rows).f1, seed=SEED)
        result[view] = {
            "value": pooled(row[view] for row in units).f1,
            "low": interval.low,
            "high": interval.high,
        }
    return result


# --- cost -----------------------------------------------------------------------------------------


SPEED = """
import resource, sys, time
from apothecary.api import ExtractOptions, extract
began = time.perf_counter()
run = extract(sys.argv[1], "relations", engine=sys.argv[2], out=sys.argv[3],
              options=ExtractOptions(fresh=True, cache=""))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
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


def measure_hybrid(documents: Sequence[Document], arguments: argparse.Namespace) -> Results:
    """F1 with gold mentions against the questions that a second engine is asked."""
    seconds: dict[str, Callable[[], Engine]] = {"strong": lambda: strong_engine(documents, 0.9)}
    if arguments.language_model:
        seconds[arguments.language_model] = lambda: open_engine(arguments.language_model, EngineOptions())
    return {
        name: [
            hybrid_point(documents, arguments, make(), sure) for sure in (0.0, 0.6, 0.7, 0.8, 0.9, 0.97, 1.01)
        ]
        for name, make in seconds.items()
    }


def hybrid_point(
    documents: Sequence[Document], arguments: argparse.Namespace, second: Engine, sure: float
) -> Record:
    """One point: pairs of gold concepts, those in doubt answered by the second engine."""
    asked = 0

    def counted(request: Request) -> Outcome:
        nonlocal asked
        asked += 1
        (outcome,) = second.answer([request])
        return outcome

    engine = Cascade(open_engine(arguments.engine, EngineOptions()), Scripted(counted), sure)
    counts = []
    for document in documents:
        pairs = cid_pairs(document)
        gold = {tuple(a.concept for a in relation.arguments) for relation in document.relations}
        outcomes = engine.answer([request for _, request in pairs])
        given = [key for (key, _), outcome in zip(pairs, outcomes, strict=True) if says_yes(outcome)]
        hits = sum(key in gold for key in given)
        counts.append(Counts(hits, len(given) - hits, len(gold) - hits))
    return {"sure": sure, "asked_per_document": asked / len(documents), "micro": figures(counts)}


def cid_pairs(document: Document) -> list[tuple[tuple[str, str], Request]]:
    """A request for every pair of gold concepts."""

    def spans(places: Iterable[int]) -> tuple[tuple[int, int], ...]:
        return tuple((document.mentions[i].start, document.mentions[i].end) for i in places)

    found = []
    for head in document.concepts:
        for tail in document.concepts:
            if head.type == "Chemical" and tail.type == "Disease" and head.mentions and tail.mentions:
                given = LabelPair(document.text, spans(head.mentions), spans(tail.mentions), ("CID", "none"))
                question = f"Does {head.names[0]} induce {tail.names[0]}? 1: it does. 0: it does not."
                request = Request(
                    (Message("user", f"{document.text}\n\n{question}"),),
                    "relations.pairs",
                    given,
                    Choices(("1", "0")),
                    want_logprobs=True,
                )
                found.append(((head.id, tail.id), request))
    return found


def says_yes(outcome: Outcome) -> bool:
    """The decision of either engine at even odds."""
    if not isinstance(outcome, Reply):
        return False
    if isinstance(outcome.value, LabelProbabilities):
        return outcome.value.probabilities["CID"] >= 0.5
    if outcome.logprobs:
        return outcome.logprobs["1"] >= outcome.logprobs["0"]
    return outcome.text == "1"


def strong_engine(documents: Sequence[Document], right: float) -> Scripted:
    """A made-up language model that answers a share of all pairs rightly, whichever they are (seeded)."""
    truth = {}
    for document in documents:
        gold = {tuple(a.concept for a in relation.arguments) for relation in document.relations}
        for key, request in cid_pairs(document):
            truth[request.messages] = key in gold

    def answer(request: Request) -> Outcome:
        flips = random.Random(request.messages[0].content).random() >= right
        return Reply(str(int(truth[request.messages] != flips)))

    return Scripted(answer)


# --- the page -------------------------------------------------------------------------------------


def rows_of(record: Record | None, key: str) -> list[dict[str, object]]:
    """The list of objects under a key; none where nothing was predicted."""
    found = (record or {}).get(key, [])
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def mapping(value: object) -> dict[str, object]:
    """An object of a record."""
    return dict(value) if isinstance(value, dict) else {}


def number(value: object) -> float:
    """A number of a record."""
    return float(str(value))


def main() -> None:
    """Measure the parts asked for and keep the results beside the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="pocket")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--parts", default="mentions,relations,biored,chemdisgene,sets,speed,hybrid")
    parser.add_argument("--language-model", default="", help="a second engine for the hybrid curve")
    parser.add_argument("--results", type=Path, default=WORK / "results.json")
    arguments = parser.parse_args()
    documents, source = development(arguments.limit)
    measures: dict[str, Callable[[], Results]] = {
        "mentions": lambda: measure_mentions(documents, source, arguments),
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
            "version": __version__,
            "date": date.today().isoformat(),
            "python": platform.python_version(),
        }
        arguments.results.write_text(json.dumps(known, indent=1, default=str))


if __name__ == "__main__":
    main()
