"""Supervised fine-tuning on a tiny random model: what is learnt from, resuming, choosing, wrong use."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")

import torch
from safetensors.torch import load_file

from apothecary.cli.train_sft import train_sft as command
from apothecary.engines.tuned import read_asked
from apothecary.errors import ApothecaryError, DataError, FormatError, RunMismatch, UsageError
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Template, Tokens, read_conversations
from apothecary.training.lora_settings import (
    DevSettings,
    LoraSettings,
    SftSettings,
    TuneSettings,
    read_grpo_settings,
    read_sft_settings,
)
from apothecary.training.policy import Policy, rate
from apothecary.training.sft import micro_batches, order, train_sft
from tests.training.tiny_data import quiet, tiny_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from apothecary.training.lora_settings import read_sft_settings
from apothecary.training.sft import train_sft
def say(line):
    if line.startswith("step 5 "):
        os.kill(os.getpid(), signal.SIGKILL)
folder = Path(sys.argv[1])
train_sft(read_sft_settings(folder / "a.toml"), folder, folder / "killed", say)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_folder(tmp_path_factory.mktemp("sft"))


@pytest.fixture
def settings(folder: Path) -> SftSettings:
    return SftSettings(
        model=str(folder / "model"),
        train=("sft.jsonl",),
        epochs=4,
        batch=2,
        learning_rate=1e-2,
        precision="fp32",
        save_every=3,
        micro_tokens=64,
        lora=LoraSettings(4, 8.0, 0.1),
    )


def rows_of(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_the_loss_falls_and_the_log_has_a_row_for_each_step(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    tuned = train_sft(settings, folder, tmp_path / "out", quiet)
    rows = rows_of(tmp_path / "out")
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert (tuned.chosen, tuned.steps, tuned.gguf) == (8, 8, None)


def test_equal_seeds_give_equal_weights_and_other_seeds_others(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    short = replace(settings, steps=2)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_sft(replace(short, seed=seed), folder, tmp_path / name, quiet)
    a, b, c = (load_file(tmp_path / n / "adapter/adapter_model.safetensors") for n in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_very_same_weights(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    given = folder / "a.toml"
    given.write_text(
        f'model = "{folder}/model"\ntrain = ["sft.jsonl"]\nepochs = 4\nbatch = 2\nlearning_rate = 0.01\n'
        'precision = "fp32"\nsave_every = 3\nmicro_tokens = 64\n[lora]\nrank = 4\nalpha = 8\ndropout = 0.1\n'
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    told: list[str] = []
    train_sft(read_sft_settings(given), folder, folder / "killed", told.append, resume=True)
    assert "going on after step 3 of 8" in told
    train_sft(settings, folder, tmp_path / "whole", quiet)
    whole, resumed = (
        load_file(out / "adapter/adapter_model.safetensors")
        for out in (tmp_path / "whole", folder / "killed")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert [row["loss"] for row in rows_of(tmp_path / "whole")] == [
        row["loss"] for row in rows_of(folder / "killed")
    ]


def test_the_best_checkpoint_by_the_development_figure_is_kept(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    figures = iter([0.1, 0.7, 0.7, 0.2])
    dev = DevSettings("any", "any", ("any",), every="epoch", keep=2)
    judged = replace(settings, dev=dev)
    tuned = train_sft(judged, folder, tmp_path / "out", quiet, judge=lambda folder: next(figures))
    assert tuned.chosen == 4
    assert {path.name for path in (tmp_path / "out/checkpoints").iterdir()} == {"step-4", "step-6"}
    chosen = tmp_path / "out/checkpoints/step-4/adapter_model.safetensors"
    assert chosen.read_bytes() == (tmp_path / "out/adapter/adapter_model.safetensors").read_bytes()


@pytest.mark.parametrize("own", [True, False], ids=["named", "as in dev"])
def test_how_an_adapter_was_trained_to_be_asked_stands_beside_it(
    folder: Path, settings: SftSettings, tmp_path: Path, own: bool
) -> None:
    brief = {"prompt": "brief"}
    dev = DevSettings("combinations", "any", ("any",), settings={"prompt": "full"} if own else brief)
    asked = {"combinations": brief} if own else {}
    short = replace(settings, steps=1, dev=dev, asked=asked)
    train_sft(short, folder, tmp_path / "out", quiet, judge=lambda folder: 0.5)
    for place in ("adapter.gguf", "adapter"):
        assert read_asked(tmp_path / "out" / place).settings == {"combinations": brief}


def test_resuming_with_other_settings_or_over_a_training_is_refused(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    short = replace(settings, steps=1)
    train_sft(short, folder, tmp_path / "out", quiet)
    with pytest.raises(UsageError, match="holds a training already"):
        train_sft(short, folder, tmp_path / "out", quiet)
    with pytest.raises(RunMismatch, match="other settings or data"):
        train_sft(replace(short, seed=3), folder, tmp_path / "out", quiet, resume=True)


def test_answers_alone_are_scored_whatever_stands_beside_them(folder: Path, settings: SftSettings) -> None:
    policy = Policy(load_base(settings.model, "fp32"), settings, None, torch.device("cpu"))
    policy.model.eval()
    short, long = Tokens((5, 6), (7, 8)), Tokens((9, 10, 11, 12), (13,))
    together = policy.logprobs([short, long])
    for row, found in zip((short, long), together, strict=True):
        logits = policy.model(input_ids=torch.tensor([row.prompt + row.answer])).logits[0].log_softmax(-1)
        wanted = [logits[len(row.prompt) + i - 1, token] for i, token in enumerate(row.answer)]
        assert torch.allclose(found, torch.stack(wanted), atol=1e-5)


def test_a_conversation_ends_with_the_token_that_the_template_ends_turns_with(folder: Path) -> None:
    base = load_base(str(folder / "model"), "fp32")
    template = Template(base.tokenizer, "model")
    tokens = template.encode(read_conversations([folder / "sft.jsonl"], answered=True)[0])
    assert base.tokenizer.decode(list(tokens.prompt)) == "<|user|>Is it aspirin?<|end|><|assistant|>"
    assert base.tokenizer.decode(list(tokens.answer)) == "yes<|end|>"
    assert template.text(tokens.answer) == "yes"


def test_every_row_is_in_one_part_and_parts_hold_their_bound() -> None:
    rows = [Tokens((1,) * size, (2,)) for size in (3, 9, 40, 4, 9)]
    parts = micro_batches(rows, 20)
    assert sorted(row.length for part in parts for row in part) == [4, 5, 10, 10, 41]
    assert all(len(part) == 1 or len(part) * part[0].length <= 20 for part in parts)
    assert sorted(order(9, 1, 0)) == list(range(9))
    assert order(9, 1, 0) == order(9, 1, 0) != order(9, 1, 1)


def test_the_rate_rises_and_falls() -> None:
    settings = TuneSettings(model="m", train=("t",), learning_rate=1.0, warm_up=0.2)
    assert [round(rate(step, 10, settings), 4) for step in (0, 1, 2, 6, 9)] == [0.5, 1.0, 1.0, 0.5, 0.0381]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "a.jsonl:2: not JSON"),
        ("{}", "a.jsonl:2: has no messages"),
        ('{"messages": [{"role": "user", "content": "q"}]}', "a.jsonl:2: the last"),
        ('{"messages": [{"role": "boss", "content": "q"}]}', "a.jsonl:2: holds a message"),
        (
            '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}]}',
            "a.jsonl:2: the answer is empty",
        ),
    ],
)
def test_a_bad_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    good = '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'
    (tmp_path / "a.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(FormatError, match=message):
        read_conversations([tmp_path / "a.jsonl"], answered=True)


def test_an_empty_file_and_conversations_that_are_too_long_are_told(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(DataError, match="holds no conversation"):
        read_conversations([tmp_path / "a.jsonl"], answered=True)
    with pytest.raises(DataError, match="no conversation fits 3 tokens"):
        train_sft(replace(settings, max_tokens=3), folder, tmp_path / "out", quiet)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('train = ["a"]', "model: Field required"),
        ('model = "m"\ntrain = ["a"]\nrat = 1', "rat: Unexpected keyword"),
        ('model = "m"\ntrain = []', "train: Tuple should have at least 1"),
        ('preset = "huge"', "there is no preset 'huge'"),
        ('model = "m"\ntrain = ["a"]\n[lora]\nrank = 0', "lora.rank: Input should be"),
        ("model = ", "is not TOML"),
    ],
)
def test_a_wrong_key_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ApothecaryError, match=message):
        read_sft_settings(tmp_path / "a.toml")


def test_a_preset_gives_what_the_file_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('preset = "rexdrug"\ntrain = ["a"]\nepochs = 2\n[lora]\nrank = 8\n')
    sft = read_sft_settings(tmp_path / "a.toml")
    assert (sft.epochs, sft.batch, sft.learning_rate, sft.lora) == (2, 16, 1e-5, LoraSettings(8, 32.0, 0.05))
    (tmp_path / "b.toml").write_text(
        'preset = "rexdrug"\nmodel = "m"\ntrain = ["a"]\n[[reward]]\nfunction = "m:f"\n'
    )
    grpo = read_grpo_settings(tmp_path / "b.toml")
    assert (grpo.beta, grpo.generations, grpo.top_p, grpo.learning_rate) == (0.04, 8, 0.9, 1e-6)


def test_a_model_that_is_not_there_is_one_clear_error(
    folder: Path, settings: SftSettings, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ApothecaryError, match="does not load"):
        train_sft(replace(settings, model=str(tmp_path / "empty")), folder, tmp_path / "out", quiet)


def test_the_command_says_which_adapter_it_kept_and_how_to_use_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "tiny.toml"
    given.write_text(f'model = "{folder}/model"\ntrain = ["sft.jsonl"]\nsteps = 1\nprecision = "fp32"\n')
    command(given, data=folder, out=tmp_path / "out", threads=1)
    said = capsys.readouterr().out
    assert "kept step 1 of 1, the last: no [dev] says which is best" in said
    assert f"--engine hf:{folder}/model+{tmp_path}/out/adapter" in said


@pytest.mark.parametrize(
    ("task", "engine", "file", "message"),
    [
        ("nonsense", "hf", "no", "nonsense"),
        ("mentions", "hf", "no", "no such development file"),
        ("mentions", "hf", "judged.jsonl", "the score has no f1 .perhaps .*strict.micro.f1"),
        ("mentions", "llamacpp", "no", "needs a model that is a GGUF"),
    ],
)
def test_a_wrong_development_part_is_told_before_anything_is_trained(
    task: str, engine: str, file: str, message: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "judged.jsonl").write_text('{"id": "1", "text": "Aspirin."}\n')
    dev = f'[dev]\ntask = "{task}"\nfile = "{file}"\nmetric = ["f1"]\nengine = "{engine}"\n'
    (tmp_path / "a.toml").write_text(f'model = "{folder}/model"\ntrain = ["sft.jsonl"]\n{dev}')
    with pytest.raises(UsageError, match=message):
        command(tmp_path / "a.toml", data=folder, out=tmp_path / "out", threads=1)
    assert not (tmp_path / "out").exists()
