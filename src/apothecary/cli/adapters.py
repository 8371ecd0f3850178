"""``apothecary adapters``: put an adapter into the weights of its model, or into another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apothecary.training.adapter_form import AdapterForm

__all__ = ["app", "export", "merge"]

app = typer.Typer(help="Adapters: merge into weights, export as GGUF or safetensors.", rich_markup_mode=None)
Adapter = Annotated[Path, typer.Argument(help="Folder of an adapter (PEFT).", exists=True, file_okay=False)]
Model = Annotated[str | None, typer.Option("--model", help="Its model [default: the one it was learnt for].")]


@app.callback()
def _adapters() -> None:
    """Adapters: merge into weights, export as GGUF or safetensors."""


@app.command()
def merge(
    adapter: Adapter,
    out: Annotated[Path, typer.Option("--out", help="New folder for the whole model.")],
    model: Model = None,
    no_biases: Annotated[
        bool,
        typer.Option("--no-biases", help="Of an adapter with roles, for a model that can have no biases."),
    ] = False,
) -> None:
    """Add an adapter to the weights of its model and write the whole model."""
    from apothecary import api

    print(f"use it: --engine {api.merge_adapter(adapter, out, model=model, biases=not no_biases)}")


@app.command()
def export(
    adapter: Adapter,
    out: Annotated[Path, typer.Option("--out", help="FILE.gguf for llama.cpp, or a folder for safetensors.")],
    model: Model = None,
    add: Annotated[
        list[Path] | None, typer.Option("--add", help="Add this adapter of the same model; may be repeated.")
    ] = None,
    mean: Annotated[bool, typer.Option("--mean", help="Write the mean of them instead of the sum.")] = False,
    rank: Annotated[
        int | None, typer.Option("--rank", min=1, help="Write the nearest adapter of this rank.")
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Write GGUF in float16 [default: float32].")] = False,
    drop_roles: Annotated[
        bool, typer.Option("--drop-roles", help="Write a role-conditioned adapter without its role part.")
    ] = False,
) -> None:
    """Write an adapter as GGUF or, in the layout of PEFT, as safetensors; several of them as one, too."""
    from apothecary import api

    form = AdapterForm(tuple(add or ()), mean, rank, half, drop_roles)
    engine = api.export_adapter(adapter, out, model=model, form=form)
    print(f"use it: --engine {engine}")
