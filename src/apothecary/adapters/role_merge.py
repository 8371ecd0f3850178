"""A role-conditioned adapter and its model -> one model with a small table beside it; or a plain LoRA.

What a conditioned module adds for a role does not depend on its input. So the low-rank part goes into the
weight, ``W + s B A``; the row of role 0 into the bias; and the differences of the other rows to it stay
beside the model, in ``role_tables.safetensors``. Text without roles, generated tokens among it, then needs
nothing but the ordinary model.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from apothecary.adapters.role_files import (
    README,
    WEIGHTS,
    check_tensors,
    read_role_config,
    read_tensors,
    reading,
    written_whole,
)
from apothecary.adapters.role_layer import RoleLinear
from apothecary.adapters.role_model import RoleLoraModel, tuner_of
from apothecary.adapters.role_state import RoleState
from apothecary.errors import UsageError, WeightsError
from apothecary.networks.untying import untie

__all__ = ["TABLES", "Merged", "RoleTables", "export_plain", "load_merged", "merge_roles", "write_merged"]

TABLES = "role_tables.safetensors"
# What a model can be told to have, so that its own class reads biases that were added. The first that fits.
BIAS_OPTIONS: tuple[tuple[str, ...], ...] = ((), ("attention_bias",), ("attention_bias", "mlp_bias"))
MERGED_NOTE = """# A model with a role-conditioned adapter merged into it

{without} Tokens with roles also need the tables beside it
(`role_tables.safetensors`): open it with `apothecary.adapters.role_merge.load_merged`. Whatever keeps what it
has read of a prompt must keep it by the roles, too: the same text with other roles is read differently.
"""
WITHOUT_ROLES = {
    True: "On text without roles it is an ordinary model.",
    False: "No other program reads it right, not even text without roles: what those add is in tables, too.",
}
PLAIN_NOTE = """# A plain LoRA made of a role-conditioned adapter

