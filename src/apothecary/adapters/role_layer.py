"""A linear layer whose LoRA also reads the role of each token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import LoraConfig
from peft.tuners.lora.layer import Linear, LoraLayer, LoraVariant
from torch import Tensor, nn

from apothecary.adapters.role_config import RoleLoraConfig, Variant
from apothecary.adapters.role_state import RoleState
from apothecary.errors import UsageError

__all__ = ["MERGE_HINT", "NO_MERGE", "RoleLinear", "RolePart"]

NO_MERGE = "a role-conditioned adapter is no change of weights alone: PEFT's merge would lose its role part"
MERGE_HINT = "use apothecary.adapters.role_merge.merge_roles"


class RoleLinear(Linear):
    """LoRA for a linear layer, with the parameters of a `RolePart` where the configuration asks for one.

    The names of the parameters begin with ``lora_``, so PEFT trains, casts, moves and saves them.
    """

    adapter_layer_names = (*Linear.adapter_layer_names, "lora_role_embedding", "lora_role_up")
    lora_role_embedding: nn.ModuleDict
    lora_role_up: nn.ModuleDict
    role_state: RoleState | None = None

    def update_layer(
        self, adapter_name: str, r: int, lora_alpha: int, config: LoraConfig, **kwargs: Any
    ) -> None:
        """Add an adapter. PEFT calls this while it builds the layer, and for every further adapter."""
        if "lora_role_embedding" not in self._modules:
            # PEFT asks every layer for every name of `adapter_layer_names`, so all have both containers.
            self.lora_role_embedding, self.lora_role_up = nn.ModuleDict(), nn.ModuleDict()
        self._target = str(kwargs.get("target_name", ""))
        super().update_layer(adapter_name, r, lora_alpha, config, **kwargs)

    def resolve_lora_variant(self, *, config: LoraConfig, **kwargs: Any) -> LoraVariant | None:
        """The role part where this layer is one of the conditioned modules."""
        if isinstance(config, RoleLoraConfig) and config.conditions(self._target):
            return RolePart(config.variant, config.num_roles, config.scale_vectors, config.freeze_none)
        return super().resolve_lora_variant(config=config, **kwargs)

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Refused: see `NO_MERGE`. Raises UsageError."""
        raise UsageError(NO_MERGE, hint=MERGE_HINT)

    def unmerge(self) -> None:
        """Refused, as nothing can have been merged. Raises UsageError."""
        raise UsageError(NO_MERGE, hint=MERGE_HINT)

    def part(self, adapter: str) -> RolePart | None:
        """What the adapter adds by role, None where this layer has plain LoRA of it."""
        found = self.lora_variant.get(adapter)
        return found if isinstance(found, RolePart) else None


@dataclass(frozen=True)
class RolePart(LoraVariant):
    """What a conditioned module adds for each role: a table of one row a role, whatever the input is.

    Source: Luo et al. 2026, eqs. 3-5. Departures: 1. the table is computed once a pass and its rows are
    looked up, which costs roles x rank x outputs instead of tokens x rank x outputs; 2. it is added to the
    low-rank part in the number type of the adapter (float32), and the sum is rounded once.
    """

    variant: Variant
    num_roles: int
    scale_vectors: bool
    freeze_none: bool

    def supports_lora_conversion(self) -> bool:
        """No: a table by role is no low-rank change of a weight."""
        return False

    def init(self, module: LoraLayer, adapter_name: str, **kwargs: Any) -> None:  # type: ignore[override]
        """Make the parameters. The table begins at zero, so the model begins as it was.

        As in the source: E uniform within 1/sqrt(rank), its row 0 zero; B2 zero; vectors zero.
        """
        layer = cast(RoleLinear, module)
        up = cast(nn.Linear, layer.lora_B[adapter_name])
        rank, outputs = up.in_features, up.out_features
        made: dict[str, Any] = {"device": up.weight.device, "dtype": up.weight.dtype}
        width = outputs if self.variant == "vectors" else rank
        embeddings = nn.Embedding(self.num_roles, width, **made)
        with torch.no_grad():
            if self.variant == "vectors":
                embeddings.weight.zero_()
            else:
                nn.init.kaiming_uniform_(embeddings.weight, a=math.sqrt(5))
                embeddings.weight[0].zero_()
        layer.lora_role_embedding[adapter_name] = embeddings
        if self.variant in ("full", "random"):
            layer.lora_role_up[adapter_name] = nn.Linear(rank, outputs, bias=False, **made)
            nn.init.zeros_(_weight(layer.lora_role_up, adapter_name))

    def table(self, layer: RoleLinear, adapter: str) -> Tensor:
        """What is added for each role, of shape (roles, outputs)."""
        rows = _weight(layer.lora_role_embedding, adapter)
        scale = layer.scaling[adapter]
        # Autocast would round the table, which is small, before it is added.
        with torch.autocast(rows.device.type, enabled=False):
            if self.variant == "vectors":
                found = rows * (scale if self.scale_vectors else _relative(layer, adapter))
            elif self.variant == "single_b":
                found = rows @ _weight(layer.lora_B, adapter).T * scale
            else:
                found = rows @ _weight(layer.lora_role_up, adapter).T * scale
        return torch.cat([torch.zeros_like(found[:1]), found[1:]]) if self.freeze_none else found

    def forward(  # type: ignore[override]
        self, module: LoraLayer, active_adapter: str, x: Tensor, result: Tensor, **kwargs: Any
    ) -> Tensor:
        """Add the adapter to what the base layer gave. Raises UsageError (see `RoleState.rows_of`).

        Shapes: x (B, T, inputs), result (B, T, outputs).
        """
        layer, name = cast(RoleLinear, module), active_adapter
        if layer.role_state is None:
            raise UsageError("the layer has no roles", hint="use apothecary.adapters.role_model.attach")
        low = layer.lora_A[name](layer.lora_dropout[name](x))
        added: Tensor = layer.lora_B[name](low) * layer.scaling[name]
        learning = layer.training and torch.is_grad_enabled()
        return result + (added + layer.role_state.rows_of(self.table(layer, name), x, learning=learning))


def _weight(container: nn.ModuleDict, adapter: str) -> Tensor:
    return cast(Tensor, container[adapter].weight)


def _relative(layer: LoraLayer, adapter: str) -> float:
    """How far the scale of an adapter was turned up or down after it was made: 1 unless somebody did."""
    rank, alpha = layer.r[adapter], layer.lora_alpha[adapter]
    made = alpha / math.sqrt(rank) if layer.use_rslora[adapter] else alpha / rank
    return float(layer.scaling[adapter] / made) if made else 1.0
