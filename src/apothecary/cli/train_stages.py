"""``apothecary train stages``: an adapter in stages, with its controls."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from apothecary.cli.train_sft import Data, Out, Resume, Threads, Tuning, say
from apothecary.errors import UsageError

__all__ = ["train_stages"]

NEEDED = ("torch", "transformers", "peft", "accelerate", "gguf", "safetensors")


def train_stages(
    config: Tuning, data: Data = None, out: Out = None, resume: Resume = False, threads: Threads = None
) -> None:
    """Tune a language model in stages, each going on with the one before, and the controls beside them.

    Stages that are finished are not repeated with --resume.
    """
    from apothecary.training.stage_settings import read_stages_settings

    settings = read_stages_settings(config)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed", hint="pip install 'apothecary[train]'")
    from apothecary.cli.tables import print_table
    from apothecary.engines.cores import free_cores
    from apothecary.training.stages import train_stages as train
    from apothecary.training.tuning import torch_threads

    torch_threads(threads or free_cores())
    target = out or Path("models") / config.stem
    done = train(settings, data or config.parent, target, say, resume=resume)
    rows = [["training", "conversations", "too long", "steps"]]
    rows += [[f.name, f"{f.conversations:,}", f"{f.left_out:,}", f"{f.steps:,}"] for f in done]
    print_table(rows, title=f"{target}: the last step of each is kept")
    for each in done:
        print(f"{each.name}: --engine {each.engine}")
