"""``apothecary adapters``: put an adapter into the weights of its model, or into another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.train_sft import NEEDED, check_installed
from apothecary.errors import UsageError

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
) -> None:
    """Add an adapter to the weights of its model and write the whole model."""
    check_installed(NEEDED)
    from apothecary.training.adapter_files import merge_adapter

    merge_adapter(_model(adapter, model), adapter, out)
    print(f"use it: --engine hf:{out}")


@app.command()
def export(
    adapter: Adapter,
    out: Annotated[Path, typer.Option("--out", help="FILE.gguf for llama.cpp, or a folder for safetensors.")],
    model: Model = None,
    add: Annotated[
        list[Path] | None, typer.Option("--add", help="Add this adapter of the same model; may be repeated.")
    ] = None,
) -> None:
    """Write an adapter as GGUF or, in the layout of PEFT, as safetensors; sums of adapters too."""
    check_installed(NEEDED)
    from dataclasses import replace

    from apothecary.training.adapter_files import read_adapter, summed, write_adapter
    from apothecary.training.gguf_lora import engine_with, write_gguf_lora

    of = _model(adapter, model)
    found = read_adapter(adapter)
    for each in add or ():
        found = summed(found, read_adapter(each))
    if out.suffix == ".gguf":
        out.parent.mkdir(parents=True, exist_ok=True)
        write_gguf_lora(found, of, out)
        print(f"use it: --engine {engine_with(of, out)}")
        return
    if out.exists():
        raise UsageError("is there already", where=str(out), hint="name a new folder, or FILE.gguf")
    write_adapter(replace(found, base=of), out)
    print(f"use it: --engine {engine_with(of, out)}")


def _model(adapter: Path, given: str | None) -> str:
    from apothecary.training.adapter_files import read_adapter

    name = given or read_adapter(adapter).base
    if not name:
        raise UsageError("does not say for which model it is", where=str(adapter), hint="--model NAME")
    return name
