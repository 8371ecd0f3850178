"""A language model with a role-conditioned adapter: attach it, run it, decode with it.

Importing this module makes the type of adapter known to PEFT: `get_peft_model`, `PeftModel.from_pretrained`
and the `load_adapter` of an adapted model then take it. PEFT's own function for that demands that the type
is already in a closed list, so its tables are filled directly; they are read from PEFT 0.21.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from peft import PeftConfig, PeftModel, PeftType, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.lora import LoraModel
from peft.tuners.tuners_utils import BaseTunerLayer, delete_adapter
from torch import Tensor, nn
from transformers import PreTrainedModel

from apothecary.adapters.role_config import RoleLoraConfig, RoleType, ends_with
from apothecary.adapters.role_layer import MERGE_HINT, NO_MERGE, RoleLinear
from apothecary.adapters.role_state import ATTRIBUTE, RoleState
from apothecary.errors import UsageError

__all__ = ["RoleLoraModel", "attach", "learning_as_before", "role_layers", "tuner_of"]


class RoleLoraModel(LoraModel):
    """PEFT's LoRA model whose linear layers can read roles.

    It refuses what would lose the role part unseen: merging, weighted sums, batches of several adapters,
    conversion to LoRA.
    """

    role_state: RoleState

    def _pre_injection_hook(self, model: nn.Module, config: PeftConfig, adapter_name: str) -> None:
        # Transformers' own `load_adapter` makes a tuner for each adapter: they share the roles of the model.
        found = vars(model).get(ATTRIBUTE)
        if isinstance(found, RoleState) and not role_layers(model):
            raise UsageError("the model reads roles by its tables", hint="take the one it was merged from")
        if not isinstance(found, RoleState):
            found = RoleState(model, cast(RoleLoraConfig, config).num_roles)
        self.role_state = found

    def inject_adapter(self, model: nn.Module, adapter_name: str, *args: Any, **kwargs: Any) -> None:
        """Put an adapter into the model. Raises UsageError when its role modules are not there.

        The model is then as it was.
        """
        config = cast(RoleLoraConfig, self.peft_config[adapter_name])
        first = not role_layers(model)
        with learning_as_before(model):
            try:
                self._check_modules(model, config)
                super().inject_adapter(model, adapter_name, *args, **kwargs)
                self._connect(model, config, adapter_name)
            except Exception:
                if first:
                    self.unload()
                else:
                    delete_adapter(model, adapter_name, self.prefix)
                raise

    def _check_modules(self, model: nn.Module, config: RoleLoraConfig) -> None:
        if config.num_roles != self.role_state.num_roles:
            known = self.role_state.num_roles
            raise UsageError(
                f"the adapters of one model have the same roles: {known}, not {config.num_roles}"
            )
        linear = [
            name
            for name, module in model.named_modules()
            if isinstance(module.get_base_layer() if isinstance(module, RoleLinear) else module, nn.Linear)
        ]
        for wanted in config.role_modules:
            if not any(ends_with(name, wanted) for name in linear):
                found = sorted({name.rpartition(".")[2] for name in linear if ".lora_" not in name})
                hint = f"linear layers: {', '.join(found)}"
                raise UsageError(f"role_modules: the model has no linear layer {wanted}", hint=hint)

    def _connect(self, model: nn.Module, config: RoleLoraConfig, adapter: str) -> None:
        first: dict[str, nn.Module] = {}
        conditioned = []
        for name, layer in role_layers(model):
            layer.role_state = self.role_state
            if layer.part(adapter) is None:
                continue
            conditioned.append(name)
            if config.shared_embedding:
                own = layer.lora_role_embedding
                own[adapter] = first.setdefault(name.rpartition(".")[0], own[adapter])
        for wanted in config.role_modules:
            if not any(ends_with(name, wanted) for name in conditioned):
                raise UsageError(f"role_modules: {wanted} is not among the target modules")

    @staticmethod
    def _create_new_module(
        lora_config: RoleLoraConfig, adapter_name: str, target: nn.Module, **kwargs: Any
    ) -> nn.Module:
        if isinstance(target, nn.Linear):
            return RoleLinear(target, adapter_name, config=lora_config, **kwargs)
        other = LoraModel._create_new_module  # PEFT's layers for what is no linear one
        return cast(nn.Module, other(lora_config, adapter_name, target, **kwargs))  # type: ignore[no-untyped-call]

    def generate(self, *args: Any, role_ids: Tensor | None = None, **kwargs: Any) -> object:
        """Generate as Transformers does, for prompts whose tokens play these roles.

        `role_ids` are padded as the prompts are; what is generated has no role. Raises UsageError when the
        shapes differ.
        """
        generate = cast("Callable[..., object]", cast(PreTrainedModel, self.model).generate)
        if role_ids is None:
            return generate(*args, **kwargs)
        own = kwargs.get("generation_config") or getattr(self.model, "generation_config", None)
        if kwargs.get("guidance_scale", getattr(own, "guidance_scale", None)) not in (None, 1):
            hint = "leave out guidance_scale"
            raise UsageError("guidance reads a second text, whose roles nobody knows", hint=hint)
        given = [kwargs.get("inputs"), kwargs.get("input_ids"), kwargs.get("inputs_embeds"), *args[:1]]
        prompt = next((each for each in given if isinstance(each, Tensor)), None)
        with self.role_state.given(role_ids):
            if prompt is None or prompt.shape[:2] != role_ids.shape:
                shape = None if prompt is None else tuple(prompt.shape[:2])
                raise UsageError(f"role_ids are {tuple(role_ids.shape)}, the prompts {shape}")
            return generate(*args, **kwargs)

    def _enable_peft_forward_hooks(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("adapter_names") is not None:
            hint = "one adapter at a time: set_adapter"
            raise UsageError("batches of several adapters do not go with roles", hint=hint)
        return super()._enable_peft_forward_hooks(*args, **kwargs)

    def _check_merge_allowed(self) -> None:
        raise UsageError(NO_MERGE, hint=MERGE_HINT)

    def unmerge_adapter(self) -> None:
        """Refused, as nothing can have been merged. Raises UsageError."""
        raise UsageError(NO_MERGE, hint=MERGE_HINT)

    def add_weighted_adapter(self, *args: Any, **kwargs: Any) -> None:
        """Refused: PEFT would add up the low-rank parts alone. Raises UsageError."""
        raise UsageError("weighted sums of role-conditioned adapters would lose their role parts")

    @classmethod
    def _convert_state_dict_for_initial_model(cls, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        raise UsageError("a role-conditioned adapter cannot be saved as a plain one", hint=MERGE_HINT)

    def unload(self) -> nn.Module:
        """Take the adapters and the roles out of the model, and give it back."""
        model = super().unload()
        self.role_state.leave(model)
        return model


@contextmanager
def learning_as_before(model: nn.Module) -> Iterator[None]:
    """After an error inside, what learnt in the model learns again: PEFT freezes all that is no adapter."""
    learning = [each for each in model.parameters() if each.requires_grad]
    try:
        yield
    except Exception:
        for each in learning:
            each.requires_grad_(True)
        raise


def attach(model: PreTrainedModel, config: RoleLoraConfig, *, adapter: str = "default") -> PeftModel:
    """Put a new adapter into the model, which then begins as it was, bit for bit.

    Call the result with ``role_ids``, a matrix of whole numbers like ``input_ids``; ``generate`` takes them,
    too. The adapter is kept in float32 whatever the model is in. Raises UsageError.
    """
    if model.config.is_encoder_decoder:
        raise UsageError("roles are for models that only decode", where=type(model).__name__)
    if any(isinstance(each, BaseTunerLayer) for each in model.modules()):
        raise UsageError("the model has an adapter already", hint="add_adapter puts a second beside it")
    if config.task_type is None:
        config.task_type = "CAUSAL_LM"
    with warnings.catch_warnings():
        # PEFT asks Transformers by a name that is to go.
        warnings.simplefilter("ignore", FutureWarning)
        return cast(PeftModel, get_peft_model(model, config, adapter_name=adapter))


def tuner_of(model: PeftModel) -> RoleLoraModel:
    """The part of PEFT's model that holds our layers. Raises UsageError for a model without roles."""
    if not isinstance(model, PeftModel) or not isinstance(model.base_model, RoleLoraModel):
        raise UsageError("the model has no role-conditioned adapter", hint="attach or load one")
    return model.base_model


def role_layers(model: nn.Module) -> list[tuple[str, RoleLinear]]:
    """The layers that can read roles, with their names."""
    return [(name, each) for name, each in model.named_modules() if isinstance(each, RoleLinear)]


_TYPE = cast(PeftType, RoleType.ROLE_LORA)
PEFT_TYPE_TO_CONFIG_MAPPING[_TYPE] = RoleLoraConfig
PEFT_TYPE_TO_TUNER_MAPPING[_TYPE] = RoleLoraModel
PEFT_TYPE_TO_PREFIX_MAPPING[_TYPE] = RoleLoraModel.prefix
