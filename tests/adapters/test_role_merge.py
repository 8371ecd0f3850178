"""A merged model says what the adapted one says; PEFT's own ways to merge are refused."""

import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
)

from apothecary.adapters.role_config import RoleLoraConfig
from apothecary.adapters.role_files import save_role_adapter
from apothecary.adapters.role_merge import TABLES, export_plain, load_merged, merge_roles, write_merged
from apothecary.adapters.role_model import attach, role_layers
from apothecary.adapters.role_state import roles
from apothecary.errors import UsageError, WeightsError
from tests.adapters.tiny_models import FAMILIES, IDS, ROLES, SIZES, adapted, logits, shaken, tiny

INPUTS = {"input_ids": IDS, "role_ids": ROLES}
CLOSE = 1e-5
"""Of scores up to 4, in float32."""


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize(
    ("family", "variant"),
    [("llama", "vectors"), ("qwen3", "single_b"), *((family, "full") for family in FAMILIES)],
)
def test_a_merged_model_says_what_the_adapted_one_says(family: str, variant: str, fold: bool) -> None:
    # In float64 nothing but a wrong formula can make a difference.
    model = adapted(family, variant=variant).double()
    tagged, untagged = logits(model, **INPUTS), logits(model, input_ids=IDS)
    merged = merge_roles(model, fold_none=fold)
    assert not role_layers(merged.model)
    assert torch.allclose(logits(merged.model, **INPUTS), tagged, rtol=0, atol=1e-12)
    assert torch.allclose(logits(merged.model, input_ids=IDS), untagged, rtol=0, atol=1e-12)
    with roles(merged.model, ROLES):
        assert torch.equal(logits(merged.model, input_ids=IDS), logits(merged.model, **INPUTS))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_merge_in_float32_is_within_a_millionth(family: str) -> None:
    model = adapted(family)
    for name, each in model.named_parameters():
        # As in models that learnt something: small weights, smaller adapters.
        each.data.mul_(0.1 if ".lora_" in name else 0.5)
    tagged = logits(model, **INPUTS)
    assert (tagged - logits(model, input_ids=IDS)).abs().max() > 1e-4
    assert torch.allclose(logits(merge_roles(model).model, **INPUTS), tagged, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_merged_model_can_be_written_and_read(family: str, tmp_path: Path) -> None:
    merged = merge_roles(adapted(family))
    write_merged(merged, tmp_path / "m")
    with safe_open(tmp_path / "m" / TABLES, framework="pt") as file:
        assert {tuple(file.get_slice(name).get_shape()) for name in file.keys()} == {(2, 16)}  # noqa: SIM118
    again = load_merged(tmp_path / "m").model
    assert torch.equal(logits(again, **INPUTS), logits(merged.model, **INPUTS))
    # The library's own class reads text without roles as it should be read.
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=torch.float32)
    assert torch.equal(logits(stock, input_ids=IDS), logits(merged.model, input_ids=IDS))
    with pytest.raises(UsageError, match="is not empty"):
        write_merged(merged, tmp_path / "m")


def test_decoding_after_a_merge_needs_no_roles(tmp_path: Path) -> None:
    model = adapted()
    asked = {**INPUTS, "attention_mask": torch.ones_like(IDS)}
    wanted = model.generate(**asked, do_sample=False, max_new_tokens=4)  # type: ignore[no-untyped-call]
    merged = merge_roles(model).model
    with roles(merged, ROLES):
        found = merged.generate(  # type: ignore[operator]
            input_ids=IDS, attention_mask=asked["attention_mask"], do_sample=False, max_new_tokens=4
        )
    assert torch.equal(found, wanted)


def test_a_small_adapter_survives_the_merge_into_bfloat16() -> None:
    model = shaken(attach(tiny().to(torch.bfloat16), RoleLoraConfig(r=4)))  # type: ignore[arg-type]
    wanted = logits(model, **INPUTS).float()
    merged = merge_roles(model).model
    assert merged.dtype == torch.bfloat16
    assert (logits(merged, **INPUTS).float() - wanted).abs().max() < 0.1


