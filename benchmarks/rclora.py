"""What roles cost: role-conditioned LoRA beside plain LoRA of PEFT, on an untrained decoder.

    python -m benchmarks.rclora                                        # a small model, on one core
    python -m benchmarks.rclora --hidden 2560 --layers 36 --mlp 9728 --heads 32 --keys 8 --device cuda --bf16

Both are trained in the same run, a step of one after a step of the other, in an order that changes from round
to round; the figure is the median of the ratios of the rounds. Time on a processor is what the process got
of it, so that other work on the machine counts little; on a GPU it is that of the clock. Memory is the peak
of a fresh process each (on a GPU: of its memory). Prints JSON; with `--keep NAME` it is kept for
`benchmarks.conditions_page`, too, as runs/benchmark-rclora/NAME.json. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from apothecary.adapters.role_config import DEFAULT_TARGETS, RoleLoraConfig
from apothecary.adapters.role_model import attach
from benchmarks.pocket_figures import ROOT, about

KEPT = ROOT / "runs" / "benchmark-rclora"
KINDS = ("lora", "full", "vectors", "single_b")
SEED = 13
VOCABULARY = 1000
MEBIBYTE = 2**20
Options = argparse.Namespace


def decoder(options: Options) -> PreTrainedModel:
    """An untrained model; equal seeds give equal weights."""
    torch.manual_seed(SEED)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=options.hidden,
        intermediate_size=options.mlp,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.keys,
        head_dim=options.head_width,
        pad_token_id=0,
    )
    with torch.device(options.device):
        model = Qwen3ForCausalLM(config)
    if options.bf16:
        torch.nn.Module.to(model, torch.bfloat16)
    return model


def adapted(kind: str, options: Options) -> PeftModel:
    """A model with a new adapter of one kind, ready to learn."""
    torch.manual_seed(SEED)
    with warnings.catch_warnings(action="ignore"):
        if kind == "lora":
            plain = LoraConfig(
                r=options.rank,
                lora_alpha=2 * options.rank,
                target_modules=list(DEFAULT_TARGETS),
                task_type="CAUSAL_LM",
            )
            return get_peft_model(decoder(options), plain).train()
        return attach(decoder(options), RoleLoraConfig(r=options.rank, variant=kind)).train()  # type: ignore[arg-type]


def steps(kind: str, options: Options) -> Callable[[], float]:
    """A function that makes one step of training and tells its seconds."""
    model = adapted(kind, options)
    learnt = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1e-4)
    generator = torch.Generator().manual_seed(SEED)
    shape = (options.rows, options.tokens)
    ids = torch.randint(1, VOCABULARY, shape, generator=generator).to(options.device)
    # As in an abstract: one token in ten names the drug, one in ten the disease.
    drawn = torch.rand(shape, generator=generator)
    roles = ((drawn < 0.1).long() + 2 * (drawn > 0.9).long()).to(options.device)
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    asked: dict[str, Tensor] = {"input_ids": ids, "labels": ids}
    if kind != "lora":
        asked["role_ids"] = roles

    def step() -> float:
        wait(options)
        begun = clock()
        torch.autograd.backward(model(**asked).loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        wait(options)
        return clock() - begun

    return step


def wait(options: Options) -> None:
    """Until a GPU has done what it was told."""
    if options.device != "cpu":
        torch.cuda.synchronize()


def times(kind: str, options: Options) -> dict[str, object]:
    """Seconds of a step of both, and their ratio with its quartiles."""
    runs = {"lora": steps("lora", options), kind: steps(kind, options)}
    rng = random.Random(SEED)
    rounds: list[Mapping[str, float]] = []
    for place in range(options.warm_up + options.rounds):
        order = rng.sample(sorted(runs), 2)
        taken = {name: runs[name]() for name in order}
        if place >= options.warm_up:
            rounds.append(taken)
    ratios = [each[kind] / each["lora"] for each in rounds]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "lora_seconds": statistics.median(each["lora"] for each in rounds),
        "seconds": statistics.median(each[kind] for each in rounds),
        "ratio": middle,
        "quartiles": [low, high],
    }


def peak(kind: str, options: Options, told: multiprocessing.connection.Connection) -> None:
    """In a process of its own: the most memory that two steps of training took, less what came before."""
    before = resident()
    step = steps(kind, options)
    step()
    step()
    if options.device == "cpu":
        told.send(resident() - before)
    else:
        told.send(torch.cuda.max_memory_allocated())


def resident() -> int:
    """The most bytes that this process has held. What `resource` tells begins with those of its parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def memory(kind: str, options: Options) -> float:
    """Mebibytes."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=peak, args=(kind, options, theirs))
    process.start()
    theirs.close()
    found = float(ours.recv()) / MEBIBYTE
    process.join()
    return found


def parameters(kind: str, options: Options) -> int:
    """How many numbers learn."""
    return sum(each.numel() for each in adapted(kind, options).parameters() if each.requires_grad)


def main() -> None:
    """Measure, print, and keep what was measured if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = {"hidden": 256, "layers": 4, "mlp": 768, "heads": 4, "keys": 2, "head-width": 64, "rank": 16}
    work = {"rows": 2, "tokens": 256, "rounds": 15, "warm-up": 3, "threads": 1}
    for name, value in {**sizes, **work}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--kind", action="append", choices=KINDS[1:], help="may be repeated")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--keep", metavar="NAME", help="keep what was measured under this name")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    kinds = options.kind or list(KINDS[1:])
    count, most = parameters("lora", options), memory("lora", options)
    found: dict[str, object] = {"lora": {"parameters": count, "memory_mib": round(most, 1)}}
    for kind in kinds:
        own = memory(kind, options)
        found[kind] = {
            "parameters": parameters(kind, options),
            "memory_mib": round(own, 1),
            "memory_ratio": own / most,
            **times(kind, options),
        }
    versions = {name: version(name) for name in ("torch", "transformers", "peft")}
    told = {"settings": vars(options), "versions": versions, "found": found}
    print(json.dumps(told, indent=1))
    if options.keep:
        KEPT.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**told, "about": about("benchmarks.rclora")}, indent=1)
        (KEPT / f"{options.keep}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
