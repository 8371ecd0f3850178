"""Untrained decoders of three families that run in milliseconds, and adapters that do something."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_model import attach

__all__ = ["FAMILIES", "IDS", "ROLES", "SIZES", "adapted", "logits", "shaken", "tiny"]

FAMILIES = ("llama", "qwen3", "gemma3")
SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
    "initializer_range": 0.15,
}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17, 18]])
# The last token of a row has a role, too: what is generated after it has none.
ROLES = torch.tensor([[0, 1, 1, 0, 2, 0, 0], [2, 0, 0, 1, 0, 2, 2]])


def tiny(family: str = "llama", *, seed: int = 0) -> PreTrainedModel:
    """A model, in evaluation mode; equal seeds give equal weights."""
    torch.manual_seed(seed)
    made: PreTrainedModel
    if family == "llama":
        made = LlamaForCausalLM(LlamaConfig(**SIZES))
    elif family == "qwen3":
        made = Qwen3ForCausalLM(Qwen3Config(**SIZES))
    else:
        # One layer sees a window, one sees all.
        kinds = ["sliding_attention", "full_attention"]
        made = Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, sliding_window=4, layer_types=kinds))
    made.train(False)
    return made


def shaken(model: PeftModel, *, seed: int = 1) -> PeftModel:
    """The model with an adapter that does something, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, each in sorted(model.named_parameters()):
        if ".lora_" in name:
            each.data = torch.randn(each.shape, generator=generator) * 0.15
    return model.eval()


def adapted(family: str = "llama", **settings: Any) -> PeftModel:
    """A model with a random role-conditioned adapter."""
    config = RoleLoraConfig(**({"r": 4} | settings))
    return shaken(attach(tiny(family), config))


def logits(model: torch.nn.Module, **inputs: object) -> Tensor:
    """What a model says of the next tokens."""
    with torch.no_grad():
        found: Tensor = model(**inputs).logits
    return found
