"""Adapters for models of transformers: added to the weights, so that they cost nothing to use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from apothecary.engines.hf_roles import INSTALL
from apothecary.errors import EngineError
from apothecary.networks.untying import untie

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["check_adapter", "faults", "merged", "reason_of"]

SHOWN_OF_A_FAULT = 200


def check_adapter(folder: Path) -> bool:
    """Whether an adapter is role-conditioned. Raises EngineError for a folder that holds no adapter."""
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            hint = "give a folder written by peft"
            raise EngineError(f"there is no such adapter: no {name}", where=str(folder), hint=hint)
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError("the configuration of the adapter cannot be read", where=str(folder)) from error
    return isinstance(config, dict) and "role_lora" in config


def merged(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The model with the weights of an adapter added to its own. Raises EngineError."""
    try:
        from peft import PeftConfig, PeftModel, get_peft_model_state_dict
    except ImportError as error:
        raise EngineError("adapters need the library peft", where=str(folder), hint=INSTALL) from error
    from safetensors import safe_open

    try:
        config = PeftConfig.from_pretrained(str(folder))
        if config.is_prompt_learning:
            raise EngineError("is a soft prompt, which changes no weights", where=str(folder))
        adapted = PeftModel.from_pretrained(model, str(folder), config=config)
        with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
            given = set(file.keys())
        # The library fills what an adapter lacks with new weights, and leaves out what the model lacks.
        wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
        strange = sorted(wanted - given) or sorted(given - wanted - set(adapted.state_dict()))
        if strange:
            raise EngineError(f"the adapter does not fit the model: {strange[0]}", where=str(folder))
        untie(model)
        return cast("PreTrainedModel", adapted.merge_and_unload(progressbar=False))
    except faults() as error:
        message = f"the adapter does not fit the model: {reason_of(error)}"
        raise EngineError(message, where=str(folder)) from error


def faults() -> tuple[type[Exception], ...]:
    """What the libraries raise on broken or hostile files."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    wrong = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
    return (*wrong, ImportError, MemoryError, OSError, SafetensorError, StrictDataclassError)


def reason_of(error: Exception) -> str:
    """The beginning of what a library says, on one line."""
    return " ".join(str(error).split())[:SHOWN_OF_A_FAULT] or type(error).__name__
