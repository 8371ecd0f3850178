"""A role-conditioned adapter on disk is opened as what it is, or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from peft import LoraConfig, PeftConfig, PeftModel, PeftType, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from safetensors.torch import load_file, save_file

from apothecary.adapters.role_config import RoleLoraConfig, RoleType
from apothecary.adapters.role_files import (
    CONFIG,
    WEIGHTS,
    is_role_adapter,
    load_role_adapter,
    read_role_config,
    save_role_adapter,
)
from apothecary.adapters.role_model import attach, role_layers
from apothecary.errors import UsageError, WeightsError
from tests.adapters.tiny_models import FAMILIES, IDS, ROLES, adapted, logits, tiny

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
INPUTS = {"input_ids": IDS, "role_ids": ROLES}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "adapter"
    save_role_adapter(adapted(), folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "adapter"))


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        *((family, {"variant": "full"}) for family in FAMILIES),
        ("qwen3", {"variant": "vectors", "scale_vectors": True, "role_modules": ("v_proj",)}),
        ("qwen3", {"variant": "single_b", "freeze_none": True, "lora_alpha": 3, "use_rslora": True}),
        ("gemma3", {"variant": "full", "shared_embedding": True, "num_roles": 5}),
        ("llama", {"rank_pattern": {"k_proj": 2}, "target_modules": ["q_proj"], "layers_to_transform": [1]}),
    ],
)
def test_a_loaded_adapter_says_what_was_saved(
    family: str, settings: dict[str, object], tmp_path: Path
) -> None:
    model = adapted(family, **settings)
    save_role_adapter(model, tmp_path / "a")
    loaded = load_role_adapter(tiny(family), tmp_path / "a")
    assert torch.equal(logits(loaded, **INPUTS), logits(model, **INPUTS))
    assert not any(each.requires_grad for each in loaded.parameters())
    assert not loaded.training


def test_all_role_tensors_are_saved(folder: Path) -> None:
    names = [name for name in load_file(folder / WEIGHTS) if "lora_role" in name]
    assert len(names) == 2 * 2 * 2
    assert "role-conditioned" in (folder / "README.md").read_text()


def test_peft_without_this_package_fails_on_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What PEFT knows before `role_model` is imported.
    monkeypatch.delitem(PEFT_TYPE_TO_CONFIG_MAPPING, cast(PeftType, RoleType.ROLE_LORA))
    for read in (
        lambda: PeftModel.from_pretrained(tiny(), str(folder)),
        lambda: PeftConfig.from_pretrained(str(folder)),
        lambda: LoraConfig.from_pretrained(str(folder)),
        lambda: get_peft_model(tiny(), LoraConfig(target_modules=["q_proj"])).load_adapter(str(folder), "x"),
        lambda: tiny().load_adapter(str(folder)),
    ):
        with pytest.raises(KeyError, match="APOTHECARY_ROLE_LORA"):
            read()


def test_a_reader_that_skips_the_type_finds_no_rank(folder: Path) -> None:
    # What servers and converters ask for.
    config = json.loads((folder / CONFIG).read_text())
    assert not {"r", "lora_alpha", "target_modules"} & config.keys()


def test_peft_with_this_package_opens_it_right(folder: Path) -> None:
    wanted = logits(adapted(), **INPUTS)
    opened = PeftModel.from_pretrained(tiny(), str(folder)).eval()
    assert torch.equal(logits(opened, **INPUTS), wanted)
    second = adapted(r=2)
    second.load_adapter(str(folder), "second")
    second.set_adapter("second")
    assert torch.equal(logits(second, **INPUTS), wanted)


def test_what_a_trainer_saves_is_the_same(tmp_path: Path) -> None:
    model = adapted(variant="single_b")
    model.save_pretrained(str(tmp_path / "checkpoint"))
    loaded = load_role_adapter(tiny(), tmp_path / "checkpoint")
    assert torch.equal(logits(loaded, **INPUTS), logits(model, **INPUTS))


def test_a_loaded_adapter_can_learn_on(folder: Path) -> None:
    model = load_role_adapter(tiny(), folder, trainable=True)
    model(**INPUTS).logits.sum().backward()
    assert all(layer.lora_A["default"].weight.grad is not None for _, layer in role_layers(model))


def test_an_older_adapter_in_the_place_is_replaced_whole(folder: Path) -> None:
    (folder / "asked.json").write_text("{}")
    save_role_adapter(adapted(r=2), folder)
    assert read_role_config(folder).r == 2
    assert not (folder / "asked.json").exists()
    assert not list(folder.parent.glob(".*"))


def test_nothing_but_an_adapter_is_replaced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="would be replaced: notes.txt"):
        save_role_adapter(adapted(), folder)
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(UsageError, match="would be replaced"):
        save_role_adapter(adapted(), folder / "notes.txt")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="would be replaced"):
        save_role_adapter(adapted(), Path())


def test_a_link_to_a_folder_stays_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    save_role_adapter(adapted(r=2), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert read_role_config(folder).r == 2


def test_a_model_learns_on_as_before_what_did_not_load(folder: Path) -> None:
    model = tiny("qwen3")
    (folder / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        load_role_adapter(model, folder)
    save_role_adapter(adapted(), folder)
    tensors(lambda found: found.popitem())(folder)
    with pytest.raises(WeightsError, match="lacks"):
        load_role_adapter(model, folder)
    assert all(each.requires_grad for each in model.parameters())


def changed(edit: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        config = json.loads((folder / CONFIG).read_text())
        edit(config)
        (folder / CONFIG).write_text(json.dumps(config))

    return apply


def settings(**values: object) -> Callable[[Path], None]:
    return changed(lambda config: config["role_lora"].update(values))  # type: ignore[attr-defined]


def tensors(edit: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        edit(found)
        save_file(found, folder / WEIGHTS)

    return apply


def first_role(found: dict[str, torch.Tensor]) -> str:
    return next(name for name in sorted(found) if "lora_role" in name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / CONFIG).unlink(), "is no adapter"),
        (lambda folder: (folder / CONFIG).write_text("["), "no role-conditioned adapter"),
        (lambda folder: (folder / CONFIG).write_text('["APOTHECARY_ROLE_LORA"]'), "no role-conditioned"),
        (changed(lambda c: c.update(peft_type="LORA")), "no role-conditioned adapter"),
        (changed(lambda c: c.update(format=2)), "another version"),
        (changed(lambda c: c.pop("role_lora")), "no role_lora"),
        (changed(lambda c: c.update(role_lora=["r"])), "no role_lora"),
        (changed(lambda c: c.update(nonsense=1)), "another form.*nonsense"),
        (changed(lambda c: c["role_lora"].pop("r")), "role_lora: r: missing"),  # type: ignore[attr-defined]
        (settings(use_dora=True), "role_lora: use_dora: missing or unknown"),
        (settings(r="four"), "r: a rank"),
        (settings(r=10**8), "says rank 100000000, the tensors have 4"),
        (settings(rank_pattern={"q_proj": 10**8}), "says rank 100000000, the tensors have 4"),
        (settings(rank_pattern=[4]), "another form"),
        (settings(num_roles=10**8), "says 100000000 roles, the tensors have 3"),
        (settings(variant="other"), "no variant 'other'"),
        (settings(num_roles=True), "num_roles"),
        (settings(target_modules=7), "another form|does not fit"),
        (settings(role_modules=["no_proj"]), "no linear layer no_proj"),
        (settings(role_modules=["v_proj"]), "also holds .*k_proj.lora_role"),
        (settings(r=2), "is \\(4, 32\\), not \\(2, 32\\)|is \\(3, 4\\), not|is \\(., 4\\), not"),
        (lambda folder: (folder / WEIGHTS).unlink(), "is not there"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"\xff" * 40), "does not load"),
        (tensors(lambda found: found.pop(first_role(found))), "lacks .*lora_role"),
        (tensors(lambda found: found.update(more=torch.zeros(1))), "also holds more"),
        (tensors(lambda found: found[first_role(found)].fill_(float("nan"))), "no finite number"),
    ],
)
def test_a_damaged_folder_is_refused_and_the_model_stays_as_it_was(
    damage: Callable[[Path], None], message: str, folder: Path
) -> None:
    damage(folder)
    model = tiny()
    before = logits(model, input_ids=IDS)
    with pytest.raises(WeightsError, match=message):
        load_role_adapter(model, folder)
    assert not role_layers(model)
    assert torch.equal(logits(model, input_ids=IDS), before)


def test_an_adapter_of_another_model_is_refused(folder: Path) -> None:
    model = tiny("llama")
    model.model.layers = model.model.layers[:1]
    with pytest.raises(WeightsError, match="also holds"):
        load_role_adapter(model, folder)


def test_a_plain_adapter_is_no_role_adapter(tmp_path: Path) -> None:
    plain = get_peft_model(tiny(), LoraConfig(target_modules=["q_proj"]))
    plain.save_pretrained(str(tmp_path))
    assert not is_role_adapter(tmp_path)
    assert not is_role_adapter(tmp_path / "nothing")
    with pytest.raises(WeightsError, match="no role-conditioned adapter"):
        load_role_adapter(tiny(), tmp_path)
    with pytest.raises(UsageError, match="no role-conditioned adapter"):
        save_role_adapter(plain, tmp_path / "x")
    with pytest.raises(UsageError, match="no adapter 'other'"):
        save_role_adapter(attach(tiny(), RoleLoraConfig()), tmp_path / "x", adapter="other")