Its role part was left out on purpose, the rows of role 0 included, in {count} modules. On no text does it do
what that adapter does. For what does so on text without roles, merge instead
(`apothecary.adapters.role_merge.merge_roles`).
"""


@dataclass(frozen=True)
class RoleTables:
    """What each conditioned module adds by role, in float32 at least.

    `rows` has a matrix for each module name: where `folded`, of shape (roles - 1, outputs), the differences
    of the rows from 1 on to row 0, which the bias holds; else of shape (roles, outputs).
    """

    num_roles: int
    folded: bool
    rows: Mapping[str, Tensor]

    def whole(self, module: str) -> Tensor:
        """The matrix with a row for every role."""
        rows = self.rows[module]
        return torch.cat([torch.zeros_like(rows[:1]), rows]) if self.folded else rows


@dataclass(frozen=True)
class Merged:
    """A model that reads roles by its tables.

    A call takes ``role_ids``; around its `generate`, which is that of Transformers, goes `roles`.
    """

    model: PreTrainedModel
    tables: RoleTables


def merge_roles(model: PeftModel, *, fold_none: bool = True) -> Merged:
    """Merge the only adapter of a model into its weights. The model given is used up.

    It is computed in float32, or in what the weights are in where that is wider.
    With `fold_none` the conditioned modules get biases, and the configuration says so in the model's own
    words (``attention_bias``): its class in Transformers reads the result. Where it has no such words, or
    the weights must keep their form, False leaves all rows in the tables.
    Raises UsageError for several adapters, quantised weights, and a class that cannot have the biases.
    """
    tuner = tuner_of(model)
    names = list(tuner.peft_config)
    if len(names) != 1:
        raise UsageError(f"there are {len(names)} adapters", hint="merge a model with one")
    layers = _mergeable(tuner)
    inner = cast(PreTrainedModel, tuner.model)
    untie(inner)
    conditioned = [name for name, layer in layers.items() if layer.part(names[0])]
    biased = _take_biases(inner, conditioned) if fold_none else set()
    rows = {name: _add(layer, names[0], fold_none) for name, layer in layers.items()}
    tables = RoleTables(
        tuner.role_state.num_roles, fold_none, {name: each for name, each in rows.items() if each is not None}
    )
    tuner.unload()
    for name in biased:
        _bias(cast(nn.Linear, inner.get_submodule(name)))
    _use(inner, tables)
    return Merged(inner, tables)


def _mergeable(tuner: RoleLoraModel) -> dict[str, RoleLinear]:
    found = {}
    for name, layer in tuner.model.named_modules():
        if not isinstance(layer, LoraLayer):
            continue
        linear = cast(nn.Linear, layer.get_base_layer())
        # Quantised layers are subclasses, or keep their weight in a class of its own.
        plain = type(linear) is nn.Linear and type(linear.weight.data) is Tensor
        if not isinstance(layer, RoleLinear) or not plain or not linear.weight.is_floating_point():
            hint = "merge into the weights before they are quantised"
            raise UsageError(f"{name} is {type(linear).__name__}: cannot be merged", hint=hint)
        found[name] = layer
    return found


def _take_biases(model: PreTrainedModel, conditioned: list[str]) -> set[str]:
    """Tell the configuration of the biases to come; the modules that its class then gives one."""
    have = {name for name, each in model.named_modules() if isinstance(each, RoleLinear | nn.Linear)}
    have = {name for name in have if model.get_submodule(name).bias is not None}
    for options in BIAS_OPTIONS:
        config = copy.deepcopy(model.config)
        text = config.get_text_config()
        if any(option not in vars(text) for option in options):
            continue
        for option in options:
            setattr(text, option, True)
        with torch.device("meta"):
            stock = type(model)(config)
        linear = {name: each for name, each in stock.named_modules() if isinstance(each, nn.Linear)}
        biased = {name for name, each in linear.items() if each.bias is not None}
        if biased >= {*conditioned} and biased >= have & linear.keys():
            for option in options:
                setattr(model.config.get_text_config(), option, True)
            return biased
    message = f"{type(model).__name__} cannot be told to have the biases that role 0 needs"
    raise UsageError(message, hint="fold_none=False (--no-biases) keeps them in the tables")


@torch.no_grad()
def _add(layer: RoleLinear, adapter: str, fold: bool) -> Tensor | None:
    """Add what an adapter adds to a layer to its weight and bias; the rows for the table."""
    linear = cast(nn.Linear, layer.get_base_layer())
    if adapter in layer.lora_A:
        linear.weight.copy_(_wide(linear.weight) + _wide(layer.get_delta_weight(adapter)))
    part = layer.part(adapter)
    if part is None:
        return None
    table = _wide(part.table(layer, adapter))
    if not fold:
        return table.clone()
    bias = _bias(linear)
    bias.copy_(_wide(bias) + table[0])
    return table[1:] - table[0]


def _wide(numbers: Tensor) -> Tensor:
    """In float32, or as they are where they are wider."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def _bias(linear: nn.Linear) -> Tensor:
    """The bias of a layer, a new one of zeros where it has none."""
    if linear.bias is None:
        weight = linear.weight
        linear.bias = nn.Parameter(torch.zeros_like(weight[:, 0]), requires_grad=weight.requires_grad)
    return linear.bias


def _use(model: PreTrainedModel, tables: RoleTables) -> None:
    """Let the modules of a merged model add their rows."""
    state = RoleState(model, tables.num_roles)
    for name in tables.rows:
        model.get_submodule(name).register_forward_hook(_Adding(state, tables.folded, tables.whole(name)))


