"""``apothecary store``: build the knowledge base; what is done with it has files of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import Json, Set, named_path, read_settings
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.store.build import Built

__all__ = ["app", "build"]

SHOWN_PROBLEMS = 10

app = typer.Typer(
    help="Knowledge base: build, query, export, list interactions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _store() -> None:
    """Knowledge base: build, query, export, list interactions."""


@app.command()
def build(
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="The base, a DuckDB file.", parser=named_path, metavar="KB.duckdb"),
    ],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders, and files of documents with annotations or retractions. Without any: fold in"
            " reviewers' decisions and assemble anew.",
            metavar="RUN...",
        ),
    ] = None,
    vocabulary: Annotated[
        str,
        typer.Option(
            help="For names without ids: own, none, or files (MeSH, RxNorm, Gilda, OBO, a table), separated"
            " by commas [default: as before, else own].",
            metavar="FILE|own|none",
        ),
    ] = "",
    settings: Set = None,
    as_json: Json = False,
) -> int:
    """Bring a knowledge base to what runs say now. The same command again changes nothing."""
    from apothecary.store.build import BuildOptions
    from apothecary.store.build import build as build_base

    memory, errors = _options(read_settings(None, settings, "store"))
    options = BuildOptions(vocabulary, errors, memory or BuildOptions.memory)
    with _progress() as on_progress:
        built = build_base(runs or [], out, options, on_progress)
    _tell(built, as_json=as_json)
    return 1 if built.problems else 0


def _options(settings: Mapping[str, object]) -> tuple[str, dict[str, float]]:
    """What DuckDB may hold, and chances of errors by name."""
    memory, errors = "", dict[str, float]()
    for key, value in settings.items():
        if key == "memory":
            memory = str(value)
            continue
        try:
            errors[key] = float(str(value))
        except ValueError as error:
            raise UsageError(f"{key}={value} is no number", where="--set", hint="write random=0.2") from error
    return memory, errors


def _tell(built: Built, *, as_json: bool) -> None:
    for note in built.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in built.problems[:SHOWN_PROBLEMS]:
        print(f"failed: {problem}", file=sys.stderr)
    if len(built.problems) > SHOWN_PROBLEMS:
        print(f"failed: {len(built.problems) - SHOWN_PROBLEMS:,} more items", file=sys.stderr)
    if as_json:
        print(json.dumps(asdict(built) | {"store": str(built.store)}, ensure_ascii=False, indent=2))
        return
    done = [f"{built.documents:,} documents added"]
    told = {
        "changed": built.changed,
        "unchanged": built.unchanged,
        "removed": built.removed,
        "retracted": built.retracted,
    }
    done += [f"{count:,} {what}" for what, count in told.items() if count]
    if built.decisions:
        done.append(f"decisions about {built.decisions:,} edges")
    print(", ".join(done))
    print(
        f"{built.relations:,} relations -> {built.edges:,} edges between {built.concepts:,} concepts,"
        f" {built.conditions:,} conditions -> {built.store}"
    )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, in a terminal only."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("documents", total=None)
        yield lambda name, done, total: bar.update(
            task, description=name, completed=done, total=total or None
        )
