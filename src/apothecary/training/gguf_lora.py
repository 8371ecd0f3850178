"""An adapter as GGUF, which llama.cpp loads beside the weights of its model.

Source: llama.cpp's convention for adapters (``general.type`` adapter, ``adapter.type`` lora, tensors
``NAME.lora_a`` and ``NAME.lora_b``). llama.cpp scales by ``alpha / rank`` of each tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoConfig, PretrainedConfig

from apothecary.errors import UsageError, WeightsError
from apothecary.training.adapter_files import AdapterFile
from apothecary.training.base_model import gguf_of, quiet, torch_source, translated

__all__ = ["engine_with", "write_gguf_lora"]

ARCHITECTURES: Mapping[str, gguf.MODEL_ARCH] = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "gemma2": gguf.MODEL_ARCH.GEMMA2,
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "phi3": gguf.MODEL_ARCH.PHI3,
}
"""Kinds of model, as their configuration names them, whose tensors llama.cpp keeps under known names."""


def write_gguf_lora(adapter: AdapterFile, model: str, path: Path, *, half: bool = False) -> None:
    """Write an adapter of `model` as GGUF, in float32, or in float16 where `half` is wanted.

    Raises UsageError for a kind of model that is not known here, WeightsError for an adapter of another
    model.
    """
    source = torch_source(model)
    local = Path(source).is_dir()
    with quiet(), translated(model, "does not load"):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=local)
    text = config.get_text_config()
    architecture = ARCHITECTURES.get(text.model_type)
    if architecture is None:
        hint = f"known: {', '.join(sorted(ARCHITECTURES))}; the adapter works with the engine hf as it is"
        raise UsageError(f"adapters of a {text.model_type} cannot be written as GGUF", where=model, hint=hint)
    names = gguf.get_tensor_name_map(architecture, text.num_hidden_layers)
    temporary = path.with_name(f".{path.name}.new")
    writer = gguf.GGUFWriter(str(temporary), gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    rank = next((a.shape[0] for a, _ in adapter.modules.values()), 1)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.scale * rank)
    for module, (a, b) in adapter.modules.items():
        name = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if name is None:
            raise WeightsError(f"has no module {module}", where=model)
        for part, values in (("lora_a", a.numpy()), ("lora_b", _rows(module, b, text, architecture))):
            writer.add_tensor(f"{name}.{part}", values.astype(np.float16) if half else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    temporary.replace(path)


def engine_with(model: str, adapter: Path) -> str:
    """The engine that runs `model` with an adapter: llama.cpp for a file, else transformers for a folder."""
    gguf = gguf_of(model) if adapter.suffix == ".gguf" else None
    # The path and not the name: of NAME+FILE.gguf the whole could be the path of one file.
    return f"llamacpp:{gguf.path}+{adapter}" if gguf else f"hf:{torch_source(model)}+{adapter}"


def _rows(
    module: str, b: Tensor, config: PretrainedConfig, architecture: gguf.MODEL_ARCH
) -> NDArray[np.float32]:
    """The second half, its rows in the order of llama.cpp.

    For models of the llama kind that order differs in queries and keys: rotary embedding takes neighbours
    for a pair there, and the two halves of a head in torch.
    """
    rows: NDArray[np.float32] = b.numpy()
    if architecture != gguf.MODEL_ARCH.LLAMA or not module.endswith(("q_proj", "k_proj")):
        return rows
    heads = config.num_attention_heads if module.endswith("q_proj") else config.num_key_value_heads
    width = rows.shape[0] // heads
    if rows.shape[0] != heads * width or width % 2:
        raise WeightsError(f"{module} does not fit the heads of the model")
    return np.ascontiguousarray(
        rows.reshape(heads, 2, width // 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)
    )
