"""``apothecary train sft``: an adapter that learns from written answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from apothecary.api import Trained

__all__ = ["Data", "Out", "Resume", "Threads", "Tuning", "first_process", "say", "tell", "train_sft"]

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
    from apothecary import api

    tell(api.train_sft(config, api.TuneOptions(data, out, resume, threads), say))


def first_process() -> bool:
    """Whether this is the first of the processes that train together."""
    return os.environ.get("RANK", "0") == "0"


def say(line: str) -> None:
    """Tell how it goes on standard error."""
    if first_process():
        print(line, file=sys.stderr, flush=True)


def tell(trained: Trained) -> None:
    """Say what came out and how to use it."""
    if not first_process():
        return
    tuned = trained.tuned
    how = "the best by the development figure" if tuned.judged else "the last: no [dev] says which is best"
    print(f"kept step {tuned.chosen} of {tuned.steps}, {how}: {tuned.adapter}")
    print(f"use it: --engine {trained.engine}")
