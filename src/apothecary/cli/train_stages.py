"""``apothecary train stages``: an adapter in stages, with its controls."""

from __future__ import annotations

from apothecary.cli.train_sft import Data, Out, Resume, Threads, Tuning, first_process, say

__all__ = ["train_stages"]


def train_stages(
    config: Tuning, data: Data = None, out: Out = None, resume: Resume = False, threads: Threads = None
) -> None:
    """Tune a language model in stages, each going on with the one before, and the controls beside them.

    Stages that are finished are not repeated with --resume.
    """
    from apothecary import instruct
    from apothecary.cli.tables import print_table

    options = instruct.TuneOptions(data, out, resume, threads)
    done = instruct.train_stages(config, options, say)
    if not first_process():
        return
    _, target = options.folders(config)
    rows = [["training", "conversations", "too long", "steps"]]
    rows += [[f.name, f"{f.conversations:,}", f"{f.left_out:,}", f"{f.steps:,}"] for f in done]
    print_table(rows, title=f"{target}: the last step of each is kept")
    for each in done:
        print(f"{each.name}: --engine {each.engine}")
