"""``apothecary train sft``: an adapter that learns from written answers."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.training.tuning import Tuned

__all__ = ["Data", "Out", "Resume", "Threads", "Tuning", "check_installed", "say", "tell", "train_sft"]

NEEDED = ("torch", "transformers", "peft", "accelerate", "gguf", "safetensors")
Tuning = Annotated[
    Path, typer.Option("--config", help="What to tune, on what.", metavar="FILE.toml", exists=True)
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="What the paths in the file are relative to [default: its folder]."),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of the adapter [default: models/<name of the file>].")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads [default: the cores at hand].")
]


def train_sft(
    config: Tuning, data: Data = None, out: Out = None, resume: Resume = False, threads: Threads = None
) -> None:
    """Tune a language model on written answers; the checkpoint is chosen by the task's own figure."""
    check_installed(NEEDED)
    from apothecary.cli.dev_figure import check_development, development_judge
    from apothecary.engines.cores import free_cores
    from apothecary.training.lora_settings import read_sft_settings
    from apothecary.training.sft import train_sft as train
    from apothecary.training.tuning import torch_threads

    settings = read_sft_settings(config)
    folder, target = data or config.parent, out or Path("models") / config.stem
    check_development(settings, folder)
    torch_threads(threads or free_cores())
    judge = development_judge(settings, folder, target)
    tell(train(settings, folder, target, say, judge=judge, resume=resume), settings.model)


def check_installed(needed: tuple[str, ...]) -> None:
    """Raises UsageError that names what is missing and how to get it."""
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed", hint="pip install 'apothecary[train]'")


def _first() -> bool:
    """Whether this is the first of the processes that train together."""
    return os.environ.get("RANK", "0") == "0"


def say(line: str) -> None:
    """Tell how it goes on standard error."""
    if _first():
        print(line, file=sys.stderr, flush=True)


def tell(tuned: Tuned, model: str) -> None:
    """Say what came out and how to use it."""
    if not _first():
        return
    from apothecary.training.gguf_lora import engine_with

    how = "the best by the development figure" if tuned.judged else "the last: no [dev] says which is best"
    print(f"kept step {tuned.chosen} of {tuned.steps}, {how}: {tuned.adapter}")
    print(f"use it: --engine {engine_with(model, tuned.gguf or tuned.adapter)}")
