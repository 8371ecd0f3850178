"""``apothecary train grpo``: an adapter that learns from rewards."""

from __future__ import annotations

from apothecary.cli.train_sft import Data, Out, Resume, Threads, Tuning, say, tell

__all__ = ["train_grpo"]


def train_grpo(
    config: Tuning, data: Data = None, out: Out = None, resume: Resume = False, threads: Threads = None
) -> None:
    """Tune a language model by rewards of its own answers; the checkpoint is chosen by the task's figure."""
    from apothecary import api

    tell(api.train_grpo(config, api.TuneOptions(data, out, resume, threads), say))
