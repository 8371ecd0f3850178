"""Adapters on disk: round trip, sums, merging, the commands, and what is refused."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("peft", reason="the train extra is not installed")

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from apothecary import api
from apothecary.cli import adapters
from apothecary.engines.hf_adapters import merged
from apothecary.engines.tuned import Asked, read_asked
from apothecary.errors import UsageError, WeightsError
from apothecary.runs.tuning import Development, figure_of
from apothecary.training.adapter_files import (
    AdapterFile,
    merge_adapter,
    read_adapter,
    write_adapter,
)
from apothecary.training.adapter_form import AdapterForm
from apothecary.training.adapter_sums import averaged, reduced, summed
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Tokens
from apothecary.training.lora_settings import LoraSettings, TuneSettings
from apothecary.training.policy import Policy
from tests.engines.tiny_causal import tiny_adapter, tiny_causal

# PEFT asks the model in a way that transformers is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_causal(tmp_path_factory.mktemp("adapters") / "model")


def random_adapter(seed: int, modules: Sequence[str], rank: int = 2) -> AdapterFile:
    torch.manual_seed(seed)
    found = {}
    for name in modules:
        inputs, outputs = (64, 32) if "down" in name else (32, 32)
        found[name] = (torch.randn(rank, inputs), torch.randn(outputs, rank))
    return AdapterFile("base", 0.1 * seed, found)


def delta(adapter: AdapterFile, module: str) -> torch.Tensor:
    a, b = adapter.modules[module]
    return adapter.scale * b @ a


Q, DOWN = "model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    adapter = random_adapter(1, [Q, DOWN])
    write_adapter(adapter, tmp_path / "a")
    found = read_adapter(tmp_path / "a")
    assert found.base == "base"
    assert found.scale == pytest.approx(0.1)
    assert all(torch.equal(delta(found, name), delta(adapter, name)) for name in (Q, DOWN))


def test_a_sum_adds_what_both_add_whatever_modules_they_change() -> None:
    first, second = random_adapter(1, [Q, DOWN]), random_adapter(2, [Q], rank=3)
    both = summed([first, second])
    assert torch.allclose(delta(both, Q), delta(first, Q) + delta(second, Q), atol=1e-6)
    assert torch.allclose(delta(both, DOWN), delta(first, DOWN), atol=1e-6)
    assert {a.shape[0] for a, _ in both.modules.values()} == {5}


def test_a_mean_adds_the_mean_of_the_changes_not_the_product_of_mean_halves() -> None:
    first, second = random_adapter(1, [Q, DOWN]), random_adapter(2, [Q], rank=3)
    mean = averaged([first, second])
    assert torch.allclose(delta(mean, Q), (delta(first, Q) + delta(second, Q)) / 2, atol=1e-6)
    assert torch.allclose(delta(mean, DOWN), delta(first, DOWN) / 2, atol=1e-6)


def test_an_adapter_of_a_lower_rank_is_the_nearest_there_is() -> None:
    both = summed([random_adapter(1, [Q]), random_adapter(2, [Q], rank=3)])
    found, kept = reduced(both, 2)
    left, values, right = torch.linalg.svd(delta(both, Q), full_matrices=False)
    assert torch.allclose(delta(found, Q), left[:, :2] * values[:2] @ right[:2], atol=1e-5)
    assert kept == pytest.approx(float(values[:2].square().sum() / values.square().sum()), abs=1e-5)
    assert reduced(both, 9)[1] == pytest.approx(1)
    with pytest.raises(UsageError, match="a rank of 0 is no rank"):
        reduced(both, 0)


def test_adapters_of_other_sizes_are_no_sum() -> None:
    other = AdapterFile("base", 1.0, {Q: (torch.zeros(1, 3), torch.zeros(5, 1))})
    with pytest.raises(WeightsError, match="q_proj differs in size"):
        summed([random_adapter(1, [Q]), other])


def test_peft_runs_a_sum_as_the_two_adapters_together(model: Path, tmp_path: Path) -> None:
    first, second = random_adapter(1, [Q, DOWN]), random_adapter(2, [Q], rank=3)
    write_adapter(summed([first, second]), tmp_path / "sum")
    adapted = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(model), str(tmp_path / "sum"))
    plain = LlamaForCausalLM.from_pretrained(model)
    with torch.no_grad():
        plain.model.layers[0].self_attn.q_proj.weight += delta(first, Q) + delta(second, Q)
        plain.model.layers[1].mlp.down_proj.weight += delta(first, DOWN)
        assert torch.allclose(adapted(IDS).logits, plain(IDS).logits, atol=1e-4)


def test_learning_on_top_of_an_adapter_writes_their_sum(model: Path, tmp_path: Path) -> None:
    write_adapter(random_adapter(1, [Q, DOWN]), tmp_path / "start")
    settings = TuneSettings(model=str(model), train=("t",), lora=LoraSettings(2, 4.0, 0.0))
    policy = Policy(load_base(str(model), "fp32"), settings, tmp_path / "start", torch.device("cpu"))
    assert not any("start" in name for name in policy.learnt)
    row = [Tokens((5, 6), (7, 8))]
    before = policy.logprobs(row)[0].detach()
    with torch.no_grad():
        for each in policy.learnt.values():
            each.add_(0.05)
    after = policy.logprobs(row)[0].detach()
    with policy.reference():
        assert torch.allclose(policy.logprobs(row)[0], before, atol=1e-5)
    write_adapter(policy.adapter(), tmp_path / "sum")
    again = Policy(load_base(str(model), "fp32"), settings, tmp_path / "sum", torch.device("cpu"))
    assert torch.allclose(again.logprobs(row)[0], after, atol=1e-4)
    assert not torch.allclose(after, before, atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_merged_model_answers_as_the_adapted_one(model: Path, tmp_path: Path) -> None:
    folder = tiny_adapter(model, tmp_path / "adapter")
    merge_adapter(str(model), folder, tmp_path / "merged")
    merged = LlamaForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    adapted = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(model), str(folder))
    with torch.no_grad():
        difference = (merged(IDS).logits - adapted(IDS).logits).abs().max()
    # Merged weights are kept in bfloat16: eight bits.
    assert difference < 0.15
    with pytest.raises(UsageError, match="is not empty"):
        merge_adapter(str(model), folder, tmp_path / "merged")


def test_export_takes_the_model_from_the_adapter(model: Path, tmp_path: Path) -> None:
    folder = tiny_adapter(model, tmp_path / "adapter")
    adapters.export(folder, tmp_path / "a.gguf", str(model))
    assert (tmp_path / "a.gguf").read_bytes()[:4] == b"GGUF"
    adapters.export(folder, tmp_path / "twice", str(model), [folder])
    adapters.export(folder, tmp_path / "mean.gguf", str(model), [folder], mean=True, rank=1, half=True)
    assert (tmp_path / "mean.gguf").stat().st_size < (tmp_path / "a.gguf").stat().st_size
    once, twice = read_adapter(folder), read_adapter(tmp_path / "twice")
    assert torch.allclose(delta(twice, Q), 2 * delta(once, Q), atol=1e-5)
    with pytest.raises(UsageError, match="is there already"):
        adapters.export(folder, tmp_path / "twice", str(model))


@pytest.mark.parametrize(
    ("config", "tensors", "message"),
    [
        (None, {}, "is no adapter"),
        ({"peft_type": "IA3", "r": 1, "lora_alpha": 1}, {}, "is not a plain LoRA"),
        ({"peft_type": "LORA"}, {}, "has a configuration of another form"),
        ({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "use_dora": True}, {}, "is not a plain LoRA"),
        ({"peft_type": "LORA", "r": 2, "lora_alpha": 2}, {"x.lora_A.weight": (2, 3)}, "halves of x"),
        ({"peft_type": "LORA", "r": 2, "lora_alpha": 2}, {"x.weight": (2, 3)}, "no part of a LoRA"),
    ],
)
def test_what_is_no_plain_adapter_is_refused(
    config: dict[str, object] | None, tensors: dict[str, tuple[int, int]], message: str, tmp_path: Path
) -> None:
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        made = {name: torch.zeros(*shape) for name, shape in tensors.items()}
        save_file(made, tmp_path / "adapter_model.safetensors")
    with pytest.raises(WeightsError, match=message):
        read_adapter(tmp_path)


def test_a_figure_is_found_by_its_path_or_the_names_there_are_told() -> None:
    score = {"official": {"positive_exact": {"f1": 0.5}}, "x": {"value": 0.25, "low": 0.1}}
    assert figure_of(score, "official.positive_exact.f1") == 0.5
    assert figure_of(score, "x") == 0.25
    with pytest.raises(UsageError, match="at micro: official, x"):
        figure_of(score, "micro.f1")


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_is_judged_by_extraction_and_the_score_of_the_task(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="the train extra is not installed")
    (tmp_path / "dev.pubtator").write_text("1|t|Aspirin caused asthma.\n1|a|\n1\t0\t7\tAspirin\tChemical\n\n")
    part = Development("mentions", tmp_path / "dev.pubtator", ("strict.micro.f1",), {})
    part.check()
    checkpoint = tiny_adapter(model, tmp_path / "step-1")
    assert part.figure(f"hf:{model}+{checkpoint}", tmp_path / "development") == 0.0
    assert (tmp_path / "development/predictions.jsonl").exists()


@pytest.mark.filterwarnings("ignore")
def test_a_run_asks_an_adapter_as_it_was_trained_unless_told_otherwise(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="the train extra is not installed")
    adapter = tiny_adapter(model, tmp_path / "adapter")
    (adapter / "asked.json").write_text(
        '{"settings": {"combinations": {"prompt": "brief", "context": false}}}'
    )
    (tmp_path / "trial.txt").write_text("Cisplatin plus paclitaxel improved survival.")
    found = []
    given: tuple[dict[str, object], ...] = ({}, {"context": True})
    for place, settings in enumerate(given):
        api.extract(
            tmp_path / "trial.txt",
            "combinations",
            engine=f"hf:{model}+{adapter}",
            settings=settings,
            out=tmp_path / str(place),
            options=api.ExtractOptions(cache="", threads=1),
        )
        manifest = json.loads((tmp_path / str(place) / "manifest.json").read_text())
        told = manifest["identity"]["settings"]
        found.append((told["prompt"], told["context"]))
    assert found == [("brief", False), ("brief", True)]


def test_the_commands_are_there() -> None:
    assert {
        command.callback.__name__ for command in adapters.app.registered_commands if command.callback
    } == {
        "export",
        "merge",
    }
    assert isinstance(adapters.app, typer.Typer)


def test_forms_that_contradict_each_other_are_refused(model: Path, tmp_path: Path) -> None:
    folder = tiny_adapter(model, tmp_path / "adapter")
    with pytest.raises(UsageError, match="only GGUF is written in float16"):
        api.export_adapter(folder, tmp_path / "half", model=str(model), form=AdapterForm(half=True))
    with pytest.raises(UsageError, match="roles are dropped from one adapter alone"):
        api.export_adapter(folder, tmp_path / "x", form=AdapterForm(drop_roles=True, rank=2))
    with pytest.raises(UsageError, match="only GGUF is written in float16"):
        api.export_adapter(folder, tmp_path / "x", form=AdapterForm(drop_roles=True, half=True))


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning")
@pytest.mark.parametrize("merge", ["engine", "folder"])
def test_a_head_that_is_also_the_embeddings_changes_alone(merge: str, model: Path, tmp_path: Path) -> None:
    tied = tmp_path / "tied"
    shutil.copytree(model, tied)
    config = LlamaForCausalLM.from_pretrained(model).config
    config.tie_word_embeddings = True
    torch.manual_seed(0)
    base = LlamaForCausalLM(config)
    base.save_pretrained(tied)
    write_adapter(head_adapter(base), tmp_path / "a")
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "a")).eval()
    with torch.no_grad():
        wanted = adapted(input_ids=IDS).logits
    if merge == "engine":
        found = merged(LlamaForCausalLM.from_pretrained(tied), tmp_path / "a")
    else:
        merge_adapter(str(tied), tmp_path / "a", tmp_path / "whole")
        found = LlamaForCausalLM.from_pretrained(tmp_path / "whole", dtype=torch.float32)
    with torch.no_grad():
        said = found.train(False)(input_ids=IDS).logits
    # A folder is written in bfloat16.
    assert torch.allclose(said, wanted, atol=1e-4 if merge == "engine" else 0.3)
    assert (wanted - LlamaForCausalLM.from_pretrained(tied)(input_ids=IDS).logits).abs().max() > 1


def head_adapter(base: LlamaForCausalLM) -> AdapterFile:
    torch.manual_seed(3)
    outputs, inputs = base.lm_head.weight.shape
    return AdapterFile("", 1.0, {"lm_head": (torch.randn(2, inputs), torch.randn(outputs, 2))})


def test_other_forms_keep_the_chat_template_of_an_adapter(model: Path, tmp_path: Path) -> None:
    folder = tiny_adapter(model, tmp_path / "adapter")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    api.merge_adapter(folder, tmp_path / "whole", model=str(model))
    api.export_adapter(folder, tmp_path / "copy", model=str(model))
    for name in ("whole", "copy"):
        written = (tmp_path / name / "chat_template.jinja").read_text()
        assert written == (folder / "chat_template.jinja").read_text()


def test_a_merged_model_keeps_how_its_adapter_wants_to_be_asked(model: Path, tmp_path: Path) -> None:
    folder = tiny_adapter(model, tmp_path / "adapter")
    (folder / "asked.json").write_text('{"settings": {"combinations": {"prompt": "brief"}}}')
    api.merge_adapter(folder, tmp_path / "whole", model=str(model))
    for name in ("copy", "copy.gguf"):
        api.export_adapter(folder, tmp_path / name, model=str(model))
        assert read_asked(tmp_path / name).settings == {"combinations": {"prompt": "brief"}}
    assert read_asked(tmp_path / "other.gguf") == Asked()
    assert read_asked(tmp_path / "whole").settings == {"combinations": {"prompt": "brief"}}
