"""An adapter as GGUF: llama.cpp with it gives the next token the probabilities that torch gives."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("gguf", reason="the train extra is not installed")

import gguf
import torch
from transformers import AutoModelForCausalLM, GgufConfig, LlamaConfig

from apothecary.errors import UsageError, WeightsError
from apothecary.training.adapter_files import AdapterFile, read_adapter, write_adapter
from apothecary.training.base_model import torch_source
from apothecary.training.gguf_lora import write_gguf_lora
from tests.engines.tiny_gguf import HEADS, LAYERS, WIDTH, write_tiny_gguf

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")


def random_adapter(base: str, scale: float = 0.5) -> AdapterFile:
    torch.manual_seed(1)
    names = [f"model.layers.{layer}.self_attn.{name}" for layer in range(LAYERS) for name in MODULES]
    return AdapterFile(base, scale, {name: (torch.randn(4, WIDTH), torch.randn(WIDTH, 4)) for name in names})


def config_folder(folder: Path, **changes: object) -> str:
    folder.mkdir()
    LlamaConfig(
        hidden_size=WIDTH, num_attention_heads=HEADS, num_key_value_heads=HEADS, num_hidden_layers=LAYERS
    ).save_pretrained(folder)
    if changes:
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_names_scale_and_values_are_those_of_llama_cpp(tmp_path: Path) -> None:
    adapter = random_adapter(config_folder(tmp_path / "model"))
    write_gguf_lora(adapter, adapter.base, tmp_path / "a.gguf")
    found = gguf.GGUFReader(tmp_path / "a.gguf")
    assert found.fields["adapter.lora.alpha"].contents() == 2.0
    assert found.fields["general.type"].contents() == "adapter"
    tensors = {each.name: torch.tensor(each.data) for each in found.tensors}
    a, b = adapter.modules["model.layers.1.self_attn.v_proj"]
    assert torch.equal(tensors["blk.1.attn_v.weight.lora_a"], a)
    assert torch.equal(tensors["blk.1.attn_v.weight.lora_b"], b)


def test_half_precision_halves_the_file_and_keeps_the_values(tmp_path: Path) -> None:
    adapter = random_adapter(config_folder(tmp_path / "model"))
    write_gguf_lora(adapter, adapter.base, tmp_path / "a.gguf", half=True)
    tensors = {each.name: torch.tensor(each.data) for each in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    found = tensors["blk.1.attn_v.weight.lora_a"]
    assert found.dtype == torch.float16
    assert torch.allclose(found.float(), adapter.modules["model.layers.1.self_attn.v_proj"][0], rtol=1e-3)


def test_rows_of_queries_and_keys_are_interleaved_and_no_others(tmp_path: Path) -> None:
    adapter = random_adapter(config_folder(tmp_path / "model"))
    write_gguf_lora(adapter, adapter.base, tmp_path / "a.gguf")
    tensors = {each.name: torch.tensor(each.data) for each in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    width = WIDTH // HEADS
    for name, short in (("q_proj", "q"), ("k_proj", "k")):
        given = adapter.modules[f"model.layers.0.self_attn.{name}"][1]
        written = tensors[f"blk.0.attn_{short}.weight.lora_b"]
        # Row 2i of a head comes from its first half, row 2i + 1 from its second.
        assert torch.equal(written[width + 2], given[width + 1])
        assert torch.equal(written[width + 3], given[width + width // 2 + 1])


def test_other_kinds_of_model_and_modules_are_refused(tmp_path: Path) -> None:
    other = config_folder(tmp_path / "other", model_type="gpt2")
    with pytest.raises(UsageError, match="adapters of a gpt2 cannot be written"):
        write_gguf_lora(random_adapter(other), other, tmp_path / "a.gguf")
    model = config_folder(tmp_path / "model")
    strange = AdapterFile(model, 1.0, {"model.tower.0.q_proj": (torch.zeros(1, 2), torch.zeros(2, 1))})
    with pytest.raises(WeightsError, match="has no module model.tower.0.q_proj"):
        write_gguf_lora(strange, model, tmp_path / "a.gguf")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_llama_cpp_and_torch_agree_on_a_model_with_an_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xllamacpp = pytest.importorskip("xllamacpp", reason="the extra 'cpu' is not installed")
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    model = str(write_tiny_gguf(tmp_path / "tiny.gguf"))
    adapter = random_adapter(model, 0.02)
    write_adapter(adapter, tmp_path / "adapter")
    assert torch_source(model) == torch_source(model)
    write_gguf_lora(read_adapter(tmp_path / "adapter"), model, tmp_path / "adapter.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.verbosity = -1
    params.n_ctx = 128
    params.cpuparams.n_threads = 1
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(tmp_path / "adapter.gguf"), 1.0)]
    server = xllamacpp.Server(params)
    tokens = [1, 270, 280, 290, 300]
    asked = {"prompt": tokens, "max_tokens": 1, "temperature": 0, "logprobs": 50}
    answer = server.handle_completions(asked)
    top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    told = {each["id"]: each["logprob"] for each in top}
    # The folder that training reads is rounded to bfloat16; the file is not.
    exact = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="tiny.gguf", dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    bare, adapted = _scores(exact, tokens, None), _scores(exact, tokens, adapter)
    assert max(abs(told[each] - float(adapted[each])) for each in told) < 0.05
    # Without the adapter they differ: it does something.
    assert max(abs(told[each] - float(bare[each])) for each in told) > 0.2


def _scores(model: torch.nn.Module, tokens: list[int], adapter: AdapterFile | None) -> torch.Tensor:
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name, (a, b) in adapter.modules.items() if adapter else ():
            weight = modules[name].weight
            assert isinstance(weight, torch.Tensor)
            weight += adapter.scale * b @ a if adapter else 0
        found: torch.Tensor = model(input_ids=torch.tensor([tokens])).logits[0, -1].log_softmax(-1)
    return found
