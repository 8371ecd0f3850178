"""Step-wise GRPO by TRL: whose advantages tokens get, the loss by hand, a toy whose lines are learnt."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed")

import torch
from datasets import Dataset
from peft import LoraConfig
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from apothecary.errors import ApothecaryError, EngineError, UsageError
from apothecary.tasks.medication.reward import line_judge
from apothecary.training.advantages import spread
from apothecary.training.line_rewards import JudgedLines, LineReward, by_line, token_starts
from apothecary.training.lora_settings import RewardSettings, read_grpo_settings, read_sft_settings
from apothecary.training.reward_calls import Reward, load_rewards
from apothecary.training.stepwise_grpo import StepwiseTrainer, by_group, trainer_for
from tests.engines.tiny_causal import tiny_causal

pytestmark = pytest.mark.filterwarnings("ignore")
JUDGE = "tests.training.test_stepwise_grpo:judge"
STEPS = {"judge": JUDGE}


@dataclass(frozen=True)
class Judged:
    spans: tuple[tuple[int, int], ...]
    steps: tuple[float, ...]
    total: float
    refused: int = 0


def judge(uniform: bool = False) -> object:
    """Four characters are a line, and earn the share of e, s and y among them; `uniform`: all earn alike."""

    def say(completion: str, row: Mapping[str, object]) -> Judged:
        spans = tuple((at, min(at + 4, len(completion))) for at in range(0, len(completion), 4))
        lines = [completion[start:end] for start, end in spans]
        steps = [sum(letter in "esy" for letter in line) / len(line) for line in lines]
        return Judged(spans, tuple(0.25 for _ in steps) if uniform else tuple(steps), math.fsum(steps) / 4)

    return say


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_causal(tmp_path_factory.mktemp("stepwise") / "model")


def reward(**rule: Any) -> LineReward:
    return by_line(JUDGE, {}, **rule)


def made(model: Path, out: Path, given: Any, kind: type[GRPOTrainer] = StepwiseTrainer, **more: Any) -> Any:
    settings: dict[str, Any] = {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "num_generations": 4,
        "max_completion_length": 12,
        "max_steps": 2,
        "learning_rate": 0.05,
        "beta": 0.04,
        "temperature": 1.0,
        "loss_type": "grpo",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "remove_unused_columns": False,
        "save_strategy": "no",
        "seed": 5,
    }
    rows = [
        {"prompt": [{"role": "user", "content": text}], "id": text} for text in ("one", "two", "ten", "x")
    ]
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    # The adapter begins with random weights.
    torch.manual_seed(5)
    return kind(
        model=AutoModelForCausalLM.from_pretrained(model),
        reward_funcs=[given],
        args=GRPOConfig(output_dir=str(out), **(settings | more)),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=8, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )


class Seen(StepwiseTrainer):
    """Keeps what the loss is given."""

    inputs: list[dict[str, Tensor]]

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        self.inputs = [*vars(self).get("inputs", []), inputs]
        return super()._compute_loss(model, inputs)  # type: ignore[no-untyped-call]


# --- tokens ---------------------------------------------------------------------------------------------


def test_tokens_begin_where_what_precedes_them_ends(model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    text = "yes\n\u00e9t\u00e9 \U0001f48a\nno"
    tokens = tokenizer.encode(text)
    starts = token_starts(lambda tokens: str(tokenizer.decode(list(tokens))), tokens)
    assert starts[0] == 0
    assert starts == sorted(starts)
    # Bytes inside of a character begin where it does.
    assert starts.count(text.index("\U0001f48a")) == 4
    assert text[starts[-1] :] in ("o", "no")


def test_a_token_over_a_line_break_belongs_to_the_line_it_begins_in() -> None:
    pieces = ["as", "a\nib", "u", "\n", "\n\n", "x", ""]
    starts = token_starts(lambda tokens: "".join(tokens), pieces)  # type: ignore[arg-type]
    assert starts == [0, 2, 6, 7, 8, 10, 11]
    lines = [(0, 4), (4, 8), (10, 11)]
    given = by_group([1.0, 0.0], [[1.0, 2.0, 3.0], []], 2, by_line(JUDGE, weight=1.0).rule)[0]
    # The blank lines and the end of the sequence have the outcome alone.
    assert spread(given, lines, [(each, each) for each in starts]) == [2.0, 2.0, 3.0, 3.0, 1.0, 4.0, 1.0]


# --- the contract with TRL ------------------------------------------------------------------------------


def test_the_loss_is_given_an_advantage_for_every_token(model: Path, tmp_path: Path) -> None:
    trainer = made(model, tmp_path, reward(weight=3.0), Seen)
    trainer.train()
    assert len(trainer.inputs) == 4
    for inputs in trainer.inputs:
        assert inputs["advantages"].shape == inputs["completion_ids"].shape == inputs["completion_mask"].shape
        assert not inputs["advantages"][inputs["completion_mask"] == 0].any()
    assert any(len(row.unique()) > 2 for inputs in trainer.inputs for row in inputs["advantages"])


def test_the_loss_is_the_one_by_hand(model: Path, tmp_path: Path) -> None:
    trainer = made(model, tmp_path, reward())
    trainer.train()
    prompts, answers = torch.tensor([[5, 6], [7, 8]]), torch.tensor([[9, 10, 11], [12, 13, 0]])
    inputs = {
        "prompt_ids": prompts,
        "prompt_mask": torch.ones_like(prompts),
        "completion_ids": answers,
        "completion_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
        "advantages": torch.tensor([[1.5, -0.5, 1.0], [-1.0, 2.0, 0.0]]),
        "num_items_in_batch": torch.tensor(5),
    }
    whole = torch.cat([prompts, answers], 1)
    with torch.no_grad():
        scores = trainer.model(input_ids=whole).logits[:, 1:-1].log_softmax(-1)
        new = scores.gather(2, answers[:, :, None]).squeeze(2)
    inputs["old_per_token_logps"] = new - torch.tensor([[0.5, 0.1, -0.5], [0.5, -0.5, 0.0]])
    inputs["ref_per_token_logps"] = new + 0.3
    ratios = [[math.exp(0.5), math.exp(0.1), math.exp(-0.5)], [math.exp(0.5), math.exp(-0.5)]]
    gains = [[1.2 * 1.5, ratios[0][1] * -0.5, ratios[0][2]], [ratios[1][0] * -1.0, ratios[1][1] * 2.0]]
    # TRL weighs the divergence by the ratio, too.
    divergence = 0.04 * (math.exp(0.3) - 0.3 - 1)
    rows = [
        sum(divergence * ratio - gain for ratio, gain in zip(*row, strict=True)) / len(row[0])
        for row in zip(ratios, gains, strict=True)
    ]
    trainer.model.train(False)
    found = trainer._compute_loss(trainer.model, inputs)
    assert found.item() == pytest.approx(sum(rows) / 2, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        {"estimator": "flame", "weight": 0.0},
        {"estimator": "outcome", "weight": 0.5},
        {"estimator": "per_step", "weight": 0.5, "uniform": True},
    ],
)
def test_without_a_say_of_the_lines_all_is_as_trl_learns(
    model: Path, tmp_path: Path, rule: dict[str, Any]
) -> None:
    uniform = rule.pop("uniform", False)
    ours = by_line(JUDGE, {"uniform": uniform}, **rule, deviation="sample", epsilon=1e-4)
    theirs = reward()
    theirs.heard = True
    found = []
    for given, kind in ((ours, StepwiseTrainer), (theirs, GRPOTrainer)):
        trainer = made(model, tmp_path, given, kind)
        trainer.train()
        found.append([each["loss"] for each in trainer.state.log_history if "loss" in each])
        found.append([p.detach() for p in trainer.model.parameters() if p.requires_grad])
    assert found[0] == pytest.approx(found[2], abs=2e-6)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found[1], found[3], strict=True))


class Renamed(GRPOTrainer):
    """As TRL would be if it changed what it hands on."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        output["gains"] = output.pop("advantages")
        return output


