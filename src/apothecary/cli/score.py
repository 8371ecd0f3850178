"""``apothecary score``: predictions against gold, by the task's own rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.options import Encoding, Json, Seed
from apothecary.errors import UsageError

__all__ = ["score"]


def score(
    task: Annotated[str, typer.Argument(help="mentions or relations.")],
    gold: Annotated[Path, typer.Option(help="Annotated documents.")],
    predictions: Annotated[Path, typer.Option(help="A predictions.jsonl, or records of the same form.")],
    broader: Annotated[
        str, typer.Option(help="Predictions with a side flagged broader: keep or drop.", metavar="keep|drop")
    ] = "keep",
    excuse_broader: Annotated[
        bool,
        typer.Option("--excuse-broader", help="Do not count wrong predictions with a side flagged broader."),
    ] = False,
    errors: Annotated[bool, typer.Option("--errors", help="List every error (with --json).")] = False,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples over documents.")] = 1000,
    seed: Seed = 0,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Score predictions against gold documents, with 95 % bootstrap intervals over documents."""
    from apothecary import api
    from apothecary.cli.tables import print_table
    from apothecary.tasks import catalog
    from apothecary.tasks.flow import ScoreOptions

    if broader not in ("keep", "drop"):
        raise UsageError(f"'{broader}' is neither keep nor drop", where="--broader")
    options = ScoreOptions(
        broader="drop" if broader == "drop" else "keep",
        excuse_broader=excuse_broader,
        resamples=resamples,
        seed=seed,
        list_errors=errors,
    )
    result = api.score(task, gold, predictions, options=options, encoding=encoding)
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    print_table(catalog.load(task).table(result), title=f"{task}: {result['documents']} documents")
