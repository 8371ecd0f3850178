"""Packing, chat templates, four bits, accumulation, several processes: the same result, or a clear word."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")

import torch
from safetensors.torch import load_file

from apothecary.engines.hf import open_hf
from apothecary.errors import ApothecaryError, DataError, UsageError, WeightsError
from apothecary.messages import Decoding, Message, Reply, Request
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, Template, Tokens
from apothecary.training.chat_templates import CHAT_TEMPLATES, TemplateName
from apothecary.training.lora_settings import LoraSettings, SftSettings, read_sft_settings
from apothecary.training.policy import Policy
from apothecary.training.sft import packs, train_sft
from apothecary.training.stage_settings import check_stages_settings
from tests.engines.tiny_causal import tiny_causal
from tests.training.tiny_data import quiet, tiny_folder

STAGES = """
import sys
from pathlib import Path
import torch
from apothecary.training.stage_settings import read_stages_settings
from apothecary.training.stages import train_stages
torch.set_num_threads(1)
folder = Path(sys.argv[1])
train_stages(read_stages_settings(folder / "stages.toml"), folder, folder / sys.argv[2], lambda line: None)
"""
TOML = """
model = "model"
train = ["sft.jsonl"]
batch = 3
learning_rate = 1e-2
precision = "fp32"
micro_tokens = 1
controls = ["stage1_only"]
lora = {rank = 4, alpha = 8.0, dropout = 0.0}
[[stage]]
name = "one"
epochs = 1
[[stage]]
name = "two"
epochs = 1
"""
ROWS = [Tokens((5, 6), (7, 8)), Tokens((9, 10, 11, 12), (13,)), Tokens((5,), (20, 21, 22))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_folder(tmp_path_factory.mktemp("options"))


@pytest.fixture
def settings(folder: Path) -> SftSettings:
    return SftSettings(
        model=str(folder / "model"),
        train=("sft.jsonl",),
        epochs=2,
        batch=3,
        learning_rate=1e-2,
        precision="fp32",
        lora=LoraSettings(4, 8.0, 0.0),
    )


def policy_of(settings: SftSettings) -> Policy:
    return Policy(load_base(settings.model, "fp32"), settings, None, torch.device("cpu"))


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "adapter" / "adapter_model.safetensors")


def close(a: Path, b: Path, within: float = 1e-5) -> bool:
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], atol=within) for n in one)


def test_a_packed_row_gives_each_conversation_what_it_gets_alone(settings: SftSettings) -> None:
    padded, packed = policy_of(settings), policy_of(replace(settings, packing=True))
    for one, other in zip(padded.logprobs(ROWS), packed.logprobs(ROWS), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_packed_gradients_are_those_of_padded_rows(settings: SftSettings) -> None:
    policies = [policy_of(replace(settings, packing=packing)) for packing in (False, True)]
    for policy in policies:
        torch.autograd.backward(-torch.cat(policy.logprobs(ROWS)).sum())
    one, other = (policy.learnt for policy in policies)
    assert all(torch.allclose(one[n].grad, other[n].grad, atol=1e-5) for n in one)  # type: ignore[arg-type]
    assert any(each.grad is not None and each.grad.abs().max() > 0 for each in one.values())


def test_a_model_that_sees_its_neighbours_is_not_packed(settings: SftSettings) -> None:
    policy = policy_of(replace(settings, packing=True))
    policy.check_packing(ROWS)
    for parameter in policy.model.parameters():
        parameter.requires_grad_(False)
    inner = policy.model.get_submodule("base_model.model.model")
    inner.register_forward_pre_hook(
        lambda module, args, given: (args, {**given, "attention_mask": torch.ones_like(given["input_ids"])}),
        with_kwargs=True,
    )
    with pytest.raises(UsageError, match="packing"):
        policy.check_packing(ROWS)


def test_parts_hold_every_row_within_their_bound() -> None:
    rows = [Tokens((1,) * size, (2,)) for size in (3, 9, 40, 4, 9, 2)]
    parts = packs(rows, 20)
    assert sorted(row.length for part in parts for row in part) == sorted(row.length for row in rows)
    assert all(len(part) == 1 or sum(row.length for row in part) <= 20 for part in parts)
    assert len(parts) == 3


@pytest.mark.parametrize("packing", [False, True])
def test_how_much_is_worked_on_at_once_changes_nothing(
    packing: bool, folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    # Four conversations, three a step: the last step of an epoch holds one.
    whole = train_sft(settings, folder, tmp_path / "whole", quiet)
    parts = replace(settings, micro_tokens=1, packing=packing)
    assert whole.steps == train_sft(parts, folder, tmp_path / "parts", quiet).steps == 4
    assert close(tmp_path / "whole", tmp_path / "parts")
    bound = replace(settings, micro_tokens=40, packing=packing)
    train_sft(bound, folder, tmp_path / "bound", quiet)
    assert close(tmp_path / "whole", tmp_path / "bound")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_processes_end_with_the_weights_of_one(folder: Path) -> None:
    (folder / "stages.toml").write_text(TOML.replace('"model"', json.dumps(str(folder / "model")), 1))
    script = folder / "stages.py"
    script.write_text(STAGES)
    for count in (1, 2):
        # What accelerate launch tells its processes.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        shared = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
        shared |= {"MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "true"}
        running = []
        for rank in range(count):
            told = {name: str(value) for name, value in {**shared, "RANK": rank, "LOCAL_RANK": rank}.items()}
            command = [sys.executable, str(script), str(folder), f"by{count}"]
            running.append(subprocess.Popen(command, env={**os.environ, **told}))
        assert [each.wait(180) for each in running] == [0] * count
    for part in ("two_stage/1-one", "two_stage/2-two", "stage1_only"):
        # A weight of a size of .2 moves by .01 a step, whatever the size of its gradient: rounding grows.
        assert close(folder / "by1" / part, folder / "by2" / part, within=1e-3)
    logs = [(folder / f"by{count}" / "log.jsonl").read_text().splitlines() for count in (1, 2)]
    for lines in zip(*logs, strict=True):
        one, other = (json.loads(line) for line in lines)
        for name in {"loss", "gradient", "tokens", "steps"} & one.keys():
            assert one[name] == pytest.approx(other[name], rel=1e-3)


# --- chat templates -------------------------------------------------------------------------------

TURNS = (Message("system", "Be brief."), Message("user", "Is it?"))
WRITTEN = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nIs it?<|im_end|>\n"
    "<|im_start|>assistant\n",
    "llama3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nIs it?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "gemma": "<bos><start_of_turn>user\nBe brief.<end_of_turn>\n<start_of_turn>user\nIs it?<end_of_turn>\n"
    "<start_of_turn>model\n",
    "mistral": "<s>[INST] Be brief. [/INST][INST] Is it? [/INST]",
    "phi3": "<|system|>\nBe brief.<|end|>\n<|user|>\nIs it?<|end|>\n<|assistant|>\n",
    "zephyr": "<|system|>\nBe brief.</s>\n<|user|>\nIs it?</s>\n<|assistant|>\n",
    "eod": "<|endoftext|>Be brief.<|endoftext|>Is it?<|endoftext|>",
}
ENDS = {
    "chatml": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "gemma": "<end_of_turn>",
    "mistral": "</s>",
    "phi3": "<|end|>",
    "zephyr": "</s>",
    "eod": "<|endoftext|>",
}


@pytest.mark.parametrize("name", CHAT_TEMPLATES)
def test_a_named_template_writes_its_published_form(name: TemplateName, folder: Path) -> None:
    tokenizer = load_base(str(folder / "model"), "fp32").tokenizer
    tokenizer.add_tokens(list(CHAT_TEMPLATES[name].marks))
    template = Template(tokenizer, "model", name)
    tokens = template.encode(Conversation("1", TURNS, "yes", {}))
    assert tokenizer.decode(list(tokens.prompt)) == WRITTEN[name]
    assert tokenizer.decode(list(tokens.answer)) == f"yes{ENDS[name]}"


def test_a_tokenizer_without_the_marks_is_told(folder: Path) -> None:
    tokenizer = load_base(str(folder / "model"), "fp32").tokenizer
    with pytest.raises(DataError, match=r"no token <\|im_start\|>, which the chat template chatml needs"):
        Template(tokenizer, "model", "chatml")


def test_a_model_without_a_template_learns_in_a_named_one(settings: SftSettings, tmp_path: Path) -> None:
    tiny_causal(tmp_path / "model", template=None)
    tiny_folder_rows = [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    ]
    (tmp_path / "sft.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tiny_folder_rows))
    bare = replace(settings, model=str(tmp_path / "model"))
    with pytest.raises(DataError, match="no chat template"):
        train_sft(bare, tmp_path, tmp_path / "bare", quiet)
    train_sft(replace(bare, chat_template="phi3"), tmp_path, tmp_path / "named", quiet)
    adapter = tmp_path / "named" / "adapter"
    assert (adapter / "chat_template.jinja").read_text() == CHAT_TEMPLATES["phi3"].text
    with pytest.raises(WeightsError, match="no chat template"):
        open_hf(str(tmp_path / "model"), name="bare")
    with closing(open_hf(str(tmp_path / "model"), name="named", adapter=adapter)) as engine:
        (outcome,) = engine.answer(
            [Request((Message("user", "a"),), "step", decoding=Decoding(max_new_tokens=1))]
        )
    assert isinstance(outcome, Reply)


# --- wrong use ------------------------------------------------------------------------------------


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_four_bits_need_a_gpu(folder: Path, settings: SftSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="four_bit: there is no GPU"):
        train_sft(replace(settings, four_bit=True), folder, tmp_path / "out", quiet)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('chat_template = "alpaca"', "chat_template: Input should be"),
        ("packing = 3", "packing: Input should be"),
        ('packing = true\nlora = {roles = "full"}', "packing: goes with neither"),
        ('lora = {roles = "full", redrawn = true}', 'lora.redrawn.*roles = "random"'),
        (
            'lora = {roles = "full"}\n[dev]\ntask = "conditions"\nfile = "d"\nmetric = ["a"]',
            'llama.cpp cannot read roles.*engine = "hf"',
        ),
        ('lora = {roles = "full", scale_vectors = true}', 'lora.scale_vectors.*roles = "vectors"'),
        ('lora = {roles = "vectors", shared_embedding = true}', "lora.shared_embedding"),
        ("lora = {freeze_none = true}", "lora.freeze_none"),
        ('model = "a.gguf"\nchat_template = "chatml"', "chat_template: does not go with a GGUF"),
        ('four_bit = "nf4"', "four_bit: Input should be"),
    ],
)
def test_options_that_do_not_go_are_named(text: str, message: str, tmp_path: Path) -> None:
    more = "" if "model =" in text else 'model = "m"\n'
    path = tmp_path / "a.toml"
    path.write_text(f'{more}train = ["t"]\n{text}\n')
    with pytest.raises(ApothecaryError, match=message):
        read_sft_settings(path)


def test_stages_take_the_same_options() -> None:
    table = {
        "model": "m",
        "train": ["t"],
        "stage": [{"name": "a"}],
        "packing": True,
        "chat_template": "gemma",
    }
    tuning = check_stages_settings(table, "a.toml").tuning
    assert (tuning.packing, tuning.chat_template) == (True, "gemma")
