"""``apothecary train grpo``: an adapter that learns from rewards."""

from __future__ import annotations

from pathlib import Path

from apothecary.cli.train_sft import NEEDED, Data, Out, Resume, Threads, Tuning, check_installed, say, tell

__all__ = ["train_grpo"]


def train_grpo(
    config: Tuning, data: Data = None, out: Out = None, resume: Resume = False, threads: Threads = None
) -> None:
    """Tune a language model by rewards of its own answers; the checkpoint is chosen by the task's figure."""
    check_installed(NEEDED)
    from apothecary.cli.dev_figure import check_development, development_judge
    from apothecary.engines.cores import free_cores
    from apothecary.training.lora_settings import read_grpo_settings
    from apothecary.training.tuning import torch_threads

    settings = read_grpo_settings(config)
    folder, target = data or config.parent, out or Path("models") / config.stem
    check_development(settings, folder)
    torch_threads(threads or free_cores())
    judge = development_judge(settings, folder, target)
    if settings.backend == "trl":
        check_installed(("trl", "datasets"))
        from apothecary.training.grpo_trl import train_with_trl

        tell(train_with_trl(settings, folder, target, say, judge=judge, resume=resume), settings.model)
    else:
        from apothecary.training.grpo import train_grpo as train

        tell(train(settings, folder, target, say, judge=judge, resume=resume), settings.model)
