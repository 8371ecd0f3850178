"""Shared by the parts of the relations benchmark: the corpora, extraction over them, scores."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apothecary.api import ExtractOptions, extract
from apothecary.corpora import biored, cdr, chemdisgene
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Concept, Document
from apothecary.formats import pubtator
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_lines
from apothecary.tasks.relations.score import score
from apothecary.tasks.schema import load_schema
from apothecary.training.examples import load
from apothecary.training.settings import read_settings
from benchmarks.pocket_figures import DATA, ROOT, SEED, Record, Results, mapping, number

__all__ = [
    "WORK",
    "Corpus",
    "all_pairs",
    "corpora",
    "pairs_of",
    "predictions",
    "run",
    "sample",
    "scored",
    "training",
]

WORK = ROOT / "runs" / "benchmark-relations"


@dataclass(frozen=True)
class Corpus:
    """A development part without held-out ids; `commonest` is the relation type of each pair of labels."""

    name: str
    schema: str
    documents: Sequence[Document]
    commonest: Mapping[tuple[str, str], str]

    @property
    def key(self) -> str:
        """For names of files."""
        return self.name.replace("/", "-")


@cache
def corpora() -> tuple[Corpus, ...]:
    """The three development parts; of ChemDisGene the third that no pocket model learnt from."""
    held = HeldOut.read(DATA / "held_out.tsv")
    _, examples, _ = load(read_settings(ROOT / "examples" / "pocket" / "relator.toml"), DATA)
    judged = {example.id for example in examples if example.head == "chemdisgene"}
    known = {document.id: document for document in _read(held, chemdisgene.CORPUS.read, "chemdisgene_dev")}
    rest = [document for document in known.values() if document.id not in judged]
    return (
        _corpus(
            "cdr/dev",
            "cdr",
            _read(held, cdr.CORPUS.read, "cdr"),
            list(training()),
        ),
        _corpus(
            "biored/dev",
            "biored",
            _read(held, biored.CORPUS.read, "biored"),
            _read(held, biored.CORPUS.read, "biored", "train"),
        ),
        _corpus(
            "chemdisgene_dev", "chemdisgene", [known[name] for name in sorted(judged & known.keys())], rest
        ),
    )


@cache
def training() -> tuple[Document, ...]:
    """CDR's training part without held-out ids."""
    return tuple(_read(HeldOut.read(DATA / "held_out.tsv"), cdr.CORPUS.read, "cdr", "train"))


def _read(
    held: HeldOut, read: Callable[[Path, str], Iterable[Document]], folder: str, split: str = "dev"
) -> list[Document]:
    documents, dropped = held.drop(read(DATA / folder, split), lambda document: (document.id,))
    print(f"{folder}/{split}: {len(documents)} documents, {dropped} held-out ids dropped")
    return documents


def _corpus(name: str, schema: str, documents: Sequence[Document], others: Sequence[Document]) -> Corpus:
    """`others` tell which relation type is commonest: never the documents that are scored."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for document in others:
        kinds = {concept.id: concept.type for concept in document.concepts}
        for relation in document.relations:
            sides = tuple(sorted(kinds[argument.concept] for argument in relation.arguments))
            if len(sides) == 2:
                counts.setdefault((sides[0], sides[1]), Counter())[relation.type] += 1
    return Corpus(
        name, schema, documents, {sides: found.most_common(1)[0][0] for sides, found in counts.items()}
    )


def sample(corpus: Corpus, size: int) -> list[Document]:
    """A seeded sample."""
    return random.Random(SEED).sample(list(corpus.documents), min(size, len(corpus.documents)))


def all_pairs(document: Document, corpus: Corpus) -> dict[str, object]:
    """The floor: every pair of gold concepts that a template asks about, under its commonest type."""
    schema, _ = load_schema(corpus.schema)
    concepts = [concept for concept in document.concepts if concept.mentions]
    found: dict[tuple[str, str], str] = {}
    for template in schema.templates:
        for head in concepts:
            for tail in concepts:
                if head.type == template.head and tail.type == template.tail and head.id != tail.id:
                    kind = corpus.commonest.get((min(head.type, tail.type), max(head.type, tail.type)))
                    if kind and (template.directed or (tail.id, head.id) not in found):
                        found[head.id, tail.id] = kind
    by_id = {concept.id: concept for concept in concepts}
    rows = [
        {"type": kind, "head": _side(by_id[head]), "tail": _side(by_id[tail])}
        for (head, tail), kind in found.items()
    ]
    return {"id": document.id, "relations": rows, "schema": schema.name}


def _side(concept: Concept) -> dict[str, object]:
    return {"texts": list(concept.names), "ids": list(concept.ids)}


def written(documents: Iterable[Document], name: str) -> Path:
    """The documents as a file that an extraction can read."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{name}.pubtator"
    with path.open("w", encoding="utf-8") as stream:
        pubtator.write(documents, stream)
    return path


def run(
    name: str,
    documents: Sequence[Document],
    engine: str,
    settings: Mapping[str, object],
    *,
    cached: bool = True,
) -> Summary:
    """One extraction over documents, written out first as a user would give them."""
    options = ExtractOptions(fresh=True, cache=None if cached else "")
    source = written(documents, name)
    summary = extract(source, "relations", engine=engine, settings=settings, out=WORK / name, options=options)
    spent = summary.ledger
    print(f"{name}: {summary.status}, {spent.total.calls} calls, {spent.wall_seconds:.0f} s", flush=True)
    return summary


def predictions(summary: Summary) -> dict[str, Record]:
    """The records of a run by document."""
    return {str(row["id"]): row for row in read_lines(summary.folder / "predictions.jsonl")}


def pairs_of(
    documents: Iterable[Document], records: Mapping[str, Record]
) -> list[tuple[Document, Record | None]]:
    """Gold documents with their records."""
    return [(document, records.get(document.id)) for document in documents]


def scored(documents: Iterable[Document], records: Mapping[str, Record]) -> Results:
    """Micro precision, recall and F1 with its interval, by the `concept` evaluator; F1 by relation type."""
    found = mapping(mapping(score(pairs_of(documents, records), seed=SEED)["evaluators"])["concept"])
    micro = mapping(found["micro"])
    by_type = {kind: mapping(each) for kind, each in mapping(found["by_type"]).items()}
    return {
        "precision": micro["precision"],
        "recall": micro["recall"],
        "f1": {"value": micro["f1"], **mapping(mapping(micro["interval"])["f1"])},
        "by_type": {
            kind: {"f1": each["f1"], "gold": number(each["tp"]) + number(each["fn"])}
            for kind, each in by_type.items()
        },
    }
