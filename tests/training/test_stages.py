"""Stages on a tiny random model: what each learns from, what it goes on with, controls, resuming."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")

import torch
from safetensors.torch import load_file

from apothecary.errors import ApothecaryError, RunMismatch, UsageError, WeightsError
from apothecary.training.adapter_files import read_adapter
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, Template, read_conversations
from apothecary.training.policy import Policy
from apothecary.training.stage_settings import StagesSettings, check_stages_settings, read_stages_settings
from apothecary.training.stages import Finished, put_weights, rows_of, train_stages
from tests.engines.tiny_causal import tiny_causal
from tests.training.tiny_data import QUESTIONS, quiet

KILLED = """
import os, signal, sys
from pathlib import Path
from apothecary.training.stage_settings import read_stages_settings
from apothecary.training.stages import train_stages
stages = 0
def say(line):
    global stages
    stages += line.startswith("stage ") and line.endswith(" conversations")
    if stages == 2 and line.startswith("step 3 "):
        os.kill(os.getpid(), signal.SIGKILL)
folder = Path(sys.argv[1])
train_stages(read_stages_settings(folder / "a.toml"), folder, folder / "killed", say)
"""
COLUMNS = [("mentions", "NER", "en"), ("classification", "TC", "zh"), ("choice", "QA_choice", "en")]
TWO = [{"name": "first", "without": ["QA*"], "epochs": 2}, {"name": "second", "epochs": 2}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("stages")
    tiny_causal(folder / "model")
    rows = []
    for place, text in enumerate(QUESTIONS * 2):
        task, category, language = COLUMNS[place % 3]
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "yes" * (1 + place % 2)}]
        rows.append({"messages": turns, "task": task, "category": category, "language": language})
    (folder / "sft.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def settings_of(folder: Path, **more: object) -> StagesSettings:
    given = {
        "model": str(folder / "model"),
        "train": ["sft.jsonl"],
        "batch": 2,
        "learning_rate": 1e-2,
        "precision": "fp32",
        "micro_tokens": 64,
        "save_every": 2,
        "lora": {"rank": 4, "alpha": 8.0, "dropout": 0.1},
        "stage": TWO,
    }
    return check_stages_settings({**given, **more}, "a.toml")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


def log_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def same(a: Path, b: Path) -> bool:
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(folder: Path) -> list[Finished]:
    controls = ["one_stage_equal_steps", "stage1_only"]
    return train_stages(settings_of(folder, controls=controls), folder, folder / "whole", quiet)


def data_of(*columns: tuple[str, str, str]) -> list[Conversation]:
    names = ("task", "category", "language")
    return [
        Conversation(str(place), (), "a", dict(zip(names, each, strict=True)))
        for place, each in enumerate(columns)
    ]


def test_a_stage_learns_again_from_what_earlier_ones_learnt_from(folder: Path) -> None:
    data = data_of(*COLUMNS, ("generation", "MT-en2zh", "en-zh"))
    assert rows_of(settings_of(folder), data) == [(0, 1, 3), (0, 1, 2, 3)]
    chosen = [{"name": "a", "languages": ["en"]}, {"name": "b", "categories": ["MT*"]}]
    assert rows_of(settings_of(folder, stage=chosen), data) == [(0, 2), (0, 2, 3)]
    none = [*chosen[:1], {**chosen[1], "replay": 0.0}]
    assert rows_of(settings_of(folder, stage=none), data) == [(0, 2), (3,)]


def test_a_share_is_replayed_and_the_same_one_each_time(folder: Path) -> None:
    data = data_of(*[COLUMNS[0]] * 400, COLUMNS[1])
    stages = [
        {"name": "a", "tasks": ["mentions"]},
        {"name": "b", "tasks": ["classification"], "replay": 0.25},
    ]
    rows = rows_of(settings_of(folder, stage=stages), data)
    assert 70 < len(rows[1]) < 132
    assert rows == rows_of(settings_of(folder, stage=stages), data)


def test_what_no_conversation_has_is_told_with_what_there_is(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no conversation is for the stage a.*NER"):
        rows_of(settings_of(folder, stage=[{"name": "a", "categories": ["XYZ"]}]), data_of(*COLUMNS))


def test_stages_and_controls_leave_a_folder_each(folder: Path, whole: list[Finished]) -> None:
    names = ["stage first", "stage second", "stage1_only", "one_stage_equal_steps"]
    assert [each.name for each in whole] == names
    assert all((Path(each.folder) / "adapter" / "adapter_config.json").is_file() for each in whole)
    assert whole[1].by_task == {"choice": 2, "classification": 3, "mentions": 3}
    assert whole[0].by_task == {"classification": 3, "mentions": 3}
    assert json.loads((folder / "whole" / "stages.json").read_text())["runs"][3]["engine"] == whole[3].engine


def test_the_control_takes_as_many_steps_from_the_same_data(whole: list[Finished]) -> None:
    first, second, _, control = whole
    assert control.steps == first.steps + second.steps == 14
    assert control.by_task == second.by_task


def test_the_control_of_stage_one_is_stage_one(whole: list[Finished]) -> None:
    first, second, alone, _ = (Path(each.folder) for each in whole)
    assert same(first, alone)
    assert not same(first, second)


def test_the_second_stage_begins_with_the_weights_of_the_first(folder: Path, whole: list[Finished]) -> None:
    settings = settings_of(folder).tuning
    policy = Policy(load_base(settings.model, "fp32"), settings, None, torch.device("cpu"))
    put_weights(policy, Path(whole[0].folder) / "adapter")
    modules = read_adapter(Path(whole[0].folder) / "adapter").modules
    assert all(torch.equal(a, modules[name][0]) for name, (a, _) in policy.adapter().modules.items())
    shown = [row["loss"] for row in log_of(Path(whole[1].folder))]
    assert float(str(shown[0])) < float(str(log_of(Path(whole[0].folder))[0]["loss"]))


def test_an_adapter_of_another_rank_is_refused(folder: Path, whole: list[Finished]) -> None:
    settings = settings_of(folder, lora={"rank": 2}).tuning
    policy = Policy(load_base(settings.model, "fp32"), settings, None, torch.device("cpu"))
    with pytest.raises(WeightsError, match="of another form"):
        put_weights(policy, Path(whole[0].folder) / "adapter")


def test_the_log_has_every_step_under_its_training(folder: Path, whole: list[Finished]) -> None:
    rows = log_of(folder / "whole")
    steps = [row["run"] for row in rows if "step" in row]
    assert [steps.count(each.name) for each in (whole[0], whole[1], whole[3])] == [6, 8, 14]
    assert sum(row.get("event") == "begun" for row in rows) == 3


def test_a_rate_may_stay_where_the_warm_up_brought_it(folder: Path, tmp_path: Path) -> None:
    stage = [{"name": "a", "steps": 8}]
    settings = settings_of(folder, stage=stage, schedule="constant", warm_up=0.25, learning_rate=0.01)
    train_stages(settings, folder, tmp_path / "out", quiet)
    rates = [row["rate"] for row in log_of(tmp_path / "out") if "step" in row]
    assert rates == pytest.approx([0.005, *[0.01] * 7])


def test_equal_seeds_give_equal_weights_and_other_seeds_others(
    folder: Path, whole: list[Finished], tmp_path: Path
) -> None:
    again = train_stages(settings_of(folder), folder, tmp_path / "again", quiet)
    other = train_stages(settings_of(folder, seed=7), folder, tmp_path / "other", quiet)
    assert same(Path(whole[1].folder), Path(again[1].folder))
    assert not same(Path(whole[1].folder), Path(other[1].folder))


@pytest.mark.slow
def test_a_killed_training_repeats_no_stage_and_ends_with_the_same_weights(
    folder: Path, whole: list[Finished]
) -> None:
    lines = "".join(
        f'[[stage]]\nname = "{each["name"]}"\nepochs = 2\n'
        + ('without = ["QA*"]\n' if "without" in each else "")
        for each in TWO
    )
    (folder / "a.toml").write_text(
        f'model = "{folder}/model"\ntrain = ["sft.jsonl"]\nbatch = 2\n'
        'learning_rate = 0.01\nprecision = "fp32"\n'
        f"micro_tokens = 64\nsave_every = 2\n[lora]\nrank = 4\nalpha = 8.0\ndropout = 0.1\n{lines}"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    told: list[str] = []
    settings = read_stages_settings(folder / "a.toml")
    resumed = train_stages(settings, folder, folder / "killed", told.append, resume=True)
    assert "stage first: finished before" in told
    assert "going on after step 2 of 8" in told
    assert same(Path(whole[1].folder), Path(resumed[1].folder))


def test_other_settings_or_a_training_in_place_are_refused(folder: Path, whole: list[Finished]) -> None:
    with pytest.raises(UsageError, match="holds a training already"):
        train_stages(settings_of(folder), folder, folder / "whole", quiet)
    with pytest.raises(RunMismatch, match="other settings or data"):
        train_stages(settings_of(folder, seed=3), folder, folder / "whole", quiet, resume=True)


def test_loss_is_on_the_last_answer_alone(folder: Path) -> None:
    base = load_base(str(folder / "model"), "fp32")
    template = Template(base.tokenizer, "model")
    tokens = template.encode(read_conversations([folder / "sft.jsonl"], answered=True)[0])
    assert base.tokenizer.decode(list(tokens.answer)) == "yes<|end|>"
    assert "aspirin" in base.tokenizer.decode(list(tokens.prompt))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"stage": []}, "stage: Tuple should have at least 1"),
        ({"stage": [{"name": "a"}, {"name": "a"}]}, "two stages are called a"),
        ({"stage": [{"name": "../up"}]}, "stage.0.name"),
        ({"stage": [{"name": "a", "start": "previous"}]}, "nothing is before the first"),
        ({"stage": [{"name": "a", "replay": 2}]}, "stage.0.replay"),
        ({"controls": ["none"]}, "controls.0"),
        ({"dev": {}}, "dev: goes with train sft"),
        ({"preset": "huge"}, "there is no preset 'huge'"),
        ({"lora": {"roles": "full"}}, "roles are not learnt in stages"),
        ({"colour": "red"}, "tuning.colour"),
    ],
)
def test_wrong_settings_are_named(folder: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(ApothecaryError, match=message):
        settings_of(folder, **more)


def test_the_published_preset_has_its_published_values() -> None:
    settings = check_stages_settings({"preset": "taiyi", "train": ["a"], "lora": {"rank": 8}}, "a.toml")
    first, second = (settings.tuned(stage) for stage in settings.stage)
    assert (first.epochs, second.epochs, first.learning_rate, first.batch) == (5, 3, 2e-4, 144)
    assert (first.max_gradient, first.max_tokens, settings.schedule) == (0.3, 1024, "constant")
    assert (first.lora.rank, first.lora.alpha, first.lora.dropout) == (8, 16, 0.05)
    assert not settings.stage[0].takes({"category": "QA_choice"})
    assert settings.stage[0].takes({"category": "MT-en2zh"})