class _Adding:
    """Adds to what a module gave the rows of its table; the table follows it to its device."""

    def __init__(self, state: RoleState, folded: bool, table: Tensor) -> None:
        self._state = state
        self._folded = folded
        self._table = table

    def __call__(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        self._table = self._table.to(output.device)
        rows = self._state.rows_of(self._table, args[0], learning=False)
        if self._folded and self._state.current is None:
            return output
        return (_wide(output) + rows).to(output.dtype)


def write_merged(merged: Merged, folder: Path) -> None:
    """Write model and tables, whole or not at all. Raises UsageError when the folder holds something."""
    folder = Path(folder)
    _refuse_full(folder)
    with written_whole(folder) as temporary:
        merged.model.save_pretrained(temporary)
        about = {
            "format": "pt",
            "num_roles": str(merged.tables.num_roles),
            "folded": str(merged.tables.folded),
            "modules": str(len(merged.tables.rows)),
        }
        rows = {name: each.detach().float().cpu().contiguous() for name, each in merged.tables.rows.items()}
        save_file(rows, temporary / TABLES, metadata=about)
        note = MERGED_NOTE.format(without=WITHOUT_ROLES[merged.tables.folded])
        (temporary / README).write_text(note, encoding="utf-8")


def load_merged(folder: Path, *, dtype: torch.dtype = torch.float32) -> Merged:
    """Read what `write_merged` wrote. Raises WeightsError."""
    rows = read_tensors(folder / TABLES)
    with reading(folder, "does not load"):
        with safe_open(folder / TABLES, framework="pt") as file:
            about = file.metadata() or {}
        num_roles, folded = int(about["num_roles"]), {"True": True, "False": False}[about["folded"]]
        if num_roles < 2 or len(rows) != int(about["modules"]):
            said = f"{about['modules']} tables of {num_roles} roles"
            raise WeightsError(f"{len(rows)} tables, where {said} are said to be", where=str(folder / TABLES))
        loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
        model, found = cast("tuple[PreTrainedModel, Mapping[str, set[str]]]", loaded)
        strange = [*found["missing_keys"], *found["unexpected_keys"]]
        if strange:
            raise WeightsError(f"{strange[0]}: missing or unknown", where=str(folder))
        sizes = {name: _outputs(model, name) for name in rows}
        wanted = {name: (num_roles - folded, size) for name, size in sizes.items()}
        check_tensors(rows, wanted, folder / TABLES)
    tables = RoleTables(num_roles, folded, rows)
    _use(model, tables)
    return Merged(model, tables)


def _outputs(model: PreTrainedModel, name: str) -> int:
    module = model.get_submodule(name)
    if not isinstance(module, nn.Linear):
        raise WeightsError(f"{name} is no linear layer of the model")
    return module.out_features


def export_plain(folder: Path, out: Path, *, base: str | None = None, drop_roles: bool = False) -> None:
    """Write a saved adapter as a plain LoRA, without its role part, with a note that says so.

    `base` is the model that it is for, where its configuration does not say or says it otherwise.

    Servers that know LoRA can load that, and it is not what was learnt: `drop_roles` must be given.
    Raises UsageError without it or when `out` holds something, WeightsError.
    """
    config, tensors = read_role_config(folder), read_tensors(folder / WEIGHTS)
    if not drop_roles:
        message = "a plain LoRA has no place for the role part, which would be lost"
        hint = "drop_roles=True leaves it out; merge_roles keeps it"
        raise UsageError(message, where=str(folder), hint=hint)
    _refuse_full(out)
    kept = {name: each for name, each in tensors.items() if ".lora_role_" not in name}
    plain = LoraConfig(
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=config.target_modules,
        exclude_modules=config.exclude_modules,
        layers_to_transform=config.layers_to_transform,
        layers_pattern=config.layers_pattern,
        rank_pattern=config.rank_pattern,
        alpha_pattern=config.alpha_pattern,
        use_rslora=config.use_rslora,
        task_type=config.task_type,
        base_model_name_or_path=base or config.base_model_name_or_path,
        inference_mode=True,
    )
    modules = {name.partition(".lora_role_")[0] for name in tensors if ".lora_role_" in name}
    note = PLAIN_NOTE.format(count=len(modules))
    with written_whole(out) as temporary:
        plain.save_pretrained(str(temporary))
        save_file(kept, temporary / WEIGHTS, metadata={"format": "pt", "note": "role part left out"})
        (temporary / README).write_text(note, encoding="utf-8")


def _refuse_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("is not empty", where=str(folder), hint="name a new folder")
