"""Learning with roles: the tokens that name the pair, and no others, tell the adapter; it is saved whole."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("peft", reason="the train extra is not installed")

import torch
from gguf import GGUFReader
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from apothecary import api
from apothecary.adapters.role_files import is_role_adapter, load_role_adapter
from apothecary.align.roles import ROLES
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.engines.tuned import read_asked
from apothecary.errors import DataError, EngineError, UsageError, WeightsError
from apothecary.training.adapter_files import read_adapter
from apothecary.training.base_model import load_base
from apothecary.training.grpo import train_grpo
from apothecary.training.lora_settings import (
    DataSettings,
    GrpoSettings,
    LoraSettings,
    RewardSettings,
    SftSettings,
)
from apothecary.training.policy import Policy
from apothecary.training.sft import train_sft
from apothecary.training.taught import taught_conversations
from tests.training.tiny_data import quiet, tiny_folder

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
BRIEF: dict[str, str | int | float | bool] = {"prompt": "brief", "roles": "lemma"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    found = tiny_folder(tmp_path_factory.mktemp("roles"))
    rows = [
        {"id": name, "title": "T.", "abstract": f"{drug} 5 mg.", "drug": drug, "disease": "fever"}
        | {"conditions": [{"span": "5 mg", "type": "Dosage"}]}
        for name, drug in (("1", "zincol"), ("2", "mirazol"))
    ]
    (found / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return found


@pytest.fixture
def settings(folder: Path) -> SftSettings:
    return SftSettings(
        model=str(folder / "model"),
        train=("rows.jsonl",),
        epochs=10,
        batch=2,
        learning_rate=2e-2,
        precision="fp32",
        lora=LoraSettings(4, 8.0, 0.0, roles="full"),
        data=DataSettings("conditions", BRIEF),
    )


def policy_of(settings: SftSettings) -> Policy:
    return Policy(load_base(settings.model, "fp32"), settings, None, torch.device("cpu"))


def test_the_tokens_of_the_pair_have_its_roles_and_the_answer_has_none(
    folder: Path, settings: SftSettings
) -> None:
    policy = policy_of(settings)
    assert settings.data
    (first, _), *_ = taught_conversations(settings.data, [folder / "rows.jsonl"], folder)
    tokens, told = policy.template.encode(first), policy.template.roles(first, ROLES)
    assert len(told) == len(tokens.prompt)
    named = {
        role: policy.template.text([t for t, each in zip(tokens.prompt, told, strict=True) if each == role])
        for role in (ROLES["drug"], ROLES["disease"])
    }
    assert {role: text.replace(" ", "") for role, text in named.items()} == {1: "zincolzincol", 2: "fever"}


@pytest.mark.parametrize("variant", ["full", "vectors", "single_b", "random"])
def test_an_adapter_with_roles_learns_and_is_opened_whole(
    folder: Path, settings: SftSettings, tmp_path: Path, variant: str
) -> None:
    given = replace(settings, lora=LoraSettings(4, 8.0, 0.0, roles=variant))  # type: ignore[arg-type]
    tuned = train_sft(given, folder, tmp_path / "out", quiet)
    rows = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert is_role_adapter(tuned.adapter)
    assert tuned.gguf is None
    base = AutoModelForCausalLM.from_pretrained(folder / "model")
    model = load_role_adapter(base, tuned.adapter)
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        plain, read = (model(input_ids=ids, role_ids=each).logits for each in (ids * 0, ids * 0 + 1))
    assert not torch.allclose(plain, read)


def test_a_training_tells_how_many_mentions_have_roles(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    said: list[str] = []
    train_sft(replace(settings, steps=1), folder, tmp_path / "out", said.append)
    assert said[0] == "mentions with roles: drug 4, disease 2; 0 of 2 conversations have none"


def learnt(settings: SftSettings, folder: Path, out: Path) -> dict[str, torch.Tensor]:
    """The tensors after the steps of the settings."""
    return load_file(train_sft(settings, folder, out, quiet).adapter / "adapter_model.safetensors")


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_control_learns_from_other_roles_than_those_of_the_pair(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    variants: dict[str, LoraSettings] = {
        "full": settings.lora,
        "random": replace(settings.lora, roles="random"),
        "again": replace(settings.lora, roles="random"),
        "redrawn": replace(settings.lora, roles="random", redrawn=True),
    }
    found = {
        name: learnt(replace(settings, steps=2, lora=lora), folder, tmp_path / name)
        for name, lora in variants.items()
    }
    assert equal(found["random"], found["again"])
    assert not equal(found["random"], found["full"])
    assert not equal(found["random"], found["redrawn"])


def test_roles_reach_the_modules_that_are_named_and_no_others(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    lora = replace(settings.lora, role_modules=("v_proj",))
    found = learnt(replace(settings, steps=1, lora=lora), folder, tmp_path / "out")
    of_roles = [name for name in found if "lora_role" in name]
    assert of_roles
    assert all(".v_proj." in name for name in of_roles)


def test_what_the_settings_say_of_roles_is_what_is_trained(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    plain = learnt(replace(settings, steps=1), folder, tmp_path / "plain")
    shared = replace(settings.lora, shared_embedding=True)
    frozen = replace(settings.lora, freeze_none=True)
    vectors = replace(settings.lora, roles="vectors")
    scaled = replace(vectors, scale_vectors=True)
    tables = {name for name in plain if "lora_role_embedding" in name}
    found = learnt(replace(settings, steps=1, lora=shared), folder, tmp_path / "shared")
    keys = [name for name in tables if ".k_proj." in name]
    assert all(torch.equal(found[name], found[name.replace("k_proj", "v_proj")]) for name in keys)
    assert not any(torch.equal(plain[name], plain[name.replace("k_proj", "v_proj")]) for name in keys)
    found = learnt(replace(settings, steps=2, lora=frozen), folder, tmp_path / "frozen")
    assert all(not found[name][0].any() and found[name][1:].any() for name in tables)
    told = []
    for name, lora in (("vectors", vectors), ("scaled", scaled)):
        tuned = train_sft(replace(settings, steps=1, lora=lora), folder, tmp_path / name, quiet)
        told.append(json.loads((tuned.adapter / "adapter_config.json").read_text())["role_lora"])
    assert [each["scale_vectors"] for each in told] == [False, True]


def test_an_adapter_with_roles_is_merged_with_them_or_exported_without_when_asked(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    tuned = train_sft(replace(settings, steps=1), folder, tmp_path / "out", quiet)
    api.merge_adapter(tuned.adapter, tmp_path / "whole")
    assert (tmp_path / "whole/role_tables.safetensors").exists()
    api.merge_adapter(tuned.adapter, tmp_path / "unbiased", biases=False)
    biased = [
        json.loads((tmp_path / name / "config.json").read_text())["attention_bias"]
        for name in ("whole", "unbiased")
    ]
    assert biased == [True, False]
    with pytest.raises(WeightsError, match="is role-conditioned"):
        api.export_adapter(tuned.adapter, tmp_path / "plain")
    engine = api.export_adapter(tuned.adapter, tmp_path / "plain", form=api.AdapterForm(drop_roles=True))
    assert engine == f"hf:{folder}/model+{tmp_path}/plain"
    asked = read_asked(tuned.adapter).settings["conditions"]
    assert asked["roles"] == "lemma"
    bare = {name: value for name, value in asked.items() if name != "roles"}
    assert read_asked(tmp_path / "plain").settings == {"conditions": bare}
    modules = read_adapter(tmp_path / "plain").modules
    api.export_adapter(tuned.adapter, tmp_path / "own.gguf", form=api.AdapterForm(drop_roles=True))
    assert read_asked(tmp_path / "own.gguf").settings == {"conditions": bare}
    assert len(GGUFReader(tmp_path / "own.gguf").tensors) == 2 * len(modules)


def test_an_export_that_fails_leaves_nothing_and_says_what_is_missing(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    tuned = train_sft(replace(settings, steps=1), folder, tmp_path / "out", quiet)
    path, form = tuned.adapter / "adapter_config.json", api.AdapterForm(drop_roles=True)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": None}))
    with pytest.raises(UsageError, match="does not say for which model it is"):
        api.export_adapter(tuned.adapter, tmp_path / "plain", form=form)
    assert not (tmp_path / "plain").exists()
    api.export_adapter(tuned.adapter, tmp_path / "plain", model=f"{folder}/model", form=form)
    assert read_adapter(tmp_path / "plain").base == f"{folder}/model"


def test_roles_that_no_layer_would_read_are_refused(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    plain = replace(settings, lora=LoraSettings(4, 8.0, 0.0))
    with pytest.raises(DataError, match="conversations tell roles, which a plain LoRA does not read"):
        train_sft(plain, folder, tmp_path / "out", quiet)


@pytest.mark.parametrize("form", ["adapter", "whole"])
def test_the_engine_refuses_what_it_would_lose(
    folder: Path, settings: SftSettings, tmp_path: Path, form: str
) -> None:
    pytest.importorskip("llguidance", reason="the train extra is not installed")
    tuned = train_sft(replace(settings, steps=1), folder, tmp_path / "out", quiet)
    api.merge_adapter(tuned.adapter, tmp_path / "whole")
    spec = f"hf:{folder}/model+{tuned.adapter}" if form == "adapter" else f"hf:{tmp_path}/whole"
    with pytest.raises(EngineError, match="roles"):
        open_engine(spec, EngineOptions(threads=1))


def test_rows_of_unlike_length_keep_their_roles_in_a_batch(folder: Path, settings: SftSettings) -> None:
    policy = policy_of(settings)
    with torch.no_grad():
        for name, parameter in policy.learnt.items():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))))
    assert settings.data
    found, *_ = taught_conversations(settings.data, [folder / "rows.jsonl"], folder)
    rows = [replace(policy.template.encode(each), roles=policy.template.roles(each, ROLES)) for each in found]
    policy.model.eval()
    with torch.no_grad():
        alone = [policy.logprobs([row])[0] for row in rows]
        together = policy.logprobs(rows)
        without = policy.logprobs([replace(rows[0], roles=())])[0]
    assert len(rows[0].prompt) != len(rows[1].prompt)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(alone[0], without, atol=1e-2)


def test_data_without_roles_are_refused(folder: Path, settings: SftSettings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no conversation tells roles"):
        train_sft(replace(settings, data=None, train=("sft.jsonl",)), folder, tmp_path / "out", quiet)


def test_what_does_not_go_with_roles_is_refused(folder: Path, settings: SftSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on top of another adapter"):
        train_sft(replace(settings, start="x"), folder, tmp_path / "a", quiet)
    reward = RewardSettings("tests.training.tiny_data:letters")
    rewarded = GrpoSettings(
        model=str(folder / "model"), train=("grpo.jsonl",), lora=settings.lora, reward=(reward,)
    )
    with pytest.raises(UsageError, match="from rewards"):
        train_grpo(rewarded, folder, tmp_path / "b", quiet)
