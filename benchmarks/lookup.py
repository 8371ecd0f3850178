"""Do roles help a small model to find what belongs to a pair? -> runs/benchmark-lookup/results.json

    python -m benchmarks.lookup                    # about 90 minutes on one core; goes on where it stopped
    python -m benchmarks.lookup --systems lora,full --seeds 13
    python -m benchmarks.conditions_page           # the page, from what was measured

A small decoder learns from invented documents to look up what follows a drug (`lookup_model`), and is frozen.
Adapters are then tuned on documents in which each drug and each disease occurs in two records, so that only
the pair tells which one is asked about (`lookup_data`). All see the same documents in the same order. The
rate of learning was chosen by plain LoRA alone. A base that cannot even answer unambiguous questions shows
nothing: then no adapter is tuned, and the command fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.functional import cross_entropy

from apothecary.adapters.role_batch import UNLEARNT, RoleRow, collate
from apothecary.adapters.role_config import DEFAULT_TARGETS, RoleLoraConfig, Variant
from apothecary.adapters.role_model import attach
from benchmarks.lookup_data import PADDING, Case, ambiguous, randomly_tagged, row_of
from benchmarks.lookup_model import BaseSettings, exact, gate, load_base, make_base
from benchmarks.pocket_figures import ROOT, about, mapping, number

__all__ = ["ALL", "COMPARED", "COMPARED_VARIED", "PASSED", "RESULTS", "SYSTEMS", "VARIED"]

WORK = ROOT / "runs" / "benchmark-lookup"
RESULTS = WORK / "results.json"
PASSED = 0.95
"""What the base must answer of unambiguous questions."""
SEEDS = (13, 42, 123, 2025, 3407)


@dataclass(frozen=True)
class System:
    """An adapter: of which variant with roles (None: without), and whether the text is marked.

    `modules` read roles; `rank` is that of the tuning where it is None.
    """

    title: str
    variant: Variant | None = None
    marked: bool = False
    freeze_none: bool = False
    modules: tuple[str, ...] = ("k_proj", "v_proj")
    shared: bool = False
    rank: int | None = None


SYSTEMS = {
    "lora": System("LoRA"),
    "marker": System("LoRA, mentions marked in the text", marked=True),
    "full": System("RCLoRA", "full"),
    "vectors": System("RCLoRA, vectors", "vectors"),
    "single_b": System("RCLoRA, single B", "single_b"),
    "random": System("RCLoRA, random roles", "random"),
    "freeze": System("RCLoRA, row 0 held at zero", "full", freeze_none=True),
}
VARIED = {
    "keys": System("RCLoRA, roles in keys", "full", modules=("k_proj",)),
    "values": System("RCLoRA, roles in values", "full", modules=("v_proj",)),
    "queries": System(
        "RCLoRA, roles in queries, keys, values", "full", modules=("q_proj", "k_proj", "v_proj")
    ),
    "all": System("RCLoRA, roles in all linear layers", "full", modules=DEFAULT_TARGETS),
    "shared": System("RCLoRA, one embedding for keys and values", "full", shared=True),
    "lora-1": System("LoRA, rank 1", rank=1),
    "full-1": System("RCLoRA, rank 1", "full", rank=1),
    "lora-16": System("LoRA, rank 16", rank=16),
    "full-16": System("RCLoRA, rank 16", "full", rank=16),
}
"""Roles read elsewhere, and other ranks."""
ALL = {**SYSTEMS, **VARIED}

COMPARED = (
    ("full", "lora"),
    ("vectors", "lora"),
    ("single_b", "lora"),
    ("marker", "lora"),
    ("random", "lora"),
    ("full", "random"),
    ("full", "marker"),
    ("full", "vectors"),
    ("full", "freeze"),
)
COMPARED_VARIED = (
    ("keys", "full"),
    ("values", "full"),
    ("queries", "full"),
    ("all", "full"),
    ("shared", "full"),
    ("full-1", "lora-1"),
    ("full", "lora"),
    ("full-16", "lora-16"),
)
"""One less the other."""


@dataclass(frozen=True)
class Tuning:
    """How every adapter is tuned, and when it is tested."""

    rank: int = 4
    rate: float = 2e-3
    warm_up: int = 20
    batch: int = 32
    documents: int = 4096
    steps: tuple[int, ...] = (25, 50, 100, 200, 400)
    tested: int = 1000


def rows_for(system: System, cases: Sequence[Case], seed: int, part: str) -> list[RoleRow]:
    """The questions as a system sees them."""
    rows = [row_of(case, case.pair if system.marked else ()) for case in cases]
    if system.variant == "random":
        return [randomly_tagged(row, f"{part} {place}", seed) for place, row in enumerate(rows)]
    return rows


def adapted(system: System, tuning: Tuning, folder: Path) -> PeftModel:
    """The frozen base with a new adapter."""
    base = load_base(folder)
    rank = system.rank or tuning.rank
    with warnings.catch_warnings(action="ignore"):
        if system.variant is None:
            plain = LoraConfig(
                r=rank,
                lora_alpha=2 * rank,
                target_modules=list(DEFAULT_TARGETS),
                task_type="CAUSAL_LM",
            )
            return cast(PeftModel, get_peft_model(base, plain))
        config = RoleLoraConfig(
            r=rank,
            variant=system.variant,
            role_modules=system.modules,
            shared_embedding=system.shared,
            freeze_none=system.freeze_none,
        )
        return attach(base, config)


def tuned(system: System, seed: int, tuning: Tuning, test: Sequence[Case]) -> dict[str, object]:
    """Tune one adapter; how much it answers exactly after each number of steps, and which at the end."""
    begun = time.process_time()
    rng = Random(f"{seed} documents")
    rows = rows_for(system, [ambiguous(rng) for _ in range(tuning.documents)], seed, "train")
    tested = rows_for(system, test, seed, "test")
    torch.manual_seed(seed)
    model = adapted(system, tuning, WORK / "base")
    learnt = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=tuning.rate, weight_decay=0.0)
    roles = system.variant is not None
    order: list[int] = []
    curve: dict[str, float] = {}
    right: list[bool] = []
    for step in range(max(tuning.steps)):
        if len(order) < tuning.batch:
            order += rng.sample(range(len(rows)), len(rows))
        batch, order = order[: tuning.batch], order[tuning.batch :]
        for group in optimizer.param_groups:
            group["lr"] = tuning.rate * min(1.0, (step + 1) / tuning.warm_up)
        learn(model, [rows[place] for place in batch], optimizer, roles=roles)
        if step + 1 in tuning.steps:
            right = exact(model, tested, roles=roles)
            curve[str(step + 1)] = sum(right) / len(right)
    return {
        "curve": curve,
        "right": "".join(str(int(each)) for each in right),
        "parameters": sum(each.numel() for each in learnt),
        "seconds": time.process_time() - begun,
        "about": about("benchmarks.lookup"),
    }


def learn(
    model: PeftModel, rows: Sequence[RoleRow], optimizer: torch.optim.Optimizer, *, roles: bool
) -> None:
    """One step on the answers of some questions."""
    model.train()
    batch = collate(rows, padding=PADDING, side="right")
    given = batch.inputs(torch.device("cpu"))
    if not roles:
        del given["role_ids"]
    scores = model(**given, use_cache=False).logits[:, :-1]
    wanted = batch.labels[:, 1:].flatten()
    loss = cross_entropy(scores.flatten(0, 1), wanted, ignore_index=UNLEARNT)
    torch.autograd.backward(loss)
    learnt = [each for each in model.parameters() if each.requires_grad]
    torch.nn.utils.clip_grad_norm_(learnt, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", default=",".join(ALL), help="by commas")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="by commas")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="teach the base anew, and measure all anew")
    return parser.parse_args()


def main() -> None:
    """Make the base unless it is there, let it pass the gate, tune what is not tuned yet."""
    given = parse()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    WORK.mkdir(parents=True, exist_ok=True)
    settings, tuning = BaseSettings(), Tuning()
    digest = hashlib.sha256(json.dumps([asdict(settings), asdict(tuning)]).encode()).hexdigest()
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    if given.fresh or known.get("digest") != digest:
        known = {"digest": digest, "tuning": asdict(tuning), "found": {}}
    base = known.get("base") or made_base(settings, tuning, fresh=given.fresh)
    known |= {"base": base, "passed": passes(mapping(base["gate"]))}
    keep(known)
    if not known["passed"]:
        sys.exit(
            f"the base answers {base['gate']} of unambiguous questions, {PASSED} wanted: nothing is compared"
        )
    test = drawn_test(settings.seed, tuning)
    for seed in map(int, given.seeds.split(",")):
        for name in given.systems.split(","):
            found = known["found"].setdefault(name, {})
            if str(seed) not in found:
                found[str(seed)] = tuned(ALL[name], seed, tuning, test)
                keep(known)
                print(f"{name}, seed {seed}: {found[str(seed)]['curve']}", flush=True)


def made_base(settings: BaseSettings, tuning: Tuning, *, fresh: bool) -> dict[str, object]:
    """The base, made unless it is there; how it does at the gate, and what it can do untuned."""
    folder, record = WORK / "base", WORK / "base" / "base.json"
    kept = json.loads(record.read_text(encoding="utf-8")) if record.is_file() and not fresh else {}
    if kept.get("settings") != asdict(settings):
        make_base(settings, folder, lambda line: print(line, flush=True))
        kept = json.loads(record.read_text(encoding="utf-8"))
    model = load_base(folder)
    test = drawn_test(settings.seed, tuning)
    untuned = {
        name: sum(exact(model, rows_for(SYSTEMS[name], test, 0, "test"), roles=False)) / len(test)
        for name in ("lora", "marker")
    }
    count = sum(each.numel() for each in model.parameters())
    return {
        **kept,
        "parameters": count,
        "gate": gate(model, tuning.tested, settings.seed),
        "untuned": untuned,
        "about": about("benchmarks.lookup"),
    }


def passes(found: Mapping[str, object]) -> bool:
    """Of every kind of document."""
    return all(number(share) >= PASSED for share in found.values())


def drawn_test(seed: int, tuning: Tuning) -> list[Case]:
    """The documents that all are tested on."""
    rng = Random(f"{seed} test")
    return [ambiguous(rng) for _ in range(tuning.tested)]


def keep(known: Mapping[str, object]) -> None:
    """Write the results so that a kill leaves the old ones or the new ones."""
    temporary = RESULTS.with_suffix(".new")
    temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
    temporary.replace(RESULTS)


if __name__ == "__main__":
    main()
