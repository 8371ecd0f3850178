"""Adapters on disk, in the layout of PEFT: write, read, merge into the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from apothecary.adapters.role_files import is_role_adapter
from apothecary.engines.soft import has_soft
from apothecary.errors import UsageError, WeightsError
from apothecary.networks.untying import untie
from apothecary.training.base_model import load_base, quiet, translated

__all__ = ["AdapterFile", "merge_adapter", "read_adapter", "write_adapter"]

PREFIX = "base_model.model."
HINT = "give a folder with adapter_config.json and adapter_model.safetensors"


@dataclass(frozen=True)
class AdapterFile:
    """A low-rank adapter: for each module ``(A, B)``, of shapes rank x inputs and outputs x rank.

    What it adds to the weight of a module is ``scale * B @ A``. `base` is the model it was learnt for.
    """

    base: str
    scale: float
    modules: Mapping[str, tuple[Tensor, Tensor]]


def read_adapter(folder: Path) -> AdapterFile:
    """Read an adapter that PEFT wrote. Raises WeightsError for other kinds of adapter than plain LoRA."""
    where = str(folder)
    if is_role_adapter(folder):
        hint = "apothecary adapters merge keeps its roles, export --drop-roles leaves them out"
        raise WeightsError("is role-conditioned, not a plain LoRA", where=where, hint=hint)
    if has_soft(folder):
        raise WeightsError(
            "has soft tokens, which no weights hold", where=where, hint="use it: hf:MODEL+ADAPTER"
        )
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
    except FileNotFoundError as error:
        raise WeightsError("is no adapter", where=where, hint=HINT) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"does not load: {error}", where=where, hint=HINT) from error
    with translated(where, "has a configuration of another form"):
        plain = config["peft_type"] == "LORA" and not config.get("use_dora") and not config.get("lora_bias")
        varied = config.get("rank_pattern") or config.get("alpha_pattern") or config.get("modules_to_save")
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        scale = alpha / rank**0.5 if config.get("use_rslora") else alpha / rank
        base = str(config.get("base_model_name_or_path") or "")
    if not plain or varied:
        raise WeightsError("is not a plain LoRA of one rank", where=where)
    return AdapterFile(base, scale, _modules(tensors, where))


def _modules(tensors: Mapping[str, Tensor], where: str) -> dict[str, tuple[Tensor, Tensor]]:
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name in sorted(tensors):
        module = name.removeprefix(PREFIX).removesuffix(".lora_A.weight")
        if not name.endswith((".lora_A.weight", ".lora_B.weight")):
            raise WeightsError(f"holds {name}, which is no part of a LoRA of linear layers", where=where)
        if name.endswith(".lora_A.weight"):
            a, b = tensors[name], tensors.get(f"{PREFIX}{module}.lora_B.weight")
            if b is None or a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
                raise WeightsError(f"the halves of {module} do not fit each other", where=where)
            found[module] = (a.float(), b.float())
    if 2 * len(found) != len(tensors):
        raise WeightsError("holds halves without their other half", where=where)
    return found


def write_adapter(adapter: AdapterFile, folder: Path) -> None:
    """Write an adapter as PEFT does, whole or not at all; an older one in the folder's place is replaced.

    Raises WeightsError for one without modules.
    """
    if not adapter.modules:
        raise WeightsError("the adapter changes no module", where=str(folder))
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    rank = next(iter(adapter.modules.values()))[0].shape[0]
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": adapter.base,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": adapter.scale * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        # Whole names, so that no other module is meant by them.
        "target_modules": sorted(adapter.modules),
    }
    (temporary / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    tensors = {}
    for module, (a, b) in adapter.modules.items():
        tensors[f"{PREFIX}{module}.lora_A.weight"] = a.contiguous()
        tensors[f"{PREFIX}{module}.lora_B.weight"] = b.contiguous()
    save_file(tensors, temporary / "adapter_model.safetensors", metadata={"format": "pt"})
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)


def merge_adapter(model: str, adapter: Path, out: Path) -> None:
    """Add an adapter to the weights of its model, in float32, and write the whole in bfloat16.

    Raises UsageError when `out` holds something, EngineError for a model or an adapter that does not load.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("is not empty", where=str(out), hint="name a new folder")
    read_adapter(adapter)
    base = load_base(model, "fp32")
    with quiet(), translated(str(adapter), f"does not fit {model}"):
        adapted = PeftModel.from_pretrained(base.model, str(adapter), local_files_only=True)
        untie(base.model)
        merged = cast(PreTrainedModel, adapted.merge_and_unload(progressbar=False))
        torch.nn.Module.to(merged, torch.bfloat16)
    temporary = out.with_name(f".{out.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    with quiet(), translated(str(out), "cannot be written"):
        merged.save_pretrained(temporary)
        base.tokenizer.save_pretrained(temporary)
    if out.is_dir():
        out.rmdir()
    temporary.replace(out)
