"""``apothecary train stepwise``: a network that edits lists of drugs, learning from what each edit earns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.options import Json
from apothecary.cli.train_sft import Data, Resume, say

__all__ = ["train_stepwise"]

_Config = Annotated[
    Path, typer.Option("--config", help="What to learn from, and how.", metavar="FILE.toml", exists=True)
]
_Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of the policy [default: models/<name of the file>].")
]


def train_stepwise(
    config: _Config, data: Data = None, out: _Out = None, resume: Resume = False, as_json: Json = False
) -> None:
    """Train an editor of medication lists step by step (GRPO), over a scorer that is fitted first.

    Lists are edited drug by drug; every edit earns what it adds to the Jaccard index with the list that was
    given, less the weight of interactions times theirs. Needs the extra `train`; to recommend needs none.
    """
    from dataclasses import asdict

    from apothecary import api
    from apothecary.cli.tables import print_table

    found = api.train_stepwise(config, data=data, out=out, resume=resume, say=say)
    if as_json:
        print(json.dumps({**asdict(found), "folder": str(found.folder)}, indent=2))
        return
    rows = [["alpha", "greedy: Jaccard", "DDI rate", "trained: Jaccard", "DDI rate", "drugs", "edits"]]
    for one, two in zip(found.greedy, found.trained, strict=True):
        figures = (f"{one.jaccard:.4f}", f"{one.rate:.4f}", f"{two.jaccard:.4f}", f"{two.rate:.4f}")
        rows.append([f"{two.safety:g}", *figures, f"{two.drugs:.1f}", f"{two.edits:.1f}"])
    if found.trained:
        print_table(rows, title="visits that were kept out")
    print(f"{found.visits} visits of {found.patients} patients, {found.drugs} drugs, {found.steps} steps")
    if found.inner:
        greedy, trained = found.inner
        print(f"area under the Jaccard-DDI curve, inner parts: {trained:.4f}; greedy editor {greedy:.4f}")
    print(f"use it: apothecary recommend VISITS --policy {found.folder}; a research tool, no medical advice")
