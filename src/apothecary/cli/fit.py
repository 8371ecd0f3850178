"""``apothecary fit``: thresholds from recorded odds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.options import Encoding
from apothecary.errors import UsageError

__all__ = ["fit"]


def fit(
    task: Annotated[str, typer.Argument(help="relations or medication.")],
    gold: Annotated[Path, typer.Option(help="Annotated documents; never those of a test set.")],
    predictions: Annotated[Path, typer.Option(help="A run over them, or its predictions.jsonl.")],
    risk: Annotated[
        float | None, typer.Option(help="Leave undecided what would be wrong more often than this.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write [default: print].")] = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Fit thresholds on annotated documents, or on visits with their lists, from what a run recorded."""
    from apothecary import api

    text = json.dumps(api.fit(task, gold, predictions, risk=risk, encoding=encoding), indent=2) + "\n"
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(out)) from error
    print(f"thresholds: {out}")
