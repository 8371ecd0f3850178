"""The frame of a training, whatever it learns from: steps, log, state, judged checkpoints, the end."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from apothecary.engines.tuned import ASKED
from apothecary.errors import UsageError
from apothecary.networks.description import file_digest
from apothecary.training.adapter_files import read_adapter
from apothecary.training.base_model import gguf_of
from apothecary.training.checkpoints import Checkpoints, Judge, Judged
from apothecary.training.gguf_lora import write_gguf_lora
from apothecary.training.lora_settings import GrpoSettings, SftSettings, TuneSettings
from apothecary.training.policy import Learner, Policy, flushed

__all__ = [
    "Plan",
    "Tuned",
    "begun",
    "check_rewarded",
    "check_tracking",
    "finish",
    "run_through",
    "torch_threads",
]


@dataclass(frozen=True)
class Tuned:
    """A finished training: the chosen adapter, its GGUF where the model is one, and how it was chosen.

    `chosen` is the step of the adapter; `judged` is empty when no development part was given, and the last
    step is then the chosen one. `left_out` conversations were too long.
    """

    adapter: Path
    gguf: Path | None
    chosen: int
    steps: int
    judged: Sequence[Judged]
    conversations: int
    left_out: int


@dataclass(frozen=True)
class Plan:
    """What `run_steps` does: `step` learns once and says how it went; `rounds` are steps that go together."""

    settings: TuneSettings
    of_epoch: int
    step: Callable[[int], Mapping[str, float]]
    rounds: int = 1

    @property
    def total(self) -> int:
        """Steps in all."""
        return min(
            self.settings.steps or self.of_epoch * self.settings.epochs, self.of_epoch * self.settings.epochs
        )

    def judged_after(self, done: int) -> bool:
        """Whether a checkpoint is due after so many steps."""
        dev = self.settings.dev
        if dev is None:
            return False
        every = self.of_epoch if dev.every == "epoch" else dev.every
        return done % every == 0 or done == self.total

    def kept_after(self, done: int) -> bool:
        """Whether the state may be kept: never in the middle of a round, whose answers are not kept."""
        place = done % self.of_epoch
        return done == self.total or place % self.rounds == 0


def run_steps(
    plan: Plan,
    policy: Policy,
    learner: Learner,
    checkpoints: Checkpoints,
    processes: Accelerator,
    say: Callable[[str], None],
    judge: Judge | None,
) -> None:
    """Do the steps that are not done yet. Raises ApothecaryError."""
    restored = checkpoints.restore()
    done, unsaved = 0, 0
    if restored:
        done, state = restored
        learner.restore(state)
        say(f"going on after step {done} of {plan.total}")
    for step in range(done, plan.total):
        begun = time.monotonic()
        with flushed():
            told = {**plan.step(step), **learner.step(step)}
        told |= {"epoch": (step + 1) / plan.of_epoch, "seconds": time.monotonic() - begun}
        unsaved += 1
        if processes.is_main_process:
            checkpoints.log({"step": step + 1, **told})
            processes.log(told, step=step + 1)
            say(f"step {step + 1} of {plan.total}: {_brief(told)}")
            if judge and plan.judged_after(step + 1):
                figure = checkpoints.judge(step + 1, policy.write, judge)
                processes.log({"development": figure}, step=step + 1)
                say(f"step {step + 1}: development {figure:.4f}")
        due = unsaved >= plan.settings.save_every or plan.judged_after(step + 1) or step + 1 == plan.total
        if due and plan.kept_after(step + 1):
            unsaved = 0
            if processes.is_main_process:
                checkpoints.save(step + 1, learner.state())
        processes.wait_for_everyone()


def _brief(told: Mapping[str, float]) -> str:
    shown = ("loss", "reward", "divergence", "tokens_per_second", "seconds")
    return ", ".join(f"{name.replace('_', ' ')} {told[name]:.4g}" for name in shown if name in told)


def finish(
    settings: TuneSettings,
    write: Callable[[Path], None],
    checkpoints: Checkpoints,
    counts: tuple[int, int, int],
) -> Tuned:
    """Put the best checkpoint, or without a development part what `write` writes, into ``out/adapter``.

    `counts`: steps done, conversations learnt from, conversations left out.
    """
    steps, conversations, left_out = counts
    ranked = checkpoints.ranked()
    chosen = ranked[0].step if ranked else steps
    folder = checkpoints.out / "adapter"
    # llama.cpp knows no roles.
    as_gguf = gguf_of(settings.model) and not settings.lora.roles
    gguf = checkpoints.out / "adapter.gguf" if as_gguf else None
    tuned = Tuned(folder, gguf, chosen, steps, checkpoints.judged, conversations, left_out)
    if not checkpoints.writes:
        return tuned
    if ranked:
        shutil.copytree(checkpoints.folder(chosen), folder, dirs_exist_ok=True)
    else:
        write(folder)
    if gguf:
        write_gguf_lora(read_adapter(folder), settings.model, gguf)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft")}
    record = {**asdict(tuned), "settings": asdict(settings), "versions": versions}
    text = json.dumps(record, indent=1, default=str) + "\n"
    (checkpoints.out / "training.json").write_text(text, encoding="utf-8")
    asked = asked_settings(settings)
    if asked:
        for place in (checkpoints.out, folder):
            (place / ASKED).write_text(json.dumps({"settings": asked}, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(checkpoints.out / "work", ignore_errors=True)
    return tuned


def begun(
    settings: TuneSettings, files: Sequence[Path], out: Path, *, writes: bool, resume: bool
) -> Checkpoints:
    """The folder of a training, prepared. Raises UsageError when it holds one that is not gone on with."""
    keep = settings.dev.keep if settings.dev else 1
    checkpoints = Checkpoints(out, identity(settings, files), keep, writes=writes)
    checkpoints.begin(resume=resume)
    return checkpoints


def run_through(
    plan: Plan,
    policy: Policy,
    checkpoints: Checkpoints,
    processes: Accelerator,
    say: Callable[[str], None],
    judge: Judge | None,
    counts: tuple[int, int],
) -> Tuned:
    """Do all steps and finish. `counts`: conversations learnt from, conversations left out."""
    learner = Learner(policy, plan.settings, plan.total, processes)
    if plan.settings.track:
        processes.init_trackers("apothecary")
    run_steps(plan, policy, learner, checkpoints, processes, say, judge)
    processes.end_training()
    return finish(plan.settings, policy.write, checkpoints, (plan.total, *counts))


def identity(settings: TuneSettings, files: Sequence[Path]) -> str:
    """What must not change between the beginning of a training and its end."""
    given = {"settings": asdict(settings), "files": [file_digest(path) for path in files]}
    return hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()


def asked_settings(settings: TuneSettings) -> Mapping[str, Mapping[str, object]]:
    """How the adapter wants to be asked, by task: as it is told, else as it was taught, else as judged."""
    taught = settings.data if isinstance(settings, SftSettings) else None
    source = taught or settings.dev
    return settings.asked or ({source.task: source.settings} if source else {})


def check_rewarded(settings: GrpoSettings) -> None:
    """Raises UsageError for what does not go with learning from rewards."""
    if settings.lora.roles:
        raise UsageError("roles cannot be learnt from rewards", where="lora.roles", hint="train sft")


def check_tracking(settings: TuneSettings) -> None:
    """Raises UsageError for a tracker that is not installed."""
    for name in settings.track:
        if importlib.util.find_spec(name) is None:
            raise UsageError(f"{name} is not installed", hint=f"pip install {name}, or leave it out of track")


def torch_threads(count: int) -> None:
    """Train on so many threads. More than the cores that are free makes it slower by a multiple."""
    torch.set_num_threads(count)
