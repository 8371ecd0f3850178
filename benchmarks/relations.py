"""The relations task on a seeded sample of CDR's development part -> docs/results/relations.md.

    python benchmarks/relations.py --documents 40 --fit-documents 40

Thresholds are fitted on a sample of the training part (ids of held_out.tsv dropped), scores are on the
development part; no test part is read. The page is written anew from what this command measured; the replies
stay in the reply cache, so a second call with the same engine and seed costs seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from apothecary import __version__
from apothecary.api import ExtractOptions, extract
from apothecary.corpora.cdr import CORPUS
from apothecary.documents import Document
from apothecary.errors import DataError
from apothecary.formats import pubtator
from apothecary.formats.records import to_record
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_lines
from apothecary.runs.ledger import Ledger
from apothecary.tasks.flow import Pairs
from apothecary.tasks.mentions.score import score as score_mentions
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.score import score as score_relations

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("APOTHECARY_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "results" / "relations.md"
EVALUATORS = ("concept", "concept_mapped", "string_pair", "cluster_overlap")
REFERENCE_CALLS = 57.0
"""Calls per CDR abstract of the released implementation, recomputed from its entity files."""


@dataclass(frozen=True)
class Measured:
    """One row of the page: a method, its scores, and what it cost."""

    method: str
    scores: Mapping[str, object]
    documents: int
    ledger: Ledger | None = None


def corpus(split: str) -> list[Document]:
    """A part of CDR without held-out ids."""
    held_out = {line.split("\t")[1].strip() for line in (DATA / "held_out.tsv").read_text().splitlines()[1:]}
    documents = []
    for item in CORPUS.read(DATA / "cdr", split):
        if isinstance(item, DataError):
            raise item
        documents.append(item)
    kept = [document for document in documents if document.id not in held_out]
    print(f"{split}: {len(documents)} documents, {len(documents) - len(kept)} held-out ids dropped")
    return kept


def all_pairs(document: Document) -> dict[str, object]:
    """The floor: every pair of a chemical and a disease concept is predicted."""
    sides = {
        kind: [c for c in document.concepts if c.type == kind and c.mentions] for kind in ("Chemical", "Disease")
    }
    relations = [
        {"type": "CID", "head": {"ids": list(head.ids)}, "tail": {"ids": list(tail.ids)}}
        for head in sides["Chemical"]
        for tail in sides["Disease"]
    ]
    return {"id": document.id, "relations": relations}


def run(name: str, documents: Sequence[Document], folder: Path, arguments: argparse.Namespace, **settings: object) -> Summary:
    """One extraction over documents that are written out first, as a user would give them."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.pubtator"
    with source.open("w", encoding="utf-8") as stream:
        pubtator.write(documents, stream)
    options = ExtractOptions(threads=arguments.threads, fresh=True)
    summary = extract(
        source, "relations", engine=arguments.engine, settings=settings, out=folder / name, options=options
    )
    print(f"{name}: {summary.status}, {summary.ledger.total.calls} calls, {summary.ledger.wall_seconds:.0f} s")
    return summary


def pairs_of(documents: Iterable[Document], summary: Summary) -> Pairs:
    """Gold documents with the record of a run."""
    records = {str(row["id"]): row for row in read_lines(summary.folder / "predictions.jsonl")}
    return [(document, records.get(document.id)) for document in documents]


def fitted_thresholds(
    documents: Sequence[Document], folder: Path, arguments: argparse.Namespace
) -> tuple[Path, dict[str, object]]:
    """Thresholds for pairs (gold mentions) and for names (found mentions), fitted on training documents."""
    accept_all = folder / "even.json"
    folder.mkdir(parents=True, exist_ok=True)
    accept_all.write_text(json.dumps({"pairs": {}, "names": {}}))
    oracle = run("fit-oracle", documents, folder, arguments, oracle_mentions=True, thresholds=str(accept_all))
    found = run("fit-names", documents, folder, arguments, thresholds=str(accept_all), names="all")
    thresholds = fit(pairs_of(documents, oracle))
    names = fit(pairs_of(documents, found))
    thresholds["names"] = names["names"]
    thresholds["fit"] = {"pairs": thresholds["fit"], "names": names["fit"]}
    path = folder / "thresholds.json"
    path.write_text(json.dumps(thresholds, indent=2) + "\n")
    return path, thresholds


def measure(arguments: argparse.Namespace) -> tuple[list[Measured], dict[str, object], dict[str, object]]:
    """All rows of the page, the thresholds, and the mention scores end to end."""
    train, dev = corpus("train"), corpus("dev")
    draw = random.Random(arguments.seed)
    sample = draw.sample(dev, arguments.documents)
    fit_sample = draw.sample(train, arguments.fit_documents)
    rows = [
        Measured("all pairs of gold mentions, whole dev", floor(dev), len(dev)),
        Measured("all pairs of gold mentions, sample", floor(sample), len(sample)),
    ]
    folder = ROOT / "runs" / f"benchmark-{arguments.seed}"
    path, thresholds = fitted_thresholds(fit_sample, folder, arguments)
    plans: list[tuple[str, dict[str, object]]] = [
        ("gold mentions, argmax", {"oracle_mentions": True, "decide": "argmax"}),
        ("gold mentions, fitted threshold", {"oracle_mentions": True, "thresholds": str(path)}),
        ("end to end, argmax", {"decide": "argmax"}),
        ("end to end, fitted thresholds", {"thresholds": str(path)}),
        ("end to end, fitted, broader kept", {"thresholds": str(path), "broader": "keep"}),
    ]
    mentions: dict[str, object] = {}
    for number, (method, settings) in enumerate(plans):
        summary = run(f"dev-{number}", sample, folder, arguments, **settings)
        pairs = list(pairs_of(sample, summary))
        rows.append(Measured(method, score_relations(pairs), len(sample), summary.ledger))
        if method == "end to end, fitted thresholds":
            mentions = score_mentions(pairs)
    return rows, thresholds, mentions


def floor(documents: Sequence[Document]) -> dict[str, object]:
    """Scores of `all_pairs`."""
    return score_relations([(document, all_pairs(document)) for document in documents])
