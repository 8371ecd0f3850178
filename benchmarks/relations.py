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
from apothecary.formats import pubtator
from apothecary.runs.extract import Summary
from apothecary.runs.folder import read_lines
from apothecary.tasks.mentions.score import score as score_mentions
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.score import score as score_relations
from apothecary.tasks.schema import load_schema

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("APOTHECARY_DATA", ROOT.parent / "shared" / "data"))
TEMPLATE = Path(__file__).with_name("relations.template.md")
SHIPPED = ROOT / "src" / "apothecary" / "tasks" / "relations" / "thresholds.json"
PAGE = ROOT / "docs" / "results" / "relations.md"
EVALUATORS = ("concept", "concept_mapped", "string_pair", "cluster_overlap")
REFERENCE_CALLS = 57.0
"""Calls per CDR abstract of the released implementation, recomputed from its entity files."""


@dataclass(frozen=True)
class Measured:
    """One row of the page: a method, its scores, and how many questions a document took."""

    method: str
    scores: Mapping[str, object]
    documents: int
    questions: float = 0.0
    mentions: Mapping[str, object] | None = None


Pair = tuple[Document, Mapping[str, object] | None]


def corpus(split: str) -> list[Document]:
    """A part of CDR without held-out ids."""
    held_out = {line.split("\t")[1].strip() for line in (DATA / "held_out.tsv").read_text().splitlines()[1:]}
    documents = list(CORPUS.read(DATA / "cdr", split))
    kept = [document for document in documents if document.id not in held_out]
    print(f"{split}: {len(documents)} documents, {len(documents) - len(kept)} held-out ids dropped")
    return kept


def all_pairs(document: Document) -> dict[str, object]:
    """The floor: every pair of a chemical and a disease concept is predicted."""
    sides = {
        kind: [c for c in document.concepts if c.type == kind and c.mentions]
        for kind in ("Chemical", "Disease")
    }
    relations = [
        {"type": "CID", "head": {"ids": list(head.ids)}, "tail": {"ids": list(tail.ids)}}
        for head in sides["Chemical"]
        for tail in sides["Disease"]
    ]
    return {"id": document.id, "relations": relations}


def run(
    name: str,
    documents: Sequence[Document],
    arguments: argparse.Namespace,
    settings: Mapping[str, object],
    *,
    gold_names: bool = False,
    cached: bool = True,
) -> Summary:
    """One extraction over documents that are written out first, as a user would give them.

    `gold_names` answers the mentions step with the names of the annotation, from a script.
    """
    folder = ROOT / "runs" / f"benchmark-{arguments.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.pubtator"
    with source.open("w", encoding="utf-8") as stream:
        pubtator.write(documents, stream)
    engine = arguments.engine
    if gold_names:
        script = folder / f"{name}.script.jsonl"
        script.write_text("".join(json.dumps(name_line(document)) + "\n" for document in documents))
        engine = f"mentions=scripted:{script},{engine}"
    options = ExtractOptions(threads=arguments.threads, fresh=True, cache=None if cached else "")
    summary = extract(
        source, "relations", engine=engine, settings=settings, out=folder / name, options=options
    )
    print(
        f"{name}: {summary.status}, {summary.ledger.total.calls} calls, {summary.ledger.wall_seconds:.0f} s"
    )
    return summary


def name_line(document: Document) -> dict[str, object]:
    """A line of a script that answers the mentions question of a document with its gold names."""
    names: dict[str, list[str]] = {"Chemical": [], "Disease": []}
    for mention in document.mentions:
        if mention.text not in names[mention.type]:
            names[mention.type].append(mention.text)
    return {"contains": [document.text, "one JSON object"], "reply": names}


def pairs_of(documents: Iterable[Document], summary: Summary) -> list[Pair]:
    """Gold documents with the record of a run."""
    records = {str(row["id"]): row for row in read_lines(summary.folder / "predictions.jsonl")}
    return [(document, records.get(document.id)) for document in documents]


