"""Models of transformers on disk: found, loaded from safetensors alone, told apart by a digest."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from apothecary.engines.hf_adapters import faults, reason_of
from apothecary.engines.hf_roles import ROLE_TABLES, RoleReader
from apothecary.engines.weights import resolve
from apothecary.errors import EngineError, ModelMissing, WeightsError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["CHAT_TEMPLATE", "digest_of", "find_folder", "has_tables", "load"]

WANTED = "give a folder with config.json, *.safetensors and tokenizer.json"
NEEDED_TO_RUN = {"attention_mask", "logits_to_keep", "past_key_values", "position_ids"}
"""What the forward pass of a model must take for rows of different lengths to be read side by side."""
CHAT_TEMPLATE = "chat_template.jinja"
# Everything that can change a reply; a repository may hold the same weights in other forms, too.
_PARTS = (".json", ".jinja", ".model", ".safetensors", ".txt")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def find_folder(path_or_name: str) -> Path:
    """The folder of a model, fetched from the Hub when it is neither a folder nor in the Hub's cache.

    Raises ModelMissing for what is not to be had, WeightsError for a folder without a model.
    """
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download

    folder = Path(path_or_name)
    try:
        if not folder.exists() and _HUB_NAME.fullmatch(path_or_name):
            wanted = [f"*{ending}" for ending in _PARTS]
            unwanted = ["*/*", "consolidated*"]
            folder = Path(snapshot_download(path_or_name, allow_patterns=wanted, ignore_patterns=unwanted))
        files = {path.name for path in folder.iterdir()}
    except (HTTPError, OSError, ValueError) as error:
        message = f"is no folder here and cannot be had from the Hugging Face Hub: {reason_of(error)}"
        raise ModelMissing(message, where=path_or_name, hint=WANTED) from error
    if "adapter_config.json" in files:
        raise WeightsError("is an adapter, no model", where=str(folder), hint="write hf:MODEL+ADAPTER")
    if "config.json" not in files or not any(name.endswith(".safetensors") for name in files):
        # Other forms of weights can run code.
        raise WeightsError("holds no model", where=str(folder), hint=WANTED)
    return folder


def has_tables(folder: Path) -> bool:
    """Whether the model of a folder reads roles."""
    return (folder / ROLE_TABLES).is_file()


def load(
    folder: Path, reader: RoleReader | None, adapter: Path | None = None
) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    """Tokenizer and model, in what it is to compute with; `reader` opens a model that reads roles.

    The chat template that lies beside an `adapter`, which learnt in it, goes before that of the model. Raises
    WeightsError for a folder that does not load, EngineError for a kind of model that cannot be run.
    """
    import torch
    from transformers import AutoConfig, AutoTokenizer

    where = str(folder)
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False, local_files_only=True)
        number = _number_type(config.dtype)
        model = reader.merged(folder, number) if reader else _model(where, number)
        positions = model.config.get_text_config().max_position_embeddings
    except faults() as error:
        # The library's own words on this send the reader to a report that is not shown.
        sizes = "ignore_mismatched_sizes" in str(error)
        reason = "its tensors have other sizes than config.json says" if sizes else reason_of(error)
        raise WeightsError(f"does not load: {reason}", where=where) from error
    if len(tokenizer) > model.config.get_text_config().vocab_size:
        raise WeightsError("has a tokenizer with more tokens than the model", where=where)
    if not isinstance(positions, int) or NEEDED_TO_RUN - set(inspect.signature(model.forward).parameters):
        raise EngineError(f"a model of the kind {config.model_type} cannot be run", where=where)
    if adapter is not None and (adapter / CHAT_TEMPLATE).is_file():
        tokenizer.chat_template = (adapter / CHAT_TEMPLATE).read_text(encoding="utf-8", errors="replace")
    if not tokenizer.chat_template:
        hint = f"take a model that was tuned to follow instructions, or add its {CHAT_TEMPLATE}"
        raise WeightsError("has no chat template", where=where, hint=hint)
    if torch.cuda.is_available():
        torch.nn.Module.cuda(model)
    return cast("PreTrainedTokenizerFast", tokenizer), model


def _model(where: str, number: torch.dtype) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(
        where,
        dtype=number,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
    )
    model, found = cast("tuple[PreTrainedModel, Mapping[str, set[str]]]", loaded)
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise WeightsError(f"lacks {len(missing)} tensors, among them {missing[0]}", where=where)
    return model


def _number_type(stored: torch.dtype | None) -> torch.dtype:
    """In what to compute with weights: see the docstring of `hf`."""
    import torch

    quick = torch.cuda.is_available() or (
        stored == torch.bfloat16 and torch.cpu.get_capabilities().get("avx512_bf16", False)
    )
    return torch.bfloat16 if quick else torch.float32


def digest_of(folder: Path) -> str:
    """What stands for all files of a folder that can change a reply."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _PARTS and path.is_file())
    text = "\n".join(f"{path.name} {resolve(str(path)).digest}" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()