class Widened(GRPOTrainer):
    """As TRL would be if its advantages were of another shape."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        return output | {"advantages": output["advantages"][:, None]}


@pytest.mark.slow
@pytest.mark.parametrize("changed", [Renamed, Widened])
def test_another_contract_of_trl_is_told_and_not_learnt_from(
    model: Path, tmp_path: Path, changed: type[GRPOTrainer]
) -> None:
    kind = type("Changed", (StepwiseTrainer, changed), {})
    with pytest.raises(EngineError, match="advantages in another form"):
        made(model, tmp_path, reward(), kind).train()


# --- learning -------------------------------------------------------------------------------------------


class Stop(TrainerCallback):
    """A kill after so many steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:
        if state.global_step == self.after:
            raise KeyboardInterrupt


def weights(trainer: Any) -> list[Tensor]:
    return [each.detach().clone() for each in trainer.model.parameters() if each.requires_grad]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["flame", "per_step", "return_to_go"])
def test_the_reward_of_a_toy_rises(model: Path, tmp_path: Path, estimator: str) -> None:
    trainer = made(model, tmp_path, reward(estimator=estimator), max_steps=20, beta=0.0)
    trainer.train()
    found = [each["reward"] for each in trainer.state.log_history if "reward" in each]
    assert sum(found[-4:]) / 4 > sum(found[:4]) / 4 + 0.2
    assert all("refused" in each for each in trainer.state.log_history if "reward" in each)


@pytest.mark.slow
def test_equal_seeds_learn_the_same_and_a_kill_changes_nothing(model: Path, tmp_path: Path) -> None:
    def run(name: str, start: str | None = None, stop: int = 9) -> list[Tensor]:
        saved: dict[str, Any] = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1}
        trainer = made(model, tmp_path / name, reward(), **saved)
        trainer.add_callback(Stop(stop))
        trainer.train(resume_from_checkpoint=start)
        return weights(trainer)

    with pytest.raises(KeyboardInterrupt):
        run("cut", stop=2)
    whole, other, again = run("whole"), run("other"), run("cut", str(tmp_path / "cut" / "checkpoint-1"))
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(whole, other, again, strict=True))


