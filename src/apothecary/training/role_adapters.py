"""Role-conditioned adapters in other forms: a whole model that reads roles, or a plain LoRA without."""

from __future__ import annotations

from pathlib import Path

from apothecary.adapters.role_files import is_role_adapter, load_role_adapter, read_role_config
from apothecary.adapters.role_merge import export_plain, merge_roles, write_merged
from apothecary.errors import UsageError
from apothecary.training.base_model import load_base, quiet, translated

__all__ = ["base_of", "drop_roles", "has_roles", "merge_role_adapter"]


def has_roles(adapter: Path) -> bool:
    """Whether an adapter is role-conditioned; False for whatever cannot be read."""
    return is_role_adapter(adapter)


def base_of(adapter: Path) -> str:
    """The model that a role-conditioned adapter was learnt for, "" where it does not say.

    Raises UsageError for another kind of adapter.
    """
    if not is_role_adapter(adapter):
        raise UsageError("is no role-conditioned adapter", where=str(adapter), hint="leave out --drop-roles")
    return read_role_config(adapter).base_model_name_or_path or ""


def drop_roles(adapter: Path, out: Path, base: str) -> None:
    """Write a role-conditioned adapter, learnt for a model, as a plain LoRA."""
    export_plain(adapter, out, base=base, drop_roles=True)


def merge_role_adapter(model: str, adapter: Path, out: Path, *, biases: bool) -> None:
    """Add an adapter to the weights of its model, in float32, and write both and the tables of its roles.

    With `biases` the part of role 0 becomes biases of the model (`merge_roles`: `fold_none`), else it stays
    in the tables. Raises UsageError when `out` holds something, EngineError for a model or an adapter that
    does not load.
    """
    base = load_base(model, "fp32")
    with quiet():
        merged = merge_roles(load_role_adapter(base.model, adapter), fold_none=biases)
        write_merged(merged, out)
    with quiet(), translated(str(out), "cannot be written"):
        base.tokenizer.save_pretrained(out)
