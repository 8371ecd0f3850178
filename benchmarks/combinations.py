"""The combinations task on DrugComb's development rows -> docs/results/combinations.md.

    python -m benchmarks.combinations --adapters models        # the folders of examples/combinations/*.toml
    python -m benchmarks.combinations --only floors,pocket     # without a language model: seconds

The 214 development rows are those of `corpora.drugcomb.development_split`; no test part is read. Each system
keeps its figures under runs/, so that single ones can be measured anew; the page shows those there are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apothecary.api import ExtractOptions, compare, extract, score
from apothecary.corpora.drugcomb import split_documents
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.engines.cores import free_cores
from apothecary.formats.inputs import read_gold
from apothecary.formats.outputs import write_documents
from apothecary.tasks.combinations.examples import example_of
from apothecary.tasks.flow import ScoreOptions
from benchmarks.combinations_page import write_page
from benchmarks.pocket_figures import DATA, ROOT, SEED, Results, about

WORK = ROOT / "runs" / "benchmark-combinations"
ROWS, BARE = "rows.jsonl", "bare.jsonl"
LANGUAGE_MODEL = "llamacpp:smollm2-135m-instruct"
SEEDS = (13, 42, 2025)
FLOOR = "all drugs as one POS"


@dataclass(frozen=True)
class System:
    """A line of the page: an engine over one of the two files, with an adapter by the name of its folder.

    `seeds`: one run each, of the adapter with that ending; without any, the folder has none.
    """

    title: str
    engine: str
    adapter: str = ""
    seeds: tuple[int, ...] = ()
    file: str = ROWS
    settings: dict[str, object] = field(default_factory=dict)


SHORT: dict[str, object] = {"context": False}
REASONED: dict[str, object] = {"reasoning": True}
FOUND = f"mentions=pocket,{LANGUAGE_MODEL}"
SYSTEMS = {
    "pocket": System("pocket models, drugs given", "pocket"),
    "pocket-found": System("pocket models, drugs found by them", "pocket", file=BARE),
    "zero-shot": System("SmolLM2-135M untrained, drugs given", LANGUAGE_MODEL, settings=SHORT),
    "answer": System("SmolLM2-135M, SFT, drugs given", LANGUAGE_MODEL, "answer", SEEDS),
    "answer-found": System(
        "SmolLM2-135M, SFT, drugs found by the pocket models", FOUND, "answer", SEEDS, file=BARE
    ),
    "mean": System(
        "SmolLM2-135M, the mean of the three at rank 10, which ships; drugs given", LANGUAGE_MODEL, "mean"
    ),
    "mean-found": System("the same, drugs found by the pocket models", FOUND, "mean", file=BARE),
    "answer-alone": System(
        "SmolLM2-135M, SFT, drugs neither given nor trained for",
        LANGUAGE_MODEL,
        "answer",
        SEEDS[:1],
        settings={"drugs": "found"},
    ),
    "context": System("SmolLM2-135M, SFT with context, drugs given", LANGUAGE_MODEL, "context", SEEDS[:1]),
    "reason": System(
        "SmolLM2-135M, SFT with reasoning, drugs given",
        LANGUAGE_MODEL,
        "reason",
        SEEDS[:1],
        settings=REASONED,
    ),
    "grpo": System("the same after GRPO, drugs given", LANGUAGE_MODEL, "grpo", SEEDS[:1], settings=REASONED),
    "hybrid": System(
        "pocket models, the tuned SmolLM2 where they are less sure than .9",
        f"pocket@0.9/{LANGUAGE_MODEL}",
        "answer",
        SEEDS[:1],
        settings={"ways": "sets"},
    ),
}


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=f"floors,{','.join(SYSTEMS)},differences", help="parts, by commas")
    parser.add_argument(
        "--adapters", type=Path, default=ROOT / "models", help="folder of the trained adapters"
    )
    parser.add_argument("--threads", type=int, default=free_cores())
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS, help="of the adapters at hand")
    parser.add_argument("--slots", type=int, default=1, help="rows at work at once")
    return parser.parse_args()


def main() -> None:
    """Measure the parts asked for, keep their figures, and write the page once there are differences."""
    given = parse()
    WORK.mkdir(parents=True, exist_ok=True)
    write_rows()
    results = WORK / "results.json"
    known: Results = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    for part in given.only.split(","):
        if part == "floors":
            found = measure_floors()
        elif part == "differences":
            found = measure_differences()
        else:
            found = measure(part, SYSTEMS[part], given)
        known[part] = {"found": found, "about": about("benchmarks.combinations")}
        results.write_text(json.dumps(known, indent=1), encoding="utf-8")
    if {"floors", "differences"} <= known.keys():
        titles = {name: system.title for name, system in SYSTEMS.items() if name in known}
        print(write_page(known, titles))


def development() -> list[Document]:
    """The development rows, without held-out ones."""
    held = HeldOut.read(DATA / "held_out.tsv")
    _, rows = split_documents(list(read_gold(DATA / "drugcomb" / "train.jsonl")))
    return [row for row in rows if not held.holds(row.id)]


def write_rows() -> None:
    """The rows as they are, and without drugs and relations: what a user's own text is like."""
    rows = development()
    write_documents(rows, WORK / ROWS)

    def bare() -> Iterator[Document]:
        for row in rows:
            yield Document(row.id, row.text, row.passages)

    write_documents(bare(), WORK / BARE)


