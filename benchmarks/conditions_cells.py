"""One cell of the conditions benchmark: a system on one part of the sample, trained on the others."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from apothecary.api import ExtractOptions, extract
from apothecary.corpora.conditions import folds
from apothecary.documents import Document
from apothecary.formats.inputs import read_gold
from apothecary.training.gguf_lora import engine_with
from apothecary.training.lora_settings import DataSettings, SftSettings, read_sft_settings
from apothecary.training.markers import MarkerSettings, predict_markers, train_markers
from apothecary.training.sft import train_sft
from apothecary.training.tuning import torch_threads
from benchmarks.pocket_figures import ROOT, about

__all__ = [
    "FOLDS",
    "SAMPLE",
    "Cell",
    "Kind",
    "Limits",
    "System",
    "cell_folder",
    "is_kept",
    "part",
    "run_cell",
]

SAMPLE = ROOT / "examples" / "conditions" / "sample.jsonl"
RECIPES = {False: SAMPLE.with_name("pocket-lora.toml"), True: SAMPLE.with_name("pocket-rclora.toml")}
FOLDS = 5
SLOTS = 32
"""Pairs asked side by side: on one core a step for 32 rows takes three times as long as for one."""
Told = dict[str, object]
Kind = Literal["none", "patterns", "asked", "tuned", "spans"]


@dataclass(frozen=True)
class System:
    """A line of the page: `engine` and `shots` are of what is asked, `roles` and `marker` of adapters."""

    title: str
    kind: Kind
    engine: str = ""
    shots: int = 0
    roles: Literal["", "full", "vectors", "single_b", "random"] = ""
    marker: bool = False

    @property
    def drawn(self) -> bool:
        """Whether it depends on seed and fold; what does not is run once over the whole sample."""
        return self.kind in ("tuned", "spans") or self.shots > 0


@dataclass(frozen=True)
class Limits:
    """What else changes results. None for `epochs` is the recipe's; `steps` and `pairs` are for trials."""

    device: str
    epochs: int | None = None
    steps: int | None = None
    pairs: int | None = None