# --- settings -------------------------------------------------------------------------------------------


def loaded(*settings: RewardSettings) -> Sequence[Reward]:
    return load_rewards(settings)


BY_LINE = RewardSettings("apothecary.training.line_rewards:by_line", STEPS)
OTHER = RewardSettings("tests.training.tiny_data:letters")


def test_a_reward_by_lines_asks_for_its_trainer() -> None:
    assert trainer_for(loaded(BY_LINE)) is StepwiseTrainer
    assert trainer_for(loaded(OTHER)) is GRPOTrainer
    with pytest.raises(UsageError, match="2 rewards by line"):
        trainer_for(loaded(BY_LINE, BY_LINE))
    to_go = RewardSettings(BY_LINE.function, {**STEPS, "estimator": "return_to_go"})
    with pytest.raises(UsageError, match="would lose the rewards"):
        trainer_for(loaded(to_go, OTHER))


def test_without_its_trainer_a_reward_by_lines_refuses() -> None:
    with pytest.raises(UsageError, match='backend = "trl"'):
        reward()(completions=["yes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"judge": "no.such:judge"}, "cannot be imported"),
        ({"judge": JUDGE, "estimator": "best"}, "estimator: Input should be"),
        ({"judge": JUDGE, "arguments": {"wrong": 1}}, "does not take these arguments"),
        ({}, "does not take these arguments"),
    ],
)
def test_what_is_wrong_with_the_settings_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        loaded(RewardSettings(BY_LINE.function, arguments))


def test_the_examples_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "examples" / "medication"
    rewards = read_grpo_settings(folder / "grpo.toml").reward
    assert [each.function for each in rewards] == [BY_LINE.function]
    assert read_sft_settings(folder / "sft.toml").train


def test_a_judge_that_fails_shows_nothing_of_the_row() -> None:
    def broken(completion: str, row: Mapping[str, object]) -> JudgedLines:
        raise KeyError("a secret of the patient")

    failing = LineReward(broken, reward().rule)
    failing.heard = True
    with pytest.raises(UsageError, match="row visit-7: the judge of lines fails: KeyError$") as caught:
        failing(completions=["a secret"], id=["visit-7"])
    assert "secret" not in str(caught.value)


def test_an_empty_completion_has_the_outcome_alone(model: Path, tmp_path: Path) -> None:
    given = by_group([0.0, 1.0, 1.0, 0.0], [[], [0.5], [1.0], []], 4, by_line(JUDGE).rule)
    assert given[0].lines == ()
    assert given[0].outcome == -1.0


# --- medication -----------------------------------------------------------------------------------------


ROW = {"id": "v1", "start": ["aspirin"], "gold": ["aspirin", "ibuprofen"], "mode": "add"}


@pytest.fixture
def drugs(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "model.json").write_text(json.dumps({"vocabulary": ["aspirin", "ibuprofen", "warfarin"]}))
    (tmp_path / "ddi.csv").write_text("drug_a,drug_b\naspirin,warfarin\n")
    return {"vocabulary": str(tmp_path / "model.json"), "interactions": [str(tmp_path / "ddi.csv")]}


def test_lines_of_drugs_earn_what_they_add_to_the_list(drugs: dict[str, object]) -> None:
    arguments = {
        "judge": "apothecary.tasks.medication.reward:line_judge",
        "arguments": drugs | {"alpha": 0.3},
    }
    given = loaded(RewardSettings(BY_LINE.function, arguments))[0].function
    assert isinstance(given, LineReward)
    given.heard = True
    columns = {name: [value] for name, value in ROW.items()}
    totals = given(completions=["Ibuprofen\nwarfarin\n"], **columns)
    found = given.found[0]
    assert found.spans == ((0, 10), (10, 19))
    assert found.steps == pytest.approx((0.5, 2 / 3 - 1 - 0.3 / 3))
    assert totals == pytest.approx([sum(found.steps)])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mode": "swap"}, "row v1: the row is of another form"),
        ({"gold": "aspirin"}, "gold: a list of names"),
    ],
)
def test_a_row_of_another_form_is_named_by_its_id(
    drugs: dict[str, object], changed: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        line_judge(str(drugs["vocabulary"]))("aspirin", ROW | changed)
    assert "aspirin" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vocabulary": "no.json"}, "cannot be read"),
        ({"interactions": [], "alpha": 0.5}, "there are none"),
        ({"measure": "severity"}, "measures: rate, count, per_drug"),
        ({"alpha": -1.0}, "0 or more"),
    ],
)
def test_wrong_settings_of_the_judge_are_told(
    drugs: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApothecaryError, match=message):
        line_judge(**(drugs | changed))