def measure(name: str, system: System, given: argparse.Namespace) -> Results:
    """Extraction and score, for each seed."""
    found: dict[str, object] = {}
    for seed in [each for each in system.seeds if each in given.seeds] or ("",):
        engine = system.engine
        if system.adapter:
            engine += f"+{given.adapters / f'{system.adapter}-{seed}'.rstrip('-')}/adapter.gguf"
        out = WORK / f"{name}-{seed}".rstrip("-")
        options = ExtractOptions(cache="", fresh=True, threads=given.threads, slots=given.slots)
        summary = extract(
            WORK / system.file,
            "combinations",
            engine=engine,
            settings=system.settings,
            out=out,
            options=options,
        )
        spent = summary.ledger.total
        found[str(seed)] = {
            "score": score("combinations", WORK / ROWS, out / "predictions.jsonl", options=SCORING),
            "status": summary.status,
            "failed": summary.failed,
            "calls": spent.calls,
            "seconds": summary.ledger.wall_seconds,
            "tokens": [spent.prompt_tokens, spent.completion_tokens],
        }
    return found


SCORING = ScoreOptions(seed=SEED)


def measure_floors() -> Results:
    """Every row's drugs as one POS; and nothing at all, anywhere."""
    everything, nothing = [], []
    for row in development():
        drugs = list(example_of(row).drugs)
        everything.append(
            {"id": row.id, "relations": [{"type": "POS", "drugs": drugs}] if len(drugs) > 1 else []}
        )
        nothing.append({"id": row.id, "relations": []})
    found: Results = {}
    for title, records in ((FLOOR, everything), ("never a combination", nothing)):
        path = WORK / f"{title.replace(' ', '-')}.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        found[title] = {"score": score("combinations", WORK / ROWS, path, options=SCORING)}
    return found


def measure_differences() -> Results:
    """Paired tests of what the page says is better than what."""
    pairs = {
        "the mean less the floor": ("mean", FLOOR.replace(" ", "-") + ".jsonl"),
        "the mean less the pocket models": ("mean", "pocket"),
        "the mean less seed 13": ("mean", "answer-13"),
        "drugs found: the mean less the pocket models": ("mean-found", "pocket-found"),
        "with the paragraph less without": ("context-13", "answer-13"),
        "reasoning less answer alone": ("reason-13", "answer-13"),
        "after GRPO less before": ("grpo-13", "reason-13"),
        "hybrid less the pocket models": ("hybrid-13", "pocket"),
    }
    return {
        title: dict(compare("combinations", WORK / ROWS, *map(predictions, both), options=SCORING))
        for title, both in pairs.items()
        if all(predictions(name).is_file() for name in both)
    }


def predictions(name: str) -> Path:
    """Where the predictions of a system are."""
    path = WORK / name
    return path if path.suffix else path / "predictions.jsonl"


if __name__ == "__main__":
    main()
