"""Training by the public functions, as from a notebook: the same as the commands do."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("peft", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")

import torch

from apothecary import api
from apothecary.errors import UsageError
from tests.engines.tiny_causal import tiny_adapter
from tests.engines.tiny_gguf import write_tiny_gguf
from tests.training.tiny_data import tiny_folder

pytestmark = pytest.mark.filterwarnings("ignore")
SHORT = 'steps = 1\nprecision = "fp32"\nmax_tokens = 128\n'
REWARD = 'max_new_tokens = 4\n[[reward]]\nfunction = "tests.training.tiny_data:letters"\n'
DEV = '[dev]\ntask = "mentions"\nfile = "dev.pubtator"\nmetric = ["strict.micro.f1"]\nengine = "hf"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = tiny_folder(tmp_path_factory.mktemp("public"))
    (made / "dev.pubtator").write_text("1|t|Aspirin caused asthma.\n1|a|\n1\t0\t7\tAspirin\tChemical\n\n")
    return made


def config(folder: Path, name: str, more: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f'model = "{folder}/model"\ntrain = ["{name}.jsonl"]\n{SHORT}{more}')
    return path


def test_sft_learns_judges_and_names_the_engine(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="the train extra is not installed")
    told: list[str] = []
    options = api.TuneOptions(out=tmp_path / "out", threads=1)
    trained = api.train_sft(config(folder, "sft", DEV), options, told.append)
    assert trained.engine == f"hf:{folder}/model+{tmp_path}/out/adapter"
    assert [each.step for each in trained.tuned.judged] == [1]
    assert (tmp_path / "out/development/step-1/predictions.jsonl").exists()
    assert told[0].startswith("4 conversations")


def test_grpo_learns_from_rewards(folder: Path, tmp_path: Path) -> None:
    trained = api.train_grpo(
        config(folder, "grpo", REWARD), api.TuneOptions(folder, str(tmp_path / "out"), threads=1)
    )
    assert (trained.tuned.chosen, list(trained.tuned.judged)) == (1, [])
    assert trained.tuned.adapter.is_dir()


def test_an_adapter_is_merged_and_its_engine_answers(folder: Path, tmp_path: Path) -> None:
    adapter = tiny_adapter(folder / "model", tmp_path / "adapter")
    engine = api.merge_adapter(adapter, tmp_path / "whole", model=str(folder / "model"))
    assert engine == f"hf:{tmp_path}/whole"
    assert (tmp_path / "whole/model.safetensors").exists()


def test_an_adapter_is_exported_as_gguf_or_as_a_sum(folder: Path, tmp_path: Path) -> None:
    adapter, model = tiny_adapter(folder / "model", tmp_path / "adapter"), str(folder / "model")
    api.export_adapter(adapter, tmp_path / "new" / "a.gguf", model=model)
    assert (tmp_path / "new/a.gguf").read_bytes()[:4] == b"GGUF"
    engine = api.export_adapter(adapter, tmp_path / "sum", model=model, form=api.AdapterForm((adapter,)))
    assert engine == f"hf:{model}+{tmp_path}/sum"
    with pytest.raises(UsageError, match="is there already"):
        api.export_adapter(adapter, tmp_path / "sum", model=model)


def test_a_checkpoint_of_a_gguf_is_judged_by_llama_cpp(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp", reason="the extra 'cpu' is not installed")
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    model = write_tiny_gguf(tmp_path / "tiny.gguf")
    given = config(folder, "sft", DEV.replace('"hf"', '"llamacpp"'))
    given.write_text(given.read_text().replace(f"{folder}/model", str(model)))
    trained = api.train_sft(given, api.TuneOptions(out=tmp_path / "out", threads=1))
    assert trained.engine == f"llamacpp:{model}+{tmp_path}/out/adapter.gguf"
    (judged,) = (tmp_path / "out/development/step-1").glob("manifest.json")
    assert "llamacpp:" in judged.read_text()
