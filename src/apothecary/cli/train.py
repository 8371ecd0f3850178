"""``apothecary train``: models of one's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from apothecary.errors import UsageError

__all__ = ["app"]

app = typer.Typer(
    help="Train models: pocket (small encoders for the default engine).",
    rich_markup_mode=None,
)
NEEDED = ("torch", "transformers", "onnx", "onnxscript")


@app.callback()
def _train() -> None:
    """Train models: pocket (small encoders for the default engine)."""


@app.command()
def pocket(
    config: Annotated[
        Path | None, typer.Option(help="What to train, on what.", metavar="FILE.toml", exists=True)
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Learn from the predictions of this run instead; may be repeated.", metavar="RUN"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="What the paths in the file are relative to [default: its folder].")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="A name from `models list`, or a folder [default: as the file says].")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Model folder [default: models/<name>].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last whole epoch.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads [default: the cores at hand].")] = None,
) -> None:
    """Train a pocket model, export it with eight-bit weights, and compare before and after."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed", hint="pip install 'apothecary[train]'")
    if (config is None) == (not teacher):
        raise UsageError("give either --config or --teacher", hint="--config FILE.toml")
    from dataclasses import replace

    from apothecary.engines.cores import free_cores
    from apothecary.engines.weights import model_folder
    from apothecary.training.distil import settings_from_runs
    from apothecary.training.run import train_pocket, use_threads
    from apothecary.training.settings import read_settings

    settings = read_settings(config) if config else settings_from_runs(teacher or [])
    if encoder:
        settings = replace(settings, encoder=encoder)
    use_threads(threads or free_cores())
    folder = out or Path("models") / settings.name
    trained = train_pocket(
        settings,
        data or (config.parent if config else Path()),
        model_folder(settings.encoder),
        folder,
        lambda line: print(line, file=sys.stderr, flush=True),
        resume=resume,
    )
    _tell(trained.before, trained.after)
    print(f"kept epoch {trained.training.best + 1}; {trained.bytes / 1e6:.1f} MB: {trained.folder}")
    print(f"use it: --engine pocket:{trained.folder}")


def _tell(before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]) -> None:
    from apothecary.cli.tables import print_table

    rows = [["head", "dev F1 trained", "dev F1 in eight bits"]]
    for name, found in after.items():
        trained = before.get(name, {}).get("f1")
        rows.append([name, "-" if trained is None else f"{100 * trained:.1f}", f"{100 * found['f1']:.1f}"])
    print_table(rows, title="Development figures (thresholds fitted on the same part)")
