"""What a user writes to tune a language model with a low-rank adapter: one TOML file, checked before use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from apothecary.errors import UsageError
from apothecary.formats.toml_settings import checked, toml_table
from apothecary.training.chat_templates import TemplateName

__all__ = [
    "DataSettings",
    "DevSettings",
    "GrpoSettings",
    "LoraSettings",
    "RewardSettings",
    "SftSettings",
    "SoftSettings",
    "TuneSettings",
    "check_together",
    "read_grpo_settings",
    "read_sft_settings",
]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class LoraSettings:
    """The form of the adapter. Its product is scaled by ``alpha / rank``.

    `targets` are ends of module names, or ``all-linear`` alone: every linear layer but the output head.
    With `roles` the layers that `role_modules` names also read the role of each token of the prompt
    (role-conditioned LoRA, see `adapters.role_config` for the variants and for `scale_vectors`,
    `shared_embedding` and `freeze_none`): the data must tell roles. With ``random`` a prompt keeps the roles
    that were drawn for it; `redrawn` draws them anew for each step.
    """

    rank: Count = 16
    alpha: Positive = 32.0
    dropout: Share = 0.05
    targets: Annotated[tuple[str, ...], Field(min_length=1)] = ("all-linear",)
    roles: Literal["", "full", "vectors", "single_b", "random"] = ""
    role_modules: Annotated[tuple[str, ...], Field(min_length=1)] = ("k_proj", "v_proj")
    scale_vectors: bool = False
    shared_embedding: bool = False
    freeze_none: bool = False
    redrawn: bool = False

    @property
    def target_modules(self) -> str | list[str]:
        """The targets as PEFT wants them."""
        return "all-linear" if self.targets == ("all-linear",) else list(self.targets)


@dataclass(frozen=True)
class DevSettings:
    """How a checkpoint is judged: `task` extracts from `file` with it, and is scored on the same file.

    `metric` names figures within the score by dotted path; several are added up. `engine` is what runs
    the model: ``llamacpp`` (the model is a GGUF) or ``hf``. `every` is a number of steps, or ``epoch``.
    The best `keep` checkpoints stay on disk.
    """

    task: str
    file: str
    metric: Annotated[tuple[str, ...], Field(min_length=1)]
    engine: Literal["llamacpp", "hf"] = "llamacpp"
    settings: Mapping[str, object] = field(default_factory=dict)
    every: Literal["epoch"] | Count = "epoch"
    keep: Count = 1


@dataclass(frozen=True)
class DataSettings:
    """What `train` holds where it holds no conversations: documents annotated for `task`, in any format.

    Each is asked about as extraction with `settings` would ask, and its annotation is the answer. Documents
    on the list `held_out` (a path like those of `train`) are dropped and counted.
    """

    task: str
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    held_out: str = ""


@dataclass(frozen=True)
class RewardSettings:
    """A reward: ``module:function`` in the form that TRL asks for, or with `arguments` a maker of such.

    A maker is called with `arguments` and gives one function or a list of them. `weights` are as many as
    there are functions; without any, each weighs 1.
    """

    function: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    arguments: Mapping[str, object] | None = None
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """What both kinds of training share.

    `model`: a GGUF by name or path (its weights are dequantised once), a folder, or a name on the
    Hugging Face Hub. `start` is an adapter of that model to go on from: it stays as it is, a new one is
    learnt on top, and what comes out is the sum of both as one adapter. `train` are JSONL files of
    conversations, relative to the folder of the TOML file. Conversations longer than `max_tokens` are
    left out and counted, never cut. `micro_tokens` bounds the padded tokens worked on at once: it changes
    memory and speed, not the result beyond rounding. `precision` ``auto`` is bfloat16 where the processor
    computes with it. `recompute` keeps fewer activations and computes them again (long texts on a GPU).
    `chat_template` names a well-known way to write conversations (`chat_templates`) for a model of a folder
    that has none; it goes beside the adapter. `save_every` is in steps: what a kill can cost. `steps` ends
    the training early. `track` passes the log on to other programs as well. `asked` are the settings, by
    task, of the questions in `train`: they go beside the adapter, and a run with it takes them; empty: those
    of `data`, else of `dev`.
    """

    model: str
    train: Annotated[tuple[str, ...], Field(min_length=1)]
    start: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42
    epochs: Count = 3
    steps: Count | None = None
    lora: LoraSettings = LoraSettings()
    dev: DevSettings | None = None
    learning_rate: Positive = 1e-4
    warm_up: Share = 0.1
    weight_decay: Share = 0.1
    beta2: Share = 0.95
    max_gradient: Positive = 1.0
    max_tokens: Count = 4096
    micro_tokens: Count = 2048
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    chat_template: TemplateName = ""
    recompute: bool = False
    save_every: Count = 50
    track: tuple[Literal["tensorboard", "trackio"], ...] = ()
    asked: Mapping[str, Mapping[str, str | int | float | bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class SoftSettings:
    """Soft tokens (`adapters.soft_tokens`): the file of their vectors, and the width of their projectors."""

    tables: str
    hidden: Count = 512


@dataclass(frozen=True, kw_only=True)
class SftSettings(TuneSettings):
    """Learning from written answers. `batch` conversations make one step of the optimizer.

    With `packing` what is worked on at once is one row without padding, `micro_tokens` long, in which no
    conversation sees another: other speed, the same result but for rounding. `four_bit` keeps the frozen
    weights in four bits (QLoRA): a GPU and the package bitsandbytes are needed. With `soft` the marks in
    prompts are read as vectors of `tables`, which are made of the training split.
    """

    batch: Count = 16
    packing: bool = False
    four_bit: bool = False
    data: DataSettings | None = None
    soft: SoftSettings | None = None


@dataclass(frozen=True, kw_only=True)
class GrpoSettings(TuneSettings):
    """Learning from rewards: `generations` answers to each of `prompts_per_step` prompts make one step.

    `backend` ``own`` is the loop of this package; ``trl`` the trainer of that library, which uses vLLM
    where it is installed. `rollouts` says what writes the answers for ``own``: ``llamacpp`` (the model is a
    GGUF; quick on a CPU) or ``generate`` (torch). Answers are written for `steps_per_round` steps at once,
    so above 1 the later steps learn from answers of a policy that is a little older: the ratio, clipped at
    1 +- `clip`, corrects for it. `beta` weighs the divergence from the policy that the training began with.
    """

    reward: Annotated[tuple[RewardSettings, ...], Field(min_length=1)]
    backend: Literal["own", "trl"] = "own"
    rollouts: Literal["llamacpp", "generate"] = "generate"
    prompts_per_step: Count = 2
    generations: Annotated[int, Field(ge=2)] = 8
    steps_per_round: Count = 1
    temperature: Positive = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    max_new_tokens: Count = 512
    beta: NotNegative = 0.04
    clip: Share = 0.2


_SFT, _GRPO = TypeAdapter(SftSettings), TypeAdapter(GrpoSettings)
_REXDRUG: Mapping[str, object] = {
    "seed": 42,
    "lora": {"rank": 16, "alpha": 32, "dropout": 0.05, "targets": ["all-linear"]},
    "warm_up": 0.1,
    "weight_decay": 0.1,
    "beta2": 0.95,
    "max_tokens": 4096,
    "micro_tokens": 4096,
}
_POCKET: Mapping[str, object] = {
    "model": "smollm2-135m-instruct",
    # On a CPU the random numbers of dropout cost a third of the time.
    "lora": {"rank": 16, "alpha": 32, "dropout": 0.0, "targets": ["all-linear"]},
    "max_tokens": 1536,
    "micro_tokens": 1024,
    "save_every": 20,
}
SFT_PRESETS: Mapping[str, Mapping[str, object]] = {
    "rexdrug": {
        **_REXDRUG,
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "epochs": 10,
        "learning_rate": 1e-5,
        "batch": 16,
    },
    "pocket": {**_POCKET, "epochs": 3, "learning_rate": 3e-4, "batch": 8},
}
GRPO_PRESETS: Mapping[str, Mapping[str, object]] = {
    "rexdrug": {
        **_REXDRUG,
        "backend": "trl",
        "epochs": 20,
        "learning_rate": 1e-6,
        "prompts_per_step": 2,
        "generations": 8,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_new_tokens": 2048,
        "beta": 0.04,
        "clip": 0.2,
    },
    "pocket": {
        **_POCKET,
        "rollouts": "llamacpp",
        "epochs": 1,
        "learning_rate": 2e-5,
        "prompts_per_step": 2,
        "generations": 4,
        "steps_per_round": 2,
        "temperature": 1.0,
        "max_new_tokens": 512,
    },
}


def read_sft_settings(path: Path) -> SftSettings:
    """Read and check a configuration of ``train sft``. Raises UsageError, FormatError."""
    settings = checked(_SFT, _with_preset(toml_table(path), SFT_PRESETS, str(path)), str(path))
    check_together(settings, str(path))
    return settings


def read_grpo_settings(path: Path) -> GrpoSettings:
    """Read and check a configuration of ``train grpo``. Raises UsageError, FormatError."""
    settings = checked(_GRPO, _with_preset(toml_table(path), GRPO_PRESETS, str(path)), str(path))
    check_together(settings, str(path))
    return settings


def check_together(settings: TuneSettings, where: str) -> None:
    """Raises UsageError for settings that are right alone and not together."""
    _check_roles(settings.lora, where)
    if settings.lora.roles and settings.dev and settings.dev.engine == "llamacpp":
        raise UsageError("dev.engine: llama.cpp cannot read roles", where=where, hint='engine = "hf"')
    if isinstance(settings, SftSettings) and settings.packing and (settings.lora.roles or settings.soft):
        raise UsageError("packing: goes with neither roles nor soft tokens", where=where, hint="leave it out")
    if settings.chat_template and (settings.model.endswith(".gguf") or settings.dev):
        what = "[dev]" if settings.dev else "a GGUF"
        hint = "engines take the template of the model: leave it out, or put it into the folder of the model"
        raise UsageError(f"chat_template: does not go with {what}", where=where, hint=hint)


def _check_roles(lora: LoraSettings, where: str) -> None:
    embedded = ("full", "single_b", "random")
    for name, wanted, kinds in (
        ("redrawn", lora.redrawn, ("random",)),
        ("scale_vectors", lora.scale_vectors, ("vectors",)),
        ("shared_embedding", lora.shared_embedding, embedded),
        ("freeze_none", lora.freeze_none, (*embedded, "vectors")),
    ):
        if wanted and lora.roles not in kinds:
            hint = f"roles = {' or '.join(map(json.dumps, kinds))}"
            raise UsageError(f"lora.{name}: does nothing without its kind of roles", where=where, hint=hint)


def _with_preset(
    table: dict[str, object], presets: Mapping[str, Mapping[str, object]], where: str
) -> dict[str, object]:
    """The table over the values of the preset that it names; of ``[lora]``, key by key."""
    name = table.pop("preset", None)
    if name is None:
        return table
    if not isinstance(name, str) or name not in presets:
        raise UsageError(f"there is no preset {name!r}", where=where, hint=f"presets: {', '.join(presets)}")
    preset = presets[name]
    own, given = preset["lora"], table.get("lora")
    lora = {**own, **given} if isinstance(own, Mapping) and isinstance(given, Mapping) else given or own
    return {**preset, **table, "lora": lora}
