"""What a user writes to tune a model in stages: one TOML file, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from apothecary.errors import UsageError
from apothecary.formats.toml_settings import checked, toml_table
from apothecary.training.lora_settings import SFT_PRESETS, SftSettings, check_together

__all__ = ["BASE", "PREVIOUS", "Control", "StageSettings", "StagesSettings", "read_stages_settings"]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Control = Literal["one_stage_equal_steps", "stage1_only"]
PREVIOUS, BASE = "previous", "base"


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One stage: which conversations it learns from, how long, and what it begins with.

    A conversation belongs to a stage when each of `tasks`, `categories`, `languages` and `datasets` that
    names something names it, and no category of `without` does; ``*`` stands for anything (``QA*``). The
    share `replay` of what earlier stages learnt from is learnt from again. `start` is ``previous``,
    ``base`` (a new adapter), or the folder of an adapter of the same rank: the stage goes on with its very
    weights. `schedule` ``constant`` keeps the rate after the warm-up, ``cosine`` lets it fall. What is None
    is as in the file's top level.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    tasks: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    replay: Annotated[float, Field(ge=0, le=1)] = 1.0
    epochs: Count | None = None
    steps: Count | None = None
    learning_rate: Positive | None = None
    schedule: Literal["cosine", "constant"] | None = None
    start: str = ""

    def takes(self, columns: Mapping[str, object]) -> bool:
        """Whether a conversation with these columns belongs to the stage, replay apart."""
        wanted = (
            ("task", self.tasks),
            ("category", self.categories),
            ("language", self.languages),
            ("dataset", self.datasets),
        )
        if not all(not names or _named(columns.get(key), names) for key, names in wanted):
            return False
        return not _named(columns.get("category"), self.without)


@dataclass(frozen=True, kw_only=True)
class StagesSettings:
    """All stages, and what they share: every key of ``train sft`` but those named here under `Departures`.

    `controls` are trained beside: ``one_stage_equal_steps`` learns from all that the stages learn from, mixed
    from the start, for as many steps as they take together; ``stage1_only`` is what the first stage makes.

    Departures from ``train sft``: no development part chooses a checkpoint, since stages and controls must be
    compared after the same number of steps; no soft tokens, no roles.
    """

    tuning: SftSettings
    stage: Annotated[tuple[StageSettings, ...], Field(min_length=1)]
    controls: tuple[Control, ...] = ()
    schedule: Literal["cosine", "constant"] = "cosine"

    def tuned(self, stage: StageSettings) -> SftSettings:
        """The settings of the training of one stage."""
        # Steps alone are taken, however many epochs they are; epochs alone end where they end.
        epochs = stage.epochs or stage.steps or self.tuning.epochs
        steps = stage.steps if stage.steps or stage.epochs else self.tuning.steps
        return replace(
            self.tuning,
            epochs=epochs,
            steps=steps,
            learning_rate=stage.learning_rate or self.tuning.learning_rate,
        )


_STAGES = TypeAdapter(StagesSettings)
_PUBLISHED_STAGES = (
    # Everything but questions, dialogues and chains of thought: 340,430 samples.
    {"name": "structured", "without": ["QA*", "MRD", "CoT*"], "epochs": 5},
    {"name": "everything", "epochs": 3},
)
_PRESETS: Mapping[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    # As published but for: weights in bfloat16 (there 4 bits, here `four_bit`); beta2 (not told; the default
    # of AdamW); the model (its predecessor Qwen-7B runs only by code of its own). A step was 12 conversations
    # on each of 6 devices, gathered twice.
    "taiyi": (
        {
            "model": "Qwen/Qwen2.5-7B",
            "batch": 144,
            "learning_rate": 2e-4,
            "warm_up": 0.1,
            "weight_decay": 0.0,
            "beta2": 0.999,
            "max_gradient": 0.3,
            "max_tokens": 1024,
            "micro_tokens": 12 * 1024,
            "recompute": True,
            "lora": {"rank": 64, "alpha": 16, "dropout": 0.05, "targets": ["all-linear"]},
        },
        {"schedule": "constant", "stage": _PUBLISHED_STAGES},
    ),
    # What a CPU does in an hour or two with some thousand short conversations.
    "pocket": (
        {**SFT_PRESETS["pocket"], "max_tokens": 768, "epochs": 1},
        {
            "stage": (
                {**_PUBLISHED_STAGES[0], "epochs": 1},
                {**_PUBLISHED_STAGES[1], "epochs": 1},
            )
        },
    ),
}
_OWN = ("stage", "controls", "schedule")
_REFUSED = ("dev", "data", "soft", "start")


def read_stages_settings(path: Path) -> StagesSettings:
    """Read and check a configuration of ``train stages``. Raises UsageError, FormatError."""
    return check_stages_settings(toml_table(path), str(path))


def check_stages_settings(table: Mapping[str, object], where: str) -> StagesSettings:
    """Settings from plain values. Raises UsageError that names the key."""
    given = dict(table)
    name = given.pop("preset", None)
    if name is not None and (not isinstance(name, str) or name not in _PRESETS):
        raise UsageError(f"there is no preset {name!r}", where=where, hint=f"presets: {', '.join(_PRESETS)}")
    tuning, own = _PRESETS[name] if isinstance(name, str) else ({}, {})
    for key in _REFUSED:
        if key in given:
            raise UsageError(f"{key}: goes with train sft, not with stages", where=where)
    lora = given.get("lora")
    if isinstance(lora, Mapping) and isinstance(tuning.get("lora"), Mapping):
        given["lora"] = {**_mapping(tuning["lora"]), **lora}
    merged = {**tuning, **{key: value for key, value in given.items() if key not in _OWN}}
    stages = {**own, **{key: value for key, value in given.items() if key in _OWN}}
    settings = checked(_STAGES, {"tuning": merged, **stages}, where)
    _check_stages(settings, where)
    check_together(settings.tuning, where)
    return settings


def _check_stages(settings: StagesSettings, where: str) -> None:
    names = [stage.name for stage in settings.stage]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two stages are called {name}", where=where)
    if settings.tuning.lora.roles:
        raise UsageError("lora.roles: roles are not learnt in stages", where=where, hint="train sft")
    if settings.stage[0].start == PREVIOUS:
        raise UsageError(f"stage {names[0]}: nothing is before the first stage", where=where)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _named(value: object, names: tuple[str, ...]) -> bool:
    return isinstance(value, str) and any(fnmatchcase(value, name) for name in names)
