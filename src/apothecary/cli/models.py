"""``apothecary models``: named weights on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import Json

if TYPE_CHECKING:
    from apothecary.engines.weights import Weights

__all__ = ["app"]

app = typer.Typer(help="Named weights: list, pull, show, verify.", rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A name from `apothecary models list`.", metavar="NAME")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the weights that are known by name, and which of them are here."""
    from apothecary.cli.tables import print_table
    from apothecary.engines.weights import catalogue

    if as_json:
        print(json.dumps([_record(weights) for weights in catalogue()], indent=2))
        return
    rows = [["name", "parameters", "size", "licence", "here"]]
    for weights in catalogue():
        record = _record(weights)
        here = "yes" if record["installed"] else "no"
        rows.append([weights.name, weights.parameters, _size(weights), weights.licence, here])
    print_table(rows, title="Named weights")


@app.command()
def pull(
    name: Name,
    source: Annotated[
        Path | None, typer.Option(help="Take the files from this file or folder instead.", exists=True)
    ] = None,
) -> None:
    """Bring weights to this machine and check their SHA-256."""
    from apothecary.engines.pull import pull as fetch
    from apothecary.engines.weights import find

    weights = find(name)
    with _telling() as on_bytes:
        folder = fetch(weights, source=source, on_bytes=on_bytes)
    print(f"{name}: {folder}")


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show what is known of weights: licence, digests, sources, what they are good for."""
    from apothecary.engines.weights import find

    record = _record(find(name))
    if as_json:
        print(json.dumps(record, indent=2))
        return
    for key, value in record.items():
        if isinstance(value, list):
            print(f"{key}:")
            for file in value:
                print(f"  {file['name']}  sha256 {file['sha256']}  from {', '.join(file['sources'])}")
        else:
            print(f"{key}: {'no' if value is None else value}")


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Argument(help="A name [default: all that are here].", metavar="[NAME]")
    ] = None,
) -> int:
    """Read weights again and compare their SHA-256. Exit 1 when one differs."""
    from apothecary.engines.weights import catalogue, find, installed
    from apothecary.engines.weights import verify as check

    chosen = [find(name)] if name is not None else [weights for weights in catalogue() if installed(weights)]
    if not chosen:
        print("no named weights are on this machine")
    wrong = 0
    for weights in chosen:
        for file, right in check(weights):
            print(f"{'ok   ' if right else 'WRONG'} {weights.name}/{file.name}")
            wrong += not right
    if wrong:
        print("what is wrong comes anew by: apothecary models pull NAME", file=sys.stderr)
    return 1 if wrong else 0


def _record(weights: Weights) -> dict[str, object]:
    from apothecary.engines.weights import installed

    folder = installed(weights)
    hub = [f"Hugging Face Hub {weights.hub}"] if weights.hub else []
    return {
        "name": weights.name,
        "title": weights.title,
        "parameters": weights.parameters,
        "licence": weights.licence,
        "good_for": weights.good_for,
        "installed": str(folder) if folder else None,
        "files": [
            {
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "sources": sorted({piece.partition("/")[0] for piece in file.join}) + hub,
            }
            for file in weights.files
        ],
    }


def _size(weights: Weights) -> str:
    sizes = [file.size for file in weights.files]
    return f"{sum(size or 0 for size in sizes) / 1e6:,.0f} MB" if all(sizes) else "unknown"


@contextmanager
def _telling() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show the progress of a pull: a bar in a terminal, a line for each thing elsewhere."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def line(what: str, done: int, total: int | None) -> None:
            if what not in seen:
                seen.add(what)
                print(what, file=sys.stderr)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
