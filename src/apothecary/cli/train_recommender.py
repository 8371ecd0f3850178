"""``apothecary train recommender``: a scorer of drugs that learns from visits whose lists are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.options import Json
from apothecary.cli.train_sft import Data, say

__all__ = ["train_recommender"]

_Config = Annotated[
    Path, typer.Option("--config", help="What to learn from, and how.", metavar="FILE.toml", exists=True)
]
_Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of the policy [default: models/<name of the file>].")
]


def train_recommender(config: _Config, data: Data = None, out: _Out = None, as_json: Json = False) -> None:
    """Fit what `apothecary recommend` scores drugs by: logistic regression, neighbours, a network, ..."""
    from dataclasses import asdict

    from apothecary import api
    from apothecary.cli.tables import print_table

    found = api.train_recommender(config, data=data, out=out, say=say)
    if as_json:
        print(json.dumps({**asdict(found), "folder": str(found.folder)}, indent=2))
        return
    rows = [["", "inner parts", "kept out"]]
    for name in found.inner or found.held_out or ():
        figures = [(part or {}).get(name) for part in (found.inner, found.held_out)]
        rows.append([name.replace("_", " "), *("" if each is None else f"{each:.4f}" for each in figures)])
    print_table(rows, title=f"{found.visits} visits of {found.patients} patients, {found.drugs} drugs")
    print(f"threshold {found.threshold:g}; use it: apothecary recommend VISITS --policy {found.folder}")