def fitted_thresholds(
    documents: Sequence[Document], arguments: argparse.Namespace
) -> tuple[Path, dict[str, object]]:
    """Thresholds for pairs (gold mentions and concepts) and for names (gold names), on training documents."""
    folder = ROOT / "runs" / f"benchmark-{arguments.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    even, labels_only = folder / "even.json", folder / "labels-only.toml"
    even.write_text("{}")
    labels_only.write_text(load_schema("cdr")[1].split("[[templates]]")[0])
    oracle = run("fit-pairs", documents, arguments, {"oracle_mentions": True, "thresholds": str(even)})
    labels = {"thresholds": str(even), "schema": str(labels_only)}
    found = run("fit-names", documents, arguments, labels, gold_names=True)
    pairs, names = fit(pairs_of(documents, oracle)), fit(pairs_of(documents, found))
    thresholds = {
        "pairs": pairs["pairs"],
        "names": names["names"],
        "fit": {"pairs": pairs["fit"], "names": names["fit"]},
    }
    path = folder / "thresholds.json"
    path.write_text(json.dumps(thresholds, indent=2) + "\n")
    return path, thresholds


def measure(arguments: argparse.Namespace) -> tuple[list[Measured], dict[str, object], dict[str, Summary]]:
    """All rows of the page, the thresholds, and runs without the reply cache."""
    train, dev = corpus("train"), corpus("dev")
    draw = random.Random(arguments.seed)
    sample = draw.sample(dev, arguments.documents)
    rows = [
        Measured("floor: all pairs of gold concepts, the whole part", floor(dev), len(dev)),
        Measured("floor: all pairs of gold concepts, the sample", floor(sample), len(sample)),
    ]
    path, thresholds = fitted_thresholds(draw.sample(train, arguments.fit_documents), arguments)
    fitted: dict[str, object] = {"thresholds": str(path)}
    plans: list[tuple[str, bool, dict[str, object]]] = [
        ("gold concepts, argmax", False, {"oracle_mentions": True, "decide": "argmax"}),
        ("gold concepts, fitted threshold", False, {"oracle_mentions": True, **fitted}),
        ("gold names, concepts by rule, fitted threshold", True, {"names": "none", **fitted}),
        ("gold names, concepts by rule and model, fitted thresholds", True, fitted),
        ("gold names, concepts by rule and model, argmax", True, {"decide": "argmax"}),
        ("end to end, argmax", False, {"decide": "argmax"}),
        ("end to end, fitted thresholds", False, fitted),
    ]
    for number, (method, gold_names, settings) in enumerate(plans):
        summary = run(f"dev-{number}", sample, arguments, settings, gold_names=gold_names)
        pairs = pairs_of(sample, summary)
        mentions = None if settings.get("oracle_mentions") or gold_names else score_mentions(pairs)
        total = summary.ledger.total
        questions = (total.calls + total.cache_hits) / len(sample)
        rows.append(Measured(method, score_relations(pairs), len(sample), questions, mentions))
    even = {"thresholds": str(path.with_name("even.json"))}
    timed = {
        "End to end, fitted thresholds": run("dev-timed", sample, arguments, fitted, cached=False),
        "With gold names, so that every question is asked": run(
            "dev-timed-names", sample, arguments, even, gold_names=True, cached=False
        ),
    }
    return rows, thresholds, timed


def floor(documents: Sequence[Document]) -> dict[str, object]:
    """Scores of `all_pairs`."""
    return score_relations([(document, all_pairs(document)) for document in documents])


def figure(value: object) -> str:
    """A share in per cent."""
    return f"{100 * value:.1f}" if isinstance(value, int | float) else "-"


