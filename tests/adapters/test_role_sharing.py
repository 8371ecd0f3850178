"""One model, several users of its roles: adapters, threads, merges. None takes another's or leaves any."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, PreTrainedModel

from apothecary.adapters.role_batch import RoleRow, write_answers
from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_files import load_role_adapter, save_role_adapter
from apothecary.adapters.role_merge import merge_roles
from apothecary.adapters.role_model import attach, role_layers, tuner_of
from apothecary.adapters.role_state import ATTRIBUTE, roles, state_of
from apothecary.errors import UsageError
from tests.adapters.tiny_models import IDS, ROLES, adapted, logits, shaken, tiny

# Of Transformers, which PEFT asks in an old way, and which loads a second adapter by one that warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Adapter default was active:UserWarning"),
]
INPUTS = {"input_ids": IDS, "role_ids": ROLES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_role_adapter(adapted(), tmp_path / "a")
    return tmp_path / "a"


def test_adapters_that_transformers_loads_side_by_side_all_read_roles(folder: Path, tmp_path: Path) -> None:
    other = shaken(attach(tiny(), RoleLoraConfig(r=2)), seed=7)
    save_role_adapter(other, tmp_path / "b")
    model = tiny()
    model.load_adapter(str(folder))
    model.load_adapter(str(tmp_path / "b"), adapter_name="b")
    model.train(False)
    for name, alone in (("b", other), ("default", adapted())):
        model.set_adapter(name)
        assert torch.equal(logits(model, **INPUTS), logits(alone, **INPUTS))
    model.delete_adapter("default")
    model.load_adapter(str(folder), adapter_name="again")
    assert torch.equal(logits(model.train(False), **INPUTS), logits(adapted(), **INPUTS))


def test_adapters_side_by_side_have_the_same_roles(folder: Path, tmp_path: Path) -> None:
    save_role_adapter(shaken(attach(tiny(), RoleLoraConfig(r=2, num_roles=5))), tmp_path / "five")
    model = tiny()
    model.load_adapter(str(folder))
    with pytest.raises(UsageError, match="the same roles: 3, not 5"):
        model.load_adapter(str(tmp_path / "five"), adapter_name="five")
    assert torch.equal(logits(model.train(False), **INPUTS), logits(adapted(), **INPUTS))


def test_a_model_that_reads_roles_by_tables_takes_no_adapter() -> None:
    merged = merge_roles(adapted()).model
    before = logits(merged, **INPUTS)
    with pytest.raises(UsageError, match="reads roles by its tables"):
        attach(merged, RoleLoraConfig(r=4))
    assert torch.equal(logits(merged, **INPUTS), before)


def test_an_adapter_that_was_refused_leaves_nothing_to_the_next_of_its_name(tmp_path: Path) -> None:
    model = adapted()
    wrong = RoleLoraConfig(r=4, target_modules=".*(q|k)_proj", role_modules=("k_proj", "v_proj"))
    with pytest.raises(UsageError, match="v_proj is not among the target modules"):
        model.add_adapter("t", wrong)
    model.add_adapter("t", RoleLoraConfig(r=4, target_modules=".*v_proj", role_modules=("v_proj",)))
    named = {name.rpartition(".")[2] for name, layer in role_layers(model) if "t" in layer.lora_A}
    assert named == {"v_proj"}
    model.set_adapter("t")
    shaken(model)
    save_role_adapter(model, tmp_path / "t", adapter="t")
    loaded = load_role_adapter(tiny(), tmp_path / "t")
    assert torch.equal(logits(loaded, **INPUTS), logits(model, **INPUTS))


def test_a_model_learns_on_as_before_what_was_refused() -> None:
    model = tiny()
    with pytest.raises(UsageError, match="v_proj is not among the target modules"):
        attach(model, RoleLoraConfig(target_modules=".*q_proj", role_modules=("v_proj",)))
    assert all(each.requires_grad for each in model.parameters())
    assert ATTRIBUTE not in vars(model)


def settled(**settings: Any) -> GenerationConfig:
    return GenerationConfig(**settings)  # type: ignore[no-untyped-call]


def generated(model: PeftModel, **settings: Any) -> tuple[int, ...]:
    """The shape of what is generated."""
    return tuple(model.generate(**{**INPUTS, **settings}).shape)  # type: ignore[no-untyped-call]


# --- threads --------------------------------------------------------------------------------------


def elsewhere(run: Callable[[], object]) -> list[object]:
    """What a function gives, or raises, in another thread."""
    found: list[object] = []

    def work() -> None:
        try:
            found.append(run())
        except UsageError as error:
            found.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found


REFUSED = "another thread is using the roles of this model"


def test_a_pass_during_that_of_another_thread_is_refused_and_changes_nothing() -> None:
    model, found = adapted(), list[object]()
    wanted = logits(model, **INPUTS)

    def between(*args: object) -> None:
        handle.remove()
        found.extend(elsewhere(lambda: model(input_ids=IDS, role_ids=2 - ROLES)))
        found.extend(elsewhere(lambda: model(input_ids=IDS)))
        found.extend(elsewhere(lambda: generated(model, max_new_tokens=1)))

    handle = model.get_base_model().get_submodule("model.layers.0").register_forward_pre_hook(between)
    assert torch.equal(logits(model, **INPUTS), wanted)
    assert found == [REFUSED] * 3
    assert torch.equal(logits(model, **INPUTS), wanted)
    (other,) = elsewhere(lambda: logits(model, **INPUTS))
    assert isinstance(other, Tensor)
    assert torch.equal(other, wanted)


def test_roles_given_to_several_passes_belong_to_the_thread_that_gave_them() -> None:
    model = adapted()
    with roles(model, ROLES):
        assert elsewhere(lambda: model(input_ids=IDS)) == [REFUSED]
        assert torch.equal(logits(model, input_ids=IDS), logits(model, **INPUTS))
    (found,) = elsewhere(lambda: generated(model, max_new_tokens=1))
    assert found == (2, 8)


# --- what is left behind --------------------------------------------------------------------------


def learn(model: nn.Module) -> None:
    said = model(**INPUTS).logits
    cross_entropy(said[:, :-1].flatten(0, 1), IDS[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]


def checkpointed(reentrant: bool) -> PreTrainedModel:
    model = tiny("qwen3")
    settings = {"use_reentrant": reentrant}
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)  # type: ignore[no-untyped-call]
    model.enable_input_require_grads()  # type: ignore[no-untyped-call]
    return model


def gradients(base: PreTrainedModel, *, learnt_before: bool) -> dict[str, Tensor]:
    """Of a merged model, whose adapter was trained or not."""
    model = shaken(attach(base, RoleLoraConfig(r=4))).train()
    if learnt_before:
        learn(model)
    merged = merge_roles(model).model.train()
    for each in merged.parameters():
        each.requires_grad_(True)
        each.grad = None
    learn(merged)
    return {name: each.grad for name, each in merged.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_model_merged_after_training_learns_on_rightly(reentrant: bool) -> None:
    wanted = gradients(tiny("qwen3"), learnt_before=False)
    found = gradients(checkpointed(reentrant), learnt_before=True)
    assert found.keys() == wanted.keys()
    for name, each in found.items():
        assert torch.allclose(each, wanted[name], atol=1e-6), name


def test_a_second_adapter_can_be_trained_after_the_first_was_unloaded() -> None:
    base = checkpointed(reentrant=False)
    first = attach(base, RoleLoraConfig(r=4)).train()
    learn(first)
    tuner_of(first).unload()
    learn(attach(base, RoleLoraConfig(r=2)).train())


# --- ways around ----------------------------------------------------------------------------------


def test_the_decoder_called_alone_does_not_swallow_roles() -> None:
    model = adapted()
    decoder = model.get_base_model().get_submodule("model")
    with pytest.raises(UsageError, match="role_ids go to the whole model"):
        decoder(**INPUTS)
    tuner_of(model).unload()
    assert not decoder._forward_pre_hooks


def test_guidance_is_refused_and_what_comes_without_it_is_not() -> None:
    model = adapted()
    with pytest.raises(UsageError, match="guidance reads a second text"):
        generated(model, max_new_tokens=1, guidance_scale=1.5)
    with pytest.raises(UsageError, match="guidance reads a second text"):
        generated(model, generation_config=settled(guidance_scale=2.0))
    assert generated(model, max_new_tokens=1, guidance_scale=1) == (2, 8)
    assert generated(model, role_ids=None, max_new_tokens=1, guidance_scale=1.5) == (2, 8)


def test_roles_to_generate_by_that_are_no_tensor_are_told_so() -> None:
    with pytest.raises(UsageError, match="give a matrix of whole numbers"):
        generated(adapted(), role_ids=ROLES.tolist())


def test_answers_hang_on_no_generation_settings_of_the_adapted_model() -> None:
    model = adapted()
    rows = [RoleRow(tuple(IDS[0].tolist()), tuple(ROLES[0].tolist()))]
    wanted = write_answers(model, rows, padding=0, end=1, max_new_tokens=12)
    model.__dict__["generation_config"] = settled(do_sample=True, temperature=3.0, max_new_tokens=3)
    assert write_answers(model, rows, padding=0, end=1, max_new_tokens=12) == wanted
    assert state_of(model).current is None


def test_vectors_turned_off_by_their_alpha_add_what_they_hold() -> None:
    model = adapted(variant="vectors", role_modules=("k_proj",), alpha_pattern={"k_proj": 0})
    assert not torch.equal(logits(model, **INPUTS), logits(model, input_ids=IDS))
