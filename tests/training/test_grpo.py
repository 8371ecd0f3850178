"""Group-relative policy optimisation: its arithmetic by hand, a toy whose reward rises, resuming."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")

import torch
from safetensors.torch import load_file

from apothecary.engines.llamacpp import open_llamacpp
from apothecary.engines.weights import resolve
from apothecary.errors import FormatError, UsageError
from apothecary.messages import Decoding, Message, Reply, Request
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, Tokens
from apothecary.training.grpo import train_grpo
from apothecary.training.grpo_arithmetic import advantages, clipped, divergence, sequence_loss
from apothecary.training.lora_settings import GrpoSettings, LoraSettings, RewardSettings
from apothecary.training.policy import Policy
from apothecary.training.reward_calls import load_rewards, total_rewards
from tests.engines.tiny_gguf import write_tiny_gguf
from tests.training.tiny_data import quiet, tiny_folder

ASKED = [Conversation("f:1", (Message("user", "q"),), "", {"solution": "s"})] * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_folder(tmp_path_factory.mktemp("grpo"))


@pytest.fixture
def settings(folder: Path) -> GrpoSettings:
    return GrpoSettings(
        model=str(folder / "model"),
        train=("grpo.jsonl",),
        reward=(RewardSettings("tests.training.tiny_data:letters"),),
        epochs=20,
        steps=20,
        learning_rate=1e-1,
        weight_decay=0.0,
        precision="fp32",
        max_tokens=128,
        max_new_tokens=8,
        generations=8,
        temperature=1.0,
        top_p=1.0,
        beta=0.01,
        save_every=4,
        lora=LoraSettings(8, 32.0, 0.0),
    )


def rewards_of(out: Path) -> list[float]:
    return [json.loads(line)["reward"] for line in (out / "log.jsonl").read_text().splitlines()]


def test_advantages_are_deviations_from_the_group() -> None:
    found = advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0], [3.0, 3.0, 3.0, 3.0]]))
    by_hand = 0.5 / (math.sqrt(1 / 3) + 1e-4)
    assert torch.allclose(found[0], torch.tensor([by_hand, -by_hand, -by_hand, by_hand]))
    assert found[1].tolist() == [0.0] * 4


def test_the_divergence_is_that_of_the_estimator_by_hand() -> None:
    found = divergence(torch.tensor([-1.0, -1.0, -2.0]), torch.tensor([-1.5, -1.0, -1.0]))
    assert found.tolist() == pytest.approx([math.exp(-0.5) - 0.5, 0.0, math.e - 2], abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "gain"),
    [(1.5, 1.0, 1.2), (1.5, -1.0, -1.5), (0.5, 1.0, 0.5), (0.5, -1.0, -0.8), (1.1, 2.0, 2.2)],
)
def test_gains_are_clipped_on_the_side_that_would_overshoot(
    ratio: float, advantage: float, gain: float
) -> None:
    old = torch.tensor([-2.0])
    assert clipped(old + math.log(ratio), old, advantage, 0.2).item() == pytest.approx(gain, rel=1e-5)


def test_the_loss_of_an_answer_is_the_mean_over_its_tokens() -> None:
    old = torch.tensor([-1.0, -1.0])
    new = old + torch.tensor([math.log(1.5), math.log(0.9)])
    assert sequence_loss(new, old, 1.0, 0.2).item() == pytest.approx(-(1.2 + 0.9) / 2, rel=1e-5)


def test_at_the_policy_that_drew_the_gradient_is_that_of_the_advantage() -> None:
    new = torch.tensor([-1.0, -3.0], requires_grad=True)
    sequence_loss(new, new.detach(), 0.7, 0.2).backward()  # type: ignore[no-untyped-call]
    assert new.grad is not None
    assert new.grad.tolist() == pytest.approx([-0.35, -0.35])


def test_the_reference_is_the_policy_before_it_learnt(folder: Path, settings: GrpoSettings) -> None:
    policy = Policy(load_base(settings.model, "fp32"), settings, None, torch.device("cpu"))
    row = [Tokens((5, 6), (7, 8))]
    before = policy.logprobs(row)[0].detach()
    with torch.no_grad():
        for each in policy.learnt.values():
            each.add_(0.1)
    assert not torch.allclose(policy.logprobs(row)[0], before)
    with policy.reference():
        assert torch.equal(policy.logprobs(row)[0], before)


@pytest.mark.slow
def test_the_reward_of_a_toy_rises(folder: Path, settings: GrpoSettings, tmp_path: Path) -> None:
    train_grpo(settings, folder, tmp_path / "out", quiet)
    found = rewards_of(tmp_path / "out")
    assert sum(found[-4:]) / 4 > sum(found[:4]) / 4 + 0.2


@pytest.mark.slow
def test_rounds_of_several_steps_learn_too_and_resume_to_the_same_weights(
    folder: Path, settings: GrpoSettings, tmp_path: Path
) -> None:
    given = replace(settings, steps=4, steps_per_round=2, save_every=1)
    train_grpo(given, folder, tmp_path / "whole", quiet)

    def stop(line: str) -> None:
        if line.startswith("step 4 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_grpo(given, folder, tmp_path / "cut", stop)
    told: list[str] = []
    train_grpo(given, folder, tmp_path / "cut", told.append, resume=True)
    assert "going on after step 2 of 4" in told
    a, b = (load_file(tmp_path / n / "adapter/adapter_model.safetensors") for n in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_reward_without_a_say_adds_nothing() -> None:
    rewards = load_rewards([RewardSettings("tests.training.test_grpo:partial", weights=(2.0,))])
    totals, means = total_rewards(rewards, ASKED, ["a", "b"])
    assert (totals, means) == ([1.0, 0.0], {"partial": 0.5})


def test_a_maker_of_rewards_is_called_with_its_arguments() -> None:
    made = load_rewards([RewardSettings("tests.training.test_grpo:maker", {"value": 3.0})])
    assert total_rewards(made, ASKED, ["a", "b"])[0] == [3.0, 3.0]


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (RewardSettings("no.such:f"), "cannot be imported"),
        (RewardSettings("tests.training.test_grpo:nothing"), "no such function"),
        (RewardSettings("tests.training.test_grpo:partial", weights=(1.0, 2.0)), "gives 1 rewards"),
        (RewardSettings("tests.training.test_grpo:maker", {"wrong": 1}), "does not take these arguments"),
    ],
)
def test_a_reward_that_there_is_not_is_named(reward: RewardSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_rewards([reward])


def test_a_reward_that_fails_is_named_with_its_line() -> None:
    with pytest.raises(UsageError, match="f:1: the reward broken fails: KeyError"):
        total_rewards(load_rewards([RewardSettings("tests.training.test_grpo:broken")]), ASKED, ["a", "b"])


def test_a_prompt_that_holds_the_answer_is_refused(
    folder: Path, settings: GrpoSettings, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="sft.jsonl:1"):
        train_grpo(replace(settings, train=("sft.jsonl",)), folder, tmp_path / "out", quiet)


def test_rollouts_by_llamacpp_need_a_gguf(folder: Path, settings: GrpoSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="need a model that is a GGUF"):
        train_grpo(replace(settings, rollouts="llamacpp"), folder, tmp_path / "out", quiet)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_llama_cpp_draws_for_a_gguf_and_the_adapter_comes_out_as_gguf_too(
    folder: Path, settings: GrpoSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp", reason="the extra 'cpu' is not installed")
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    model = str(write_tiny_gguf(tmp_path / "tiny.gguf"))
    given = replace(settings, model=model, rollouts="llamacpp", steps=2, steps_per_round=2, max_tokens=256)
    first = train_grpo(given, folder, tmp_path / "first", quiet)
    on_top = replace(given, start=str(first.adapter), steps=1)
    second = train_grpo(on_top, folder, tmp_path / "second", quiet)
    assert len(rewards_of(tmp_path / "first")) == 2
    assert second.gguf is not None
    engine = open_llamacpp(resolve(model), name="tiny", threads=1, context=256, adapter=second.gguf)
    assert isinstance(engine.answer([Request(ASKED[0].prompt, "t.s", decoding=Decoding(4))])[0], Reply)
    engine.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trl_trains_the_same_settings(folder: Path, settings: GrpoSettings, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="trl is not installed")
    from apothecary.training.grpo_trl import train_with_trl

    tuned = train_with_trl(replace(settings, backend="trl", steps=3), folder, tmp_path / "out", quiet)
    assert tuned.chosen == 3
    assert (tuned.adapter / "adapter_model.safetensors").is_file()


def partial(completions: list[object], **columns: object) -> list[float | None]:
    return [0.5, None]


def maker(value: float) -> object:
    return lambda completions, **columns: [value] * len(completions)


def broken(completions: list[object], **columns: object) -> list[float]:
    raise KeyError("solutions")
