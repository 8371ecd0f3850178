"""``apothecary visits lists``: what a language model learns to edit lists from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from apothecary import ADVICE
from apothecary.cli.options import Json, Seed, named_path
from apothecary.cli.train_sft import Data, say

__all__ = ["lists"]


def lists(
    config: Annotated[
        Path, typer.Option("--config", help="That of 'train recommender'.", metavar="FILE.toml", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.", parser=named_path, metavar="DIR")],
    data: Data = None,
    draws: Annotated[int, typer.Option(min=1, help="Lists with errors, and single questions.")] = 1000,
    passes: Annotated[
        Literal["loop", "two"],
        typer.Option(help="loop: edits of the list as it is. two: additions and removals, as published."),
    ] = "loop",
    note: Annotated[bool, typer.Option("--note", help="Tell the notes of the visits.")] = False,
    soft: Annotated[
        str,
        typer.Option(help="Soft tokens of these kinds: visit,diagnosis,procedure,drug.", metavar="KIND,..."),
    ] = "",
    width: Annotated[int, typer.Option(min=1, help="Numbers of a vector of a soft token.")] = 64,
    molecules: Annotated[
        Path | None,
        typer.Option(help="Vectors of drugs, CSV: name,0.1,-0.2,...", metavar="FILE.csv", exists=True),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write conversations for 'train sft' and prompts for 'train grpo' from training visits alone.

    Gold lists get the errors of a scorer that saw nothing of the patient. The files hold data of patients:
    keep them as the records are kept.
    """
    from dataclasses import asdict

    from apothecary.cli.tables import print_table
    from apothecary.training.list_data import ListDataOptions, write_list_data

    kinds = tuple(filter(None, soft.split(",")))
    options = ListDataOptions(draws, passes, note, seed, kinds, width, molecules)
    found = write_list_data(config, out, options, data=data, say=say)
    if as_json:
        print(json.dumps({**asdict(found), "folder": str(found.folder)}, indent=2))
        return
    rows = [["", "number"], ["visits", str(found.visits)], ["  kept out", str(found.kept_out)]]
    rows += [
        [name, f"{value:.2f}" if isinstance(value, float) else str(value)]
        for name, value in found.figures.items()
        if name != "visits"
    ]
    print_table(rows, title=ADVICE)
    print(f"train on it: {found.folder}/sft.jsonl, questions.jsonl, grpo.jsonl")