@dataclass(frozen=True)
class Cell:
    """What is measured at once; seed and fold are None where they change nothing."""

    name: str
    system: System
    seed: int | None
    fold: int | None
    limits: Limits

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among the cells of its system."""
        return self.seed or 0, self.fold or 0

    @property
    def digest(self) -> str:
        """Of all that changes its result."""
        texts = [path.read_bytes() for path in (SAMPLE, *RECIPES.values())]
        given = json.dumps(asdict(self) | {"folds": FOLDS}, sort_keys=True).encode()
        return hashlib.sha256(b"\0".join([given, *texts])).hexdigest()


def part(cell: Cell) -> tuple[list[Document], list[Document]]:
    """What a cell may learn from, and what it is tested on: of different abstracts."""
    documents = list(read_gold(SAMPLE))
    if cell.seed is None or cell.fold is None:
        return [], documents[: cell.limits.pairs]
    parts = folds(documents, FOLDS, seed=cell.seed)
    test = parts[cell.fold]
    learnt = [each for place, fold in enumerate(parts) if place != cell.fold for each in fold]
    return learnt, test[: cell.limits.pairs]


def cell_folder(work: Path, cell: Cell) -> Path:
    """Where a cell is kept."""
    return work / cell.name / ("all" if cell.seed is None else f"{cell.seed}-{cell.fold}")


def is_kept(work: Path, cell: Cell) -> bool:
    """Whether the result of the very same cell is there."""
    record = cell_folder(work, cell) / "cell.json"
    return record.is_file() and json.loads(record.read_text(encoding="utf-8"))["digest"] == cell.digest


def run_cell(work: Path, cell: Cell, threads: int) -> None:
    """Train if there is something to train, predict, and keep what was predicted. Raises ApothecaryError."""
    folder = cell_folder(work, cell)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    learnt, test = part(cell)
    rows = {json.loads(line)["id"]: line for line in SAMPLE.read_text(encoding="utf-8").splitlines()}
    for name, documents in (("train.jsonl", learnt), ("test.jsonl", test)):
        lines = "".join(f"{rows[document.id]}\n" for document in documents)
        (folder / name).write_text(lines, encoding="utf-8")
    told: Told = {"pairs": len(test)}
    if cell.system.kind == "none":
        write_records(folder, [{"id": document.id, "conditions": []} for document in test])
    elif cell.system.kind == "patterns":
        told |= asked(folder, None, {"ways": "patterns"}, threads)
    elif cell.system.kind == "asked":
        shots = cell.system.shots
        examples = {"shots": shots, "examples": str(folder / "train.jsonl"), "seed": cell.seed}
        told |= asked(folder, cell.system.engine, examples if shots else {}, threads)
    elif cell.system.kind == "tuned":
        torch_threads(threads)
        told |= tuned(folder, cell, threads)
    else:
        torch_threads(threads)
        told |= spans(folder, cell, learnt, test)
    record = {"digest": cell.digest, **asdict(cell), **told, "about": about("benchmarks.conditions")}
    temporary = folder / "cell.new"
    temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    temporary.replace(folder / "cell.json")


def asked(
    folder: Path, engine: str | None, settings: Mapping[str, object], threads: int, slots: int = 1
) -> Told:
    """Extract as a user would; the predictions move beside the cell."""
    run = folder / "run"
    begun = time.monotonic()
    options = ExtractOptions(cache="", fresh=True, threads=threads, slots=slots)
    summary = extract(
        folder / "test.jsonl", "conditions", engine=engine, settings=settings, out=run, options=options
    )
    (run / "predictions.jsonl").replace(folder / "predictions.jsonl")
    spent = summary.ledger.total
    return {
        "asking_seconds": time.monotonic() - begun,
        "status": summary.status,
        "failed": summary.failed,
        "calls": spent.calls,
        "tokens": [spent.prompt_tokens, spent.completion_tokens],
    }


def tuned(folder: Path, cell: Cell, threads: int) -> Told:
    """Train an adapter by its recipe, and ask the model with it; the adapter itself is not kept."""
    settings = recipe(cell)
    begun = time.monotonic()
    trained = train_sft(settings, folder, folder / "model", lambda line: None)
    training = time.monotonic() - begun
    # The folder and not the GGUF, so that adapters with roles and without run in one engine.
    told = asked(folder, engine_with(settings.model, trained.adapter), {}, threads, slots=SLOTS)
    for name in ("training.json", "log.jsonl"):
        (folder / "model" / name).replace(folder / name)
    shutil.rmtree(folder / "model")
    return {**told, "training_seconds": training, "steps": trained.steps, "learnt": trained.conversations}


def recipe(cell: Cell) -> SftSettings:
    """The recipe with the seed of the cell, and the variant that the system names."""
    system, limits = cell.system, cell.limits
    found = read_sft_settings(RECIPES[bool(system.roles)])
    assert found.data is not None
    assert cell.seed is not None
    settings = {**found.data.settings, **({"marker": True} if system.marker else {})}
    found = replace(
        found,
        train=("train.jsonl",),
        seed=cell.seed,
        epochs=limits.epochs or found.epochs,
        steps=limits.steps,
        lora=replace(found.lora, roles=system.roles),
        data=DataSettings("conditions", settings),
    )
    # On a GPU many rows fit at once: other memory and speed, the same result but for rounding.
    return replace(found, micro_tokens=16_384) if limits.device == "cuda" else found


def spans(folder: Path, cell: Cell, learnt: Sequence[Document], test: Sequence[Document]) -> Told:
    """Train the classifier of spans, on a GPU where the process sees one, and let it predict."""
    assert cell.seed is not None
    begun = time.monotonic()
    model = train_markers(learnt, MarkerSettings(seed=cell.seed), folder / "model")
    training = time.monotonic() - begun
    write_records(folder, predict_markers(model, test))
    told = json.loads((model / "markers.json").read_text(encoding="utf-8"))
    shutil.rmtree(model)
    return {
        "training_seconds": training,
        "asking_seconds": time.monotonic() - begun - training,
        "learnt": len(learnt),
        "out_of_reach": told["lost"] / told["gold"],
    }


def write_records(folder: Path, records: Sequence[Mapping[str, object]]) -> None:
    """Predictions as `apothecary score` reads them."""
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (folder / "predictions.jsonl").write_text(text, encoding="utf-8")