def micro(scores: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """The micro figures under a path of keys."""
    for key in path:
        inner = scores[key]
        assert isinstance(inner, dict)
        scores = inner
    return scores


def score_rows(rows: Sequence[Measured]) -> list[str]:
    """The table of relation scores."""
    lines = [
        "| method | documents | questions per document | P | R | F1 (95 % interval) "
        "| mapped F1 | string F1 | overlap F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        figures = [micro(row.scores, "evaluators", name, "micro") for name in EVALUATORS]
        interval = micro(figures[0], "interval", "f1")
        others = " | ".join(figure(each["f1"]) for each in figures[1:])
        lines.append(
            f"| {row.method} | {row.documents} | {row.questions:.1f} | {figure(figures[0]['precision'])} "
            f"| {figure(figures[0]['recall'])} | {figure(figures[0]['f1'])} "
            f"({figure(interval['low'])}-{figure(interval['high'])}) | {others} |"
        )
    return lines


def mention_rows(rows: Sequence[Measured]) -> list[str]:
    """The table of mention scores of the end-to-end runs."""
    lines = ["| method | level | P | R | F1 (95 % interval) |", "|---|---|---|---|---|"]
    for row in rows:
        for level in ("strict", "concept_found") if row.mentions else ():
            counts = micro(row.mentions or {}, level, "micro")
            interval = micro(counts, "interval", "f1")
            lines.append(
                f"| {row.method} | {level} | {figure(counts['precision'])} | {figure(counts['recall'])} "
                f"| {figure(counts['f1'])} ({figure(interval['low'])}-{figure(interval['high'])}) |"
            )
    return lines


def cost_rows(timed: Summary) -> list[str]:
    """The table of calls, tokens and seconds per document."""
    lines = [
        "| step | calls | prompt tokens | of these from the prefix cache | new tokens | seconds |",
        "|---|---|---|---|---|---|",
    ]
    documents = timed.documents or 1
    for name, spent in [*sorted(timed.ledger.steps.items()), ("all", timed.ledger.total)]:
        share = spent.cached_tokens / spent.prompt_tokens if spent.prompt_tokens else 0.0
        prompt, new = spent.prompt_tokens / documents, spent.completion_tokens / documents
        lines.append(
            f"| {name} | {spent.calls / documents:.1f} | {prompt:,.0f} | {share:.0%} "
            f"| {new:.0f} | {spent.seconds / documents:.1f} |"
        )
    lines.append(f"| released implementation, for comparison | {REFERENCE_CALLS:.0f} | | | | |")
    wall = timed.ledger.wall_seconds
    lines += ["", f"{documents} documents in {wall:.0f} s, {60 * documents / wall:.1f} a minute."]
    return lines


def write_page(
    rows: Sequence[Measured],
    thresholds: Mapping[str, object],
    timed: Mapping[str, Summary],
    arguments: argparse.Namespace,
) -> None:
    """Fill in the page."""
    pairs = micro(thresholds, "fit", "pairs", "pairs", "CID")
    names = micro(thresholds, "fit", "names", "names")
    command = f"python benchmarks/relations.py --documents {arguments.documents}"
    PAGE.write_text(
        TEMPLATE.read_text(encoding="utf-8").format(
            command=f"{command} --fit-documents {arguments.fit_documents} --seed {arguments.seed}",
            today=date.today().isoformat(),
            documents=arguments.documents,
            fit_documents=arguments.fit_documents,
            seed=arguments.seed,
            engine=arguments.engine,
            threads=arguments.threads,
            machine=f"{platform.machine()}, Python {platform.python_version()}",
            version=__version__,
            scores="\n".join(score_rows(rows)),
            auc=f"{pairs['auc']:.3f}",
            pairs=pairs["questions"],
            names_auc=f"{names['auc']:.3f}" if names["auc"] is not None else "unknown",
            names=names["questions"],
            mentions="\n".join(mention_rows(rows)),
            cost="\n\n".join("\n".join([f"{title}:", "", *cost_rows(run)]) for title, run in timed.items()),
            thresholds=json.dumps({key: thresholds[key] for key in ("pairs", "names")}, indent=2),
        ),
        encoding="utf-8",
    )


def ship(thresholds: Mapping[str, object], arguments: argparse.Namespace) -> None:
    """Replace the entry of this engine and these prompts in the thresholds that ship with the package."""
    manifest = json.loads(
        (ROOT / "runs" / f"benchmark-{arguments.seed}" / "fit-pairs" / "manifest.json").read_text()
    )
    entry = {
        "engine": arguments.engine,
        "prompts": manifest["identity"]["settings"]["wording"],
        "fitted_on": f"{arguments.fit_documents} abstracts of the CDR training part, seed {arguments.seed}",
        "pairs": thresholds["pairs"],
        "names": thresholds["names"],
    }
    fitted = [e for e in json.loads(SHIPPED.read_text())["fitted"] if e["engine"] != entry["engine"]]
    SHIPPED.write_text(json.dumps({"fitted": [*fitted, entry]}, indent=2) + "\n")


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="llamacpp:smollm2-135m-instruct")
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--fit-documents", type=int, default=40)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ship", action="store_true", help="put the thresholds into the package")
    arguments = parser.parse_args()
    rows, thresholds, timed = measure(arguments)
    write_page(rows, thresholds, timed, arguments)
    print(PAGE)
    if arguments.ship:
        ship(thresholds, arguments)


if __name__ == "__main__":
    main()
