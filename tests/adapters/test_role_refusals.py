"""What does not go with roles is refused before it loses them."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, convert_to_lora, get_peft_model
from transformers import T5Config, T5ForConditionalGeneration

from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_model import attach, role_layers, tuner_of
from apothecary.adapters.role_state import RoleState, roles, state_of
from apothecary.errors import UsageError
from tests.adapters.tiny_models import IDS, ROLES, adapted, logits, shaken, tiny

MASK = torch.ones_like(IDS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_dora": True}, "use_dora: does not go with roles"),
        ({"alora_invocation_tokens": [1], "task_type": "CAUSAL_LM"}, "alora_invocation_tokens: does not go"),
        ({"lora_bias": True}, "lora_bias: does not go"),
        ({"bias": "all"}, "bias: does not go"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save: does not go"),
        ({"target_parameters": ["x"]}, "target_parameters: does not go"),
        ({"init_lora_weights": "pissa"}, "changes the weights of the model"),
        ({"variant": "marker"}, "there is no variant 'marker'"),
        ({"role_modules": ()}, "name the modules"),
        ({"role_modules": "k_proj"}, "in a list"),
        ({"num_roles": 1}, "two at least"),
        ({"lora_alpha": float("nan")}, "lora_alpha: a finite number"),
        ({"lora_alpha": "8"}, "lora_alpha: a finite number"),
        ({"r": 0}, "r: a rank"),
        ({"shared_embedding": True, "variant": "vectors"}, "shared_embedding"),
        ({"shared_embedding": True, "rank_pattern": {"k_proj": 2}}, "shared_embedding"),
        ({"format": 7}, "another version"),
    ],
)
def test_settings_that_do_not_go_with_roles_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RoleLoraConfig(**settings)


def test_alpha_is_twice_the_rank_unless_it_is_given() -> None:
    assert RoleLoraConfig(r=16).lora_alpha == 32
    assert RoleLoraConfig(r=16, lora_alpha=5).lora_alpha == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"role_modules": ("c_attn",)}, "no linear layer c_attn.*linear layers: .*v_proj"),
        ({"role_modules": ("norm",)}, "no linear layer norm"),
        ({"target_modules": r".*\.q_proj"}, "k_proj is not among the target modules"),
    ],
)
def test_a_model_that_cannot_be_conditioned_stays_as_it_was(settings: dict[str, Any], message: str) -> None:
    model = tiny()
    before = logits(model, input_ids=IDS)
    with pytest.raises(UsageError, match=message):
        attach(model, RoleLoraConfig(**settings))
    assert not role_layers(model)
    assert torch.equal(logits(model, input_ids=IDS), before)
    with pytest.raises(UsageError, match="has no roles"):
        state_of(model)


def test_a_model_that_has_an_adapter_is_refused() -> None:
    with pytest.raises(UsageError, match="has an adapter already"):
        attach(adapted().get_base_model(), RoleLoraConfig())  # type: ignore[arg-type]


def test_a_model_with_an_encoder_is_refused() -> None:
    small = T5Config(vocab_size=8, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    with pytest.raises(UsageError, match="only decode"):
        attach(T5ForConditionalGeneration(small), RoleLoraConfig(role_modules=("k",)))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (ROLES[:, :5], "role_ids are \\(2, 5\\), the"),
        (ROLES[:1], "role_ids are \\(1, 7\\), the"),
        (ROLES + 1, "numbers from 0 to 2"),
        (ROLES - 1, "numbers from 0 to 2"),
        (ROLES.float(), "whole numbers"),
        (ROLES > 0, "whole numbers"),
        (ROLES[0], "role_ids|matrix"),
    ],
)
def test_roles_that_do_not_fit_are_refused(ids: torch.Tensor, message: str) -> None:
    model = adapted()
    with pytest.raises(UsageError, match=message):
        logits(model, input_ids=IDS, role_ids=ids)
    with pytest.raises(UsageError, match=message):
        model.generate(input_ids=IDS, attention_mask=MASK, role_ids=ids, max_new_tokens=1)  # type: ignore[no-untyped-call]


def test_roles_of_other_sequences_are_refused() -> None:
    model = adapted()
    three = torch.zeros(3, 7, dtype=torch.long)
    with roles(model, three), pytest.raises(UsageError, match="for 3 sequences, the model reads 2"):
        logits(model, input_ids=IDS)


def test_modules_that_do_not_see_the_tokens_are_refused() -> None:
    model = adapted()
    layer = role_layers(model)[1][1]
    state: RoleState = state_of(model)
    state.current, state._inside = ROLES, True
    for x in (torch.zeros(2, 3, 32), torch.zeros(14, 32)):
        with pytest.raises(UsageError, match="a conditioned module sees .* positions"):
            layer(x)


def two() -> PeftModel:
    model = adapted()
    model.add_adapter("second", RoleLoraConfig(r=4))
    return model


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.add_weighted_adapter(["default", "second"], [0.5, 0.5], "sum"), "lose their role parts"),
        (lambda m: m(input_ids=IDS, adapter_names=["default", "__base__"]), "batches of several adapters"),
        (
            lambda m: m.generate(input_ids=IDS, adapter_names=["default", "second"]),
            "batches of several adapters",
        ),
        (
            lambda m: m.save_pretrained("nowhere", path_initial_model_for_weight_conversion="nowhere"),
            "cannot be saved as a plain one",
        ),
        (lambda m: m.add_adapter("third", RoleLoraConfig(num_roles=4)), "the same roles: 3, not 4"),
    ],
)
def test_what_would_lose_the_role_part_is_refused(
    ask: Callable[[PeftModel], object], message: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(UsageError, match=message):
        ask(two().eval())


def test_conversion_to_plain_lora_is_refused() -> None:
    with pytest.raises(TypeError, match="do not support LoRA conversion"):
        convert_to_lora(adapted(), rank=4)


def test_plain_and_role_adapters_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="different peft types"):
        adapted().add_adapter("plain", LoraConfig(target_modules=["q_proj"]))
    with warnings.catch_warnings(action="ignore"):
        plain = get_peft_model(tiny(), LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM"))
    with pytest.raises(ValueError, match="different peft types"):
        plain.add_adapter("roles", RoleLoraConfig())
    with pytest.raises(UsageError, match="no role-conditioned adapter"):
        tuner_of(plain)


def test_two_role_adapters_take_turns() -> None:
    model = shaken(two())
    first = logits(model, input_ids=IDS, role_ids=ROLES)
    model.set_adapter("second")
    second = logits(model, input_ids=IDS, role_ids=ROLES)
    assert not torch.allclose(first, second, atol=1e-3)
    model.set_adapter("default")
    model.delete_adapter("second")
    assert torch.equal(logits(model, input_ids=IDS, role_ids=ROLES), first)


def test_taking_the_adapter_out_gives_the_model_back() -> None:
    before = logits(tiny(), input_ids=IDS)
    model = adapted().unload().train()
    assert torch.equal(model(input_ids=IDS).logits, before)
    assert not model._forward_pre_hooks
