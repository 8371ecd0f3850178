"""Settings of a role-conditioned adapter, and what its configuration file looks like.

The file says ``"peft_type": "APOTHECARY_ROLE_LORA"`` and keeps rank, scale and modules below one key of our
own. Whoever does not know the type fails on it, or on the missing rank: PEFT, Transformers and the servers
that read the file themselves cannot take such an adapter for a plain LoRA and lose its role part unseen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Literal, get_args

from peft import LoraConfig

from apothecary.errors import UsageError

__all__ = ["NOTE", "RoleLoraConfig", "RoleType", "Variant", "ends_with"]

Variant = Literal["full", "vectors", "single_b", "random"]
FORMAT = 1
NOTE = "Role-conditioned LoRA: opens with apothecary.adapters.role_files.load_role_adapter only."
DEFAULT_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
INITS: tuple[object, ...] = (True, False, "gaussian")
# What of LoRA goes with roles, and is kept in the file. All else must be as PEFT has it by default.
_KEPT = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "init_lora_weights",
)
_OWN = ("variant", "num_roles", "role_modules", "scale_vectors", "shared_embedding", "freeze_none")
_OF_THE_FILE = (
    "task_type",
    "peft_type",
    "auto_mapping",
    "peft_version",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
)


class RoleType(StrEnum):
    """What PEFT calls the type of an adapter; a member of our own, as its list of types is closed."""

    ROLE_LORA = "APOTHECARY_ROLE_LORA"


@dataclass
class RoleLoraConfig(LoraConfig):
    """LoRA whose conditioned modules also read the role of each token.

    `variant` is what a conditioned module adds to ``W x + s B A x`` for a token of role p:

    - ``full``: ``s B2 E[p]``, an embedding of the width of the rank and a second up-projection;
    - ``vectors``: ``E[p]``, one vector of output width a role, times s with `scale_vectors`;
    - ``single_b``: ``s B E[p]``, the embedding through the adapter's own B;
    - ``random``: as ``full``; whoever prepares the data draws the roles at random (a control).

    `role_modules` names the conditioned modules by the ends of their names, as `target_modules` does; what is
    targeted besides gets plain LoRA. `lora_alpha` 0 stands for twice the rank. `shared_embedding` gives the
    conditioned modules of one parent (keys and values of a layer) one E. `freeze_none` holds the row of role
    0 at zero. What else LoRA can be (DoRA, aLoRA, biases, ...) does not go with roles.

    Source: Luo et al. 2026, eqs. 3-5, and their code. Departures: 1. the embedding is one per module, as in
    the code; `shared_embedding` is the one per layer of the text; 2. `lora_alpha` may be set.
    Raises UsageError.
    """

    lora_alpha: int = 0
    variant: Variant = "full"
    num_roles: int = 3
    role_modules: tuple[str, ...] = ("k_proj", "v_proj")
    scale_vectors: bool = False
    shared_embedding: bool = False
    freeze_none: bool = False
    note: str = NOTE
    format: int = FORMAT
    role_lora: Mapping[str, object] | None = field(default=None, repr=False)
    """The settings as they stand in the file; they replace the others, and are None afterwards."""

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise UsageError(
                f"role adapters of format {self.format!r} are of another version of this package"
            )
        self._unpack()
        if self.target_modules is None:
            self.target_modules = list(DEFAULT_TARGETS)
        super().__post_init__()  # type: ignore[no-untyped-call]
        self.peft_type = RoleType.ROLE_LORA
        self._check()
        self.lora_alpha = self.lora_alpha or 2 * self.r
        self.role_modules = tuple(self.role_modules)
        if isinstance(self.target_modules, set):
            self.target_modules |= set(self.role_modules)

    def _unpack(self) -> None:
        given, self.role_lora = self.role_lora, None
        if given is None:
            return
        strange = sorted({*given} ^ {*_KEPT, *_OWN}) if isinstance(given, Mapping) else ["no object"]
        if strange:
            raise UsageError(
                f"role_lora: {', '.join(strange)}: missing or unknown", hint="see RoleLoraConfig"
            )
        for name, value in given.items():
            setattr(self, name, value)

    def _check(self) -> None:
        if self.variant not in get_args(Variant):
            raise UsageError(f"there is no variant {self.variant!r}", hint=", ".join(get_args(Variant)))
        if isinstance(self.role_modules, str) or not self.role_modules:
            raise UsageError("role_modules: name the modules in a list", hint='("k_proj", "v_proj")')
        if not isinstance(self.num_roles, int) or self.num_roles < 2:
            raise UsageError("num_roles: two at least, the role 0 of no role among them")
        if not isinstance(self.r, int) or self.r < 1:
            raise UsageError("r: a rank is a whole number above 0")
        if not isinstance(self.lora_alpha, int | float) or not math.isfinite(self.lora_alpha):
            raise UsageError("lora_alpha: a finite number, 0 for twice the rank")
        plain = LoraConfig()
        free = {*_KEPT, *_OF_THE_FILE, "runtime_config"}
        names = [each.name for each in fields(LoraConfig) if each.name not in free]
        other = [name for name in names if getattr(self, name) != getattr(plain, name)]
        if other:
            raise UsageError(f"{', '.join(other)}: does not go with roles", hint="leave it out")
        if self.init_lora_weights not in INITS:
            raise UsageError(f"init_lora_weights {self.init_lora_weights!r} changes the weights of the model")
        if self.shared_embedding and (self.variant == "vectors" or self.rank_pattern):
            raise UsageError("shared_embedding: needs one rank and a variant with an embedding of its width")

    def conditions(self, module: str) -> bool:
        """Whether the module of that full name reads roles."""
        return any(ends_with(module, name) for name in self.role_modules)

    def to_dict(self) -> dict[str, object]:
        """The configuration as it stands in ``adapter_config.json``."""
        settings = {name: _plain(getattr(self, name)) for name in (*_KEPT, *_OWN)}
        kept = {name: getattr(self, name) for name in _OF_THE_FILE}
        return {**kept, "note": NOTE, "format": FORMAT, "role_lora": settings}


def ends_with(module: str, name: str) -> bool:
    """Whether a module is meant by a name: its full name, or the end of it."""
    return module == name or module.endswith(f".{name}")


def _plain(value: object) -> object:
    """Sets and tuples as lists, in a fixed order."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