def test_a_class_without_a_word_for_biases_keeps_all_rows_in_the_tables(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = RoleLoraConfig(r=4, target_modules=["qkv_proj"], role_modules=("qkv_proj",))
    model = shaken(attach(Phi3ForCausalLM(Phi3Config(**SIZES)), config))
    wanted = logits(model, **INPUTS)
    with pytest.raises(UsageError, match="biases.*fold_none=False"):
        merge_roles(model)
    assert torch.equal(logits(model, **INPUTS), wanted)
    write_merged(merge_roles(model, fold_none=False), tmp_path / "m")
    assert torch.allclose(logits(load_merged(tmp_path / "m").model, **INPUTS), wanted, atol=CLOSE)


def test_biases_that_were_there_are_kept() -> None:
    model = tiny()
    model.config.attention_bias = True
    model = type(model)(model.config)
    for each in model.parameters():
        nn.init.normal_(each, std=0.2)
    one = shaken(attach(model, RoleLoraConfig(r=4)))
    wanted = logits(one, **INPUTS)
    assert torch.allclose(logits(merge_roles(one).model, **INPUTS), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("how", ["merge_adapter", "merge_and_unload", "unmerge_adapter"])
def test_merging_by_peft_is_refused_with_a_hint_and_changes_nothing(how: str) -> None:
    model = adapted()
    wanted = logits(model, **INPUTS)
    with pytest.raises(UsageError, match="lose its role part.*merge_roles"):
        getattr(model, how)()
    for name in ("q_proj", "k_proj"):
        layer = model.get_submodule(f"base_model.model.model.layers.0.self_attn.{name}")
        for step in ("merge", "unmerge"):
            with pytest.raises(UsageError, match="merge_roles"):
                getattr(layer, step)()
    assert torch.equal(logits(model, **INPUTS), wanted)


class FourBit(nn.Linear):
    """As quantised layers are: a subclass."""


@pytest.mark.parametrize("module", ["k_proj", "up_proj"])
def test_quantised_weights_run_and_are_not_merged(module: str) -> None:
    model = tiny()
    for name, each in list(model.named_modules()):
        if name.endswith(module):
            each.__class__ = FourBit
    one = shaken(attach(model, RoleLoraConfig(r=4)))
    logits(one, **INPUTS)
    with pytest.raises(UsageError, match=f"{module} is FourBit: cannot be merged"):
        merge_roles(one)


def test_one_of_two_adapters_is_not_merged() -> None:
    model = adapted()
    model.add_adapter("second", RoleLoraConfig(r=2))
    with pytest.raises(UsageError, match="there are 2 adapters"):
        merge_roles(model)


def tied() -> PreTrainedModel:
    torch.manual_seed(0)
    made: PreTrainedModel = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True))
    made.train(False)
    return made


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning")
def test_a_head_that_is_also_the_embeddings_changes_alone(tmp_path: Path) -> None:
    model = shaken(attach(tied(), RoleLoraConfig(r=4, target_modules=["q_proj", "lm_head"])))
    tagged = logits(model, **INPUTS)
    merged = merge_roles(model, fold_none=False)
    assert torch.allclose(logits(merged.model, **INPUTS), tagged, atol=CLOSE)
    write_merged(merged, tmp_path / "m")
    assert torch.allclose(logits(load_merged(tmp_path / "m").model, **INPUTS), tagged, atol=CLOSE)
    assert merge_roles(shaken(attach(tied(), RoleLoraConfig(r=4)))).model.config.tie_word_embeddings


@pytest.mark.parametrize(
    ("fold", "words"),
    [(True, "without roles it is an ordinary model"), (False, "No other program reads it right")],
)
def test_a_merged_model_says_who_can_read_it(fold: bool, words: str, tmp_path: Path) -> None:
    write_merged(merge_roles(adapted(), fold_none=fold), tmp_path / "m")
    assert words in (tmp_path / "m" / "README.md").read_text()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "m"
    write_merged(merge_roles(adapted()), folder)
    return folder


@pytest.mark.parametrize(
    ("rows", "about", "message"),
    [
        ({"model.layers.0.self_attn.k_proj": (3, 16)}, {}, "is \\(3, 16\\), not \\(2, 16\\)"),
        ({"model.layers.9.k_proj": (2, 16)}, {}, "does not load"),
        ({"model.norm": (2, 16)}, {}, "no linear layer"),
        ({}, {"folded": "perhaps"}, "does not load"),
        ({}, {"num_roles": "x"}, "does not load"),
        ({}, {"modules": "4"}, "0 tables, where 4 tables of 3 roles are said to be"),
        ({}, {"num_roles": "1"}, "0 tables of 1 roles"),
    ],
)
def test_damaged_tables_are_refused(
    rows: dict[str, tuple[int, int]], about: dict[str, str], message: str, written: Path, tmp_path: Path
) -> None:
    shutil.copytree(written, tmp_path / "m")
    found = {name: torch.zeros(shape) for name, shape in rows.items()}
    told = {"num_roles": "3", "folded": "True", "modules": str(len(rows))} | about
    save_file(found, tmp_path / "m" / TABLES, metadata=told)
    with pytest.raises(WeightsError, match=message):
        load_merged(tmp_path / "m")


def test_tables_must_be_there(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written, tmp_path / "m")
    (tmp_path / "m" / TABLES).unlink()
    with pytest.raises(WeightsError, match="is not there"):
        load_merged(tmp_path / "m")


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_a_plain_export_leaves_the_roles_out_only_when_told_to(tmp_path: Path) -> None:
    model = adapted()
    save_role_adapter(model, tmp_path / "a")
    with pytest.raises(UsageError, match="would be lost.*drop_roles=True"):
        export_plain(tmp_path / "a", tmp_path / "plain")
    export_plain(tmp_path / "a", tmp_path / "plain", drop_roles=True)
    assert not any(
        "lora_role" in name for name in load_file(tmp_path / "plain" / "adapter_model.safetensors")
    )
    assert "left out on purpose" in (tmp_path / "plain" / "README.md").read_text()
    plain = PeftModel.from_pretrained(tiny(), str(tmp_path / "plain")).eval()
    for name, each in model.named_parameters():
        if "lora_role" in name:
            each.data.zero_()
    assert torch.equal(logits(plain, input_ids=IDS), logits(model, **INPUTS))
    with pytest.raises(UsageError, match="is not empty"):
        export_plain(tmp_path / "a", tmp_path / "plain", drop_roles=True)
