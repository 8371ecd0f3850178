"""Part of the relations benchmark: the embedded language model, zero-shot, on a seeded sample of CDR.

Thresholds are fitted on a sample of the training part, scores are on the development part, held-out ids are
dropped from both; no test part is read.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from apothecary.documents import Document
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_json
from apothecary.tasks.mentions.score import score as score_mentions
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.score import score as score_relations
from apothecary.tasks.schema import load_schema
from benchmarks.pocket_figures import ROOT, SEED, Record, Results, mapping
from benchmarks.relations_parts import WORK, all_pairs, corpora, pairs_of, predictions, run, training

__all__ = ["EVALUATORS", "measure_embedded", "ship"]

SHIPPED = ROOT / "src" / "apothecary" / "tasks" / "relations" / "thresholds.json"
EVALUATORS = ("concept", "concept_mapped", "string_pair", "cluster_overlap")


def measure_embedded(engine: str, documents: int, fit_documents: int) -> Results:
    """Scores of seven ways, the thresholds, and what two of them cost without the reply cache."""
    draw = random.Random(SEED)
    dev = corpora()[0]
    sample = draw.sample(list(dev.documents), documents)
    path, thresholds = fitted(draw.sample(training(), fit_documents), engine)
    given: dict[str, object] = {"thresholds": str(path)}
    plans: list[tuple[str, bool, dict[str, object]]] = [
        ("gold concepts, argmax", False, {"oracle_mentions": True, "decide": "argmax"}),
        ("gold concepts, fitted threshold", False, {"oracle_mentions": True, **given}),
        ("gold names, concepts by rule, fitted threshold", True, {"names": "none", **given}),
        ("gold names, concepts by rule and model, fitted thresholds", True, given),
        ("gold names, concepts by rule and model, argmax", True, {"decide": "argmax"}),
        ("end to end, argmax", False, {"decide": "argmax"}),
        ("end to end, fitted thresholds", False, given),
    ]
    floors = [(document, all_pairs(document, dev)) for document in sample]
    rows: list[Results] = [
        {"method": "floor: all pairs of gold concepts", "questions": 0.0, "scores": score_relations(floors)}
    ]
    for number, (method, gold_names, settings) in enumerate(plans):
        key = f"embedded-{number}"
        summary = run(key, sample, routed(engine, sample, key) if gold_names else engine, settings)
        pairs = pairs_of(sample, predictions(summary))
        total = summary.ledger.total
        row: Results = {
            "method": method,
            "questions": (total.calls + total.cache_hits) / len(sample),
            "scores": score_relations(pairs),
        }
        if not settings.get("oracle_mentions") and not gold_names:
            row["mentions"] = score_mentions(pairs)
        rows.append(row)
    even = {"thresholds": str(WORK / "even.json")}
    key = "embedded-timed-names"
    timed = {
        "End to end, fitted thresholds": run("embedded-timed", sample, engine, given, cached=False),
        "With gold names, so that every question is asked": run(
            key, sample, routed(engine, sample, key), even, cached=False
        ),
    }
    return {
        "engine": engine,
        "documents": documents,
        "fit_documents": fit_documents,
        "rows": rows,
        "thresholds": thresholds,
        "timed": {title: cost(summary) for title, summary in timed.items()},
    }


def routed(engine: str, documents: Sequence[Document], name: str) -> str:
    """The engine, with a script in front that answers the mentions step with the names of the annotation."""
    script = WORK / f"{name}.script.jsonl"
    script.write_text("".join(json.dumps(name_line(document)) + "\n" for document in documents))
    return f"mentions=scripted:{script},{engine}"


def name_line(document: Document) -> dict[str, object]:
    """A line of a script that answers the mentions question of a document with its gold names."""
    names: dict[str, list[str]] = {"Chemical": [], "Disease": []}
    for mention in document.mentions:
        if mention.text not in names[mention.type]:
            names[mention.type].append(mention.text)
    return {"contains": [document.text, "one JSON object"], "reply": names}


def fitted(documents: Sequence[Document], engine: str) -> tuple[Path, Results]:
    """Thresholds for pairs (gold mentions and concepts) and for names (gold names), on training documents."""
    WORK.mkdir(parents=True, exist_ok=True)
    even, labels_only = WORK / "even.json", WORK / "labels-only.toml"
    even.write_text("{}")
    labels_only.write_text(load_schema("cdr")[1].split("[[templates]]")[0])
    oracle = run("fit-pairs", documents, engine, {"oracle_mentions": True, "thresholds": str(even)})
    labels = {"thresholds": str(even), "schema": str(labels_only)}
    found = run("fit-names", documents, routed(engine, documents, "fit-names"), labels)
    pairs, names = (fit(pairs_of(documents, predictions(each))) for each in (oracle, found))
    thresholds: Results = {
        "pairs": pairs["pairs"],
        "names": names["names"],
        "fit": {"pairs": pairs["fit"], "names": names["fit"]},
    }
    path = WORK / "thresholds.json"
    path.write_text(json.dumps(thresholds, indent=2) + "\n")
    return path, thresholds


def cost(summary: Summary) -> Results:
    """Calls, tokens and seconds of a document, by step."""
    documents = summary.documents or 1
    steps = [*sorted(summary.ledger.steps.items()), ("all", summary.ledger.total)]
    return {
        "documents": documents,
        "seconds": summary.ledger.wall_seconds,
        "steps": {
            name: {
                "calls": spent.calls / documents,
                "prompt": spent.prompt_tokens / documents,
                "shared": spent.cached_tokens / max(1, spent.prompt_tokens),
                "written": spent.completion_tokens / documents,
                "seconds": spent.seconds / documents,
            }
            for name, spent in steps
        },
    }


def ship(found: Record) -> None:
    """Replace the entry of this engine and these prompts in the thresholds that ship with the package."""
    manifest = read_json(WORK / "fit-pairs" / "manifest.json")
    settings = mapping(mapping((manifest or {}).get("identity")).get("settings"))
    thresholds: Mapping[str, object] = mapping(found["thresholds"])
    entry = {
        "engine": found["engine"],
        "prompts": settings["wording"],
        "fitted_on": f"{found['fit_documents']} abstracts of the CDR training part, seed {SEED}",
        "pairs": thresholds["pairs"],
        "names": thresholds["names"],
    }
    others = [e for e in json.loads(SHIPPED.read_text())["fitted"] if e["engine"] != entry["engine"]]
    SHIPPED.write_text(json.dumps({"fitted": [*others, entry]}, indent=2) + "\n")
