"""``apothecary instruct mix``: typed examples of many data sets to one mixture of instructions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import EXIT_CODES, Json, named_path

if TYPE_CHECKING:
    from apothecary.training.mixture_counts import Mixed

__all__ = ["mix"]


def mix(
    config: Annotated[
        Path, typer.Option("--config", help="What to mix, how.", metavar="FILE.toml", parser=named_path)
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to.", parser=named_path, metavar="DIR")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="What the paths in the file are relative to [default: its folder].",
            parser=named_path,
            metavar="FOLDER",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Mix typed examples, as build writes them, into instructions to tune a model on.

    Writes mixture.jsonl (all that is known of each), sft.jsonl (what `train sft` and `train stages` read),
    counts.json, left_out.jsonl (what is the same as something that models are judged by, or given twice) and
    errors.jsonl. The exit code is 1 where there are bad rows.
    """
    from apothecary import instruct

    mixed = instruct.mix(config, out, data=data, say=lambda line: print(line, file=sys.stderr, flush=True))
    if as_json:
        print(json.dumps(mixed.figures(), indent=2, ensure_ascii=False))
    else:
        _show(mixed, out)
    if mixed.bad:
        raise typer.Exit(EXIT_CODES["incomplete"])


def _show(mixed: Mixed, out: Path) -> None:
    from apothecary.cli.tables import print_table

    print_table(mixed.by_set(), title=f"{out}: {mixed.instructions:,} instructions")
    print_table(mixed.by_task(), title="By task and language")
    for why, count in mixed.left_out.items():
        print(f"left out: {count:,} {why}")
    if not mixed.evaluated:
        print("compared with nothing: there is no [[against]], and the files hold no other split")
    for lack in mixed.lacking:
        print(f"not reached: {lack}")
    if mixed.bad:
        print(f"{mixed.bad:,} bad rows in errors.jsonl")
