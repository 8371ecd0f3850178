"""A random role-conditioned adapter of the tiny model, alone and merged, and who gives it roles."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers import LlamaForCausalLM

from apothecary.adapters.role_config import RoleLoraConfig, Variant
from apothecary.adapters.role_files import load_role_adapter, save_role_adapter
from apothecary.adapters.role_merge import merge_roles, write_merged
from apothecary.adapters.role_model import attach
from apothecary.adapters.role_reader import RoleAdapters
from apothecary.align.roles import ROLES
from tests.adapters.tiny_models import shaken

__all__ = ["reader", "role_adapter", "role_model"]


def reader() -> RoleAdapters:
    """What a run hands to an engine."""
    return RoleAdapters(ROLES)


def role_adapter(base: Path, folder: Path, *, variant: Variant = "full") -> Path:
    """Write an adapter of the model in `base` whose every number is random."""
    model = attach(LlamaForCausalLM.from_pretrained(base), RoleLoraConfig(r=4, variant=variant))
    save_role_adapter(shaken(model), folder)
    return folder


def role_model(base: Path, adapter: Path, folder: Path) -> Path:
    """Write the model with the adapter merged into it, and its tables."""
    write_merged(merge_roles(load_role_adapter(LlamaForCausalLM.from_pretrained(base), adapter)), folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / name, folder)
    return folder
