"""Part of the relations benchmark: three corpora, and what each part of the method is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from apothecary.documents import Document
from apothecary.tasks.flow import ScoreOptions
from apothecary.tasks.mentions.score import score as score_mentions
from apothecary.tasks.relations.compare import compare
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.thresholds import find_thresholds
from apothecary.tasks.schema import load_schema
from benchmarks.pocket_figures import SEED, Record, Results
from benchmarks.relations_parts import (
    WORK,
    Corpus,
    all_pairs,
    corpora,
    pairs_of,
    predictions,
    run,
    sample,
    scored,
)

__all__ = ["measure_ablations", "measure_language", "measure_language_ablations", "measure_tables"]


def measure_tables() -> Results:
    """For each corpus: the floor, the pocket models with gold mentions and end to end."""
    found: Results = {}
    for corpus in corpora():
        documents = corpus.documents
        floors = {d.id: all_pairs(d, corpus) for d in documents}
        gold = {"schema": corpus.schema, "oracle_mentions": True}
        rows: Results = {
            "floor: every pair that is asked about": _row(documents, floors),
            "pocket, gold mentions": _row(documents, crossed(corpus, documents, gold, "gold")),
            "pocket, end to end": _row(
                documents, crossed(corpus, documents, {"schema": corpus.schema}, "whole")
            ),
        }
        found[corpus.name] = {"documents": len(documents), "rows": rows}
        print(json.dumps(found[corpus.name], indent=1), flush=True)
    return found


def _row(documents: Sequence[Document], records: Mapping[str, Record]) -> Results:
    return {"documents": len(documents), "score": scored(documents, records)}


def crossed(
    corpus: Corpus, documents: Sequence[Document], settings: Mapping[str, object], name: str
) -> dict[str, Record]:
    """Predictions of the pocket models, each half of the documents by thresholds fitted on the other."""
    even = WORK / "even.json"
    WORK.mkdir(parents=True, exist_ok=True)
    even.write_text("{}")
    halves = (documents[::2], documents[1::2])
    key = f"{corpus.key}-{name}"
    first = run(f"{key}-even", documents, "pocket", {**settings, "thresholds": str(even)}, cached=False)
    known = predictions(first)
    found: dict[str, Record] = {}
    for number, (mine, other) in enumerate((halves, halves[::-1])):
        path = WORK / f"{key}-{number}.json"
        path.write_text(json.dumps(fit(pairs_of(other, known))))
        told = run(f"{key}-{number}", mine, "pocket", {**settings, "thresholds": str(path)}, cached=False)
        found |= predictions(told)
    return found


def measure_language(engine: str, size: int) -> Results:
    """For each corpus: the language model on a sample."""
    found: Results = {}
    for corpus in corpora():
        found[corpus.name] = language_rows(corpus, engine, size)
        print(json.dumps(found[corpus.name], indent=1), flush=True)
    return found


def language_rows(corpus: Corpus, engine: str, size: int) -> Results:
    """The language model on a sample: the code that it writes decides. The floor of the sample is beside."""
    documents = sample(corpus, size)
    floors = {d.id: all_pairs(d, corpus) for d in documents}
    rows: Results = {"floor, the sample": _row(documents, floors)}
    base: dict[str, object] = {"schema": corpus.schema, "decide": "argmax"}
    ways: dict[str, dict[str, object]] = {
        "gold mentions, 20 questions a call": {"oracle_mentions": True, "batch": 20},
        "end to end, 20 questions a call": {"batch": 20},
        "end to end, one stage": {"stages": "one"},
    }
    for number, (name, settings) in enumerate(ways.items()):
        summary = run(f"{corpus.key}-language-{number}", documents, engine, {**base, **settings})
        rows[f"language model, {name}"] = {
            **_row(documents, predictions(summary)),
            "problems": summary.problems,
            "failed": summary.failed,
        }
    return rows


def measure_ablations() -> Results:
    """What joining names and the dictionary are worth with the pocket models: paired differences on CDR."""
    documents = corpora()[0].documents
    joined = WORK / "names-at-even-odds.json"
    shipped = find_thresholds("", "pocket", "")
    joined.write_text(json.dumps({"pairs": dict(shipped.pairs), "names": {"=": 0.0, "<>": None}}))
    pocket: dict[str, dict[str, object]] = {
        "as shipped": {},
        "names joined by the pocket model at even odds": {"thresholds": str(joined)},
        "no dictionary": {"vocabulary": "none"},
        "no dictionary, names joined by the pocket model": {"vocabulary": "none", "thresholds": str(joined)},
    }
    found = ablated(documents, "pocket", pocket)
    print(json.dumps(found, indent=1), flush=True)
    return found


def ablated(documents: Sequence[Document], engine: str, ways: Mapping[str, Mapping[str, object]]) -> Results:
    """Scores of all ways, and the difference of each from the first, paired by document."""
    rows: Results = {}
    whole: list[tuple[Document, Record | None]] = []
    for number, (name, settings) in enumerate(ways.items()):
        key = "".join(c if c.isalnum() else "-" for c in engine)[:20]
        summary = run(f"ablation-{key}-{number}", documents, engine, settings)
        records = predictions(summary)
        pairs = pairs_of(documents, records)
        whole = whole or pairs
        difference = compare(whole, pairs, ScoreOptions(seed=SEED))["concept"]
        rows[name] = {**_row(documents, records), "difference": difference}
    return {"documents": len(documents), "rows": rows}


def measure_language_ablations(engine: str, size: int) -> Results:
    """With a language model: broader concepts dropped or kept, and mentions with and without decoy labels."""
    corpus = corpora()[0]
    documents = sample(corpus, size)
    names = f"mentions=pocket,{engine}"
    argmax: dict[str, object] = {"decide": "argmax", "batch": 20}
    ways: dict[str, dict[str, object]] = {
        "mentions by the pocket model, the rest by the language model": argmax,
        "names joined by rules alone": {**argmax, "names": "none"},
        "broader concepts asked about too": {**argmax, "broader": "keep"},
    }
    found = {"engine": engine, **ablated(documents, names, ways)}
    bare = WORK / "no-decoys.toml"
    bare.write_text(_without_decoys(corpus.schema))
    for name, schema in (("with decoy labels", corpus.schema), ("without decoy labels", str(bare))):
        summary = run(f"decoys-{name.split()[0]}", documents, engine, {"schema": schema, "decide": "argmax"})
        found[name] = score_mentions(pairs_of(documents, predictions(summary)), seed=SEED)
    return found


def _without_decoys(name: str) -> str:
    schema, _ = load_schema(name)
    return replace(schema, labels=tuple(label for label in schema.labels if not label.decoy)).to_toml()
