"""The same training by the trainer of TRL: for GPUs, with vLLM drawing the answers where it is installed.

Its own state lies in ``out/trl``; log, judged checkpoints and the end are those of the loop of this package.
Departures from the loop: dropout of the adapter stays on, as in the published run, and a killed training goes
on from the last checkpoint that was judged or kept, with the random numbers that the trainer kept there.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

import torch
from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.grpo_config import GRPOConfig

from apothecary.errors import DataError, UsageError
from apothecary.training.adapter_files import AdapterFile, read_adapter, write_adapter
from apothecary.training.base_model import Base, load_base, quiet
from apothecary.training.chat_data import Conversation, Template, read_conversations
from apothecary.training.checkpoints import Checkpoints, Judge
from apothecary.training.lora_settings import GrpoSettings
from apothecary.training.policy import plain_config
from apothecary.training.reward_calls import load_rewards
from apothecary.training.stepwise_grpo import trainer_for
from apothecary.training.tuning import Tuned, begun, check_rewarded, check_tracking, finish

__all__ = ["train_with_trl"]


def train_with_trl(
    settings: GrpoSettings,
    folder: Path,
    out: Path,
    say: Callable[[str], None],
    *,
    judge: Judge | None = None,
    resume: bool = False,
) -> Tuned:
    """As `train_grpo`, by TRL. Raises ApothecaryError; faults of the trainer itself come as they are."""
    check_tracking(settings)
    check_rewarded(settings)
    if settings.start:
        hint = "apothecary adapters merge, and give the merged folder as model"
        raise UsageError("the backend trl cannot start from an adapter", hint=hint)
    rewards = load_rewards(settings.reward)
    files = [folder / name for name in settings.train]
    conversations = read_conversations(files, answered=False)
    first = os.environ.get("RANK", "0") == "0"
    checkpoints = begun(settings, files, out, writes=first, resume=resume)
    restored = checkpoints.restore()
    base = load_base(settings.model, settings.precision)
    template = Template(base.tokenizer, base.name, settings.chat_template)
    longest = settings.max_tokens - settings.max_new_tokens
    rows = [each for each in conversations if len(template.prompt(each.prompt)) <= longest]
    if not rows:
        raise DataError(f"no prompt leaves room in {settings.max_tokens} tokens", hint="raise max_tokens")
    say(f"{len(rows)} prompts; {len(conversations) - len(rows)} too long")
    base.tokenizer.padding_side = "left"
    # The trainer makes the adapter before it sets its own seed.
    torch.manual_seed(settings.seed)
    with quiet():
        trainer = trainer_for(rewards)(
            model=base.model,
            reward_funcs=[cast("Callable[..., list[float | None]]", each.function) for each in rewards],
            args=_arguments(settings, out, [each.weight for each in rewards]),
            train_dataset=_data(rows),
            processing_class=base.tokenizer,
            peft_config=plain_config(settings.lora),
            callbacks=[_Keeper(checkpoints, base, say, judge)],
        )
    kept = out / "trl" / f"checkpoint-{restored[0]}" if restored else None
    trainer.train(resume_from_checkpoint=str(kept) if kept else None)
    done = int(trainer.state.global_step)
    last_folder = out / "trl" / f"checkpoint-{done}"
    return finish(
        settings,
        partial(_write_own, last_folder, base),
        checkpoints,
        (done, len(rows), len(conversations) - len(rows)),
    )


def _write_own(source: Path, base: Base, folder: Path) -> None:
    """Write the adapter that the trainer wrote, under the name of its model as the user knows it."""
    found = read_adapter(source)
    write_adapter(AdapterFile(base.name, found.scale, found.modules), folder)


def _arguments(settings: GrpoSettings, out: Path, weights: list[float]) -> GRPOConfig:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    answers = settings.prompts_per_step * settings.generations
    if answers % processes:
        raise UsageError(f"{answers} answers a step cannot be shared by {processes} processes")
    of_process = answers // processes
    at_once = max(size for size in (1, 2, 3, 4) if of_process % size == 0)
    every = settings.dev.every if settings.dev else "epoch"
    quick = settings.precision == "bf16" or (settings.precision == "auto" and torch.cuda.is_available())
    return GRPOConfig(
        output_dir=str(out / "trl"),
        seed=settings.seed,
        num_train_epochs=settings.epochs,
        max_steps=settings.steps or -1,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=of_process // at_once,
        steps_per_generation=settings.steps_per_round * of_process // at_once,
        num_generations=settings.generations,
        max_completion_length=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        beta=settings.beta,
        epsilon=settings.clip,
        loss_type="grpo",
        scale_rewards="group",
        reward_weights=weights,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warm_up,
        weight_decay=settings.weight_decay,
        adam_beta2=settings.beta2,
        max_grad_norm=settings.max_gradient,
        bf16=quick,
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=settings.recompute,
        use_vllm=torch.cuda.is_available() and importlib.util.find_spec("vllm") is not None,
        vllm_mode="colocate",
        vllm_gpu_memory_utilization=0.5,
        save_strategy="epoch" if every == "epoch" else "steps",
        save_steps=500 if every == "epoch" else every,
        save_total_limit=2,
        logging_steps=1,
        report_to=list(settings.track) or "none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def _data(rows: Sequence[Conversation]) -> Dataset:
    """The data set as the trainer wants it: the prompt as messages, every other key a column."""
    names = sorted({name for row in rows for name in row.columns} - {"prompt"})
    listed = [
        {"prompt": [asdict(m) for m in row.prompt], **{name: row.columns.get(name) for name in names}}
        for row in rows
    ]
    try:
        return Dataset.from_list(listed)
    except (TypeError, ValueError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"a column holds values of several kinds: {reason}", where=rows[0].where) from error


class _Keeper(TrainerCallback):
    """Writes the log, and judges what the trainer saves."""

    def __init__(
        self, checkpoints: Checkpoints, base: Base, say: Callable[[str], None], judge: Judge | None
    ) -> None:
        self._checkpoints = checkpoints
        self._base = base
        self._say = say
        self._judge = judge

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """A step is done. The framework passes more than is used here."""
        if state.is_world_process_zero and logs:
            told = {name: value for name, value in logs.items() if math.isfinite(float(value))}
            self._checkpoints.log({"step": state.global_step, **told})
            reward = f", reward {logs['reward']:.4g}" if "reward" in logs else ""
            self._say(f"step {state.global_step} of {state.max_steps}{reward}")

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """A checkpoint is written: it is judged here, and the state says that it was."""
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        if self._judge:
            figure = self._checkpoints.judge(
                state.global_step, partial(_write_own, folder, self._base), self._judge
            )
            self._say(f"step {state.global_step}: development {figure:.4f}")
        self._checkpoints.save(state.global_step, {})
