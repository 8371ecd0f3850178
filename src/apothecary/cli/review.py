"""``apothecary review``: pages to read, accept, reject and correct; and the decisions as files."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from apothecary.cli.options import Json, Seed
from apothecary.errors import UsageError

__all__ = ["app"]

PAGES = "pages"
NEEDED = ("duckdb", "fastapi", "jinja2", "pyarrow", "uvicorn")
Base = Annotated[
    Path, typer.Argument(help="A knowledge base, a folder with one, or a run folder.", metavar="PATH")
]


class _PagesUnlessNamed(TyperGroup):
    """``review PATH`` is ``review pages PATH``."""

    # The type of the context is one that typer keeps to itself.
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put in the name of the command where it is left out."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [PAGES, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    help="Review what is in a knowledge base, in a browser: apothecary review PATH.",
    rich_markup_mode=None,
    cls=_PagesUnlessNamed,
)


@app.command(PAGES)
def pages(
    path: Base,
    reviewer: Annotated[str, typer.Option(help="Who reviews: comes in without giving a name.")] = "",
    host: Annotated[str, typer.Option(help="What to bind to; other machines need --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 0,
    token: Annotated[
        str, typer.Option(envvar="APOTHECARY_TOKEN", help="What reviewers must know to come in.")
    ] = "",
    blind: Annotated[
        bool, typer.Option("--blind", help="Hide what others decided until one has decided oneself.")
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the pages in a browser.")] = False,
) -> None:
    """Serve the pages (the name of this command may be left out).

    Decisions are kept beside the base as they are made, and put into it at the end.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}", hint="pip install 'apothecary[serve]'")
    from apothecary.review.serving import ReviewOptions, review

    def ready(address: str) -> None:
        print(f"review at {address} (Ctrl+C ends it)", flush=True)
        if open_browser:
            typer.launch(address)

    review(path, ReviewOptions(reviewer, host, port, token, blind), say=_say, on_ready=ready)


@app.command("export")
def export(
    path: Base,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", metavar="FILE")],
    form: Annotated[str, typer.Option(help="gold, sft or preference.", metavar="FORM")] = "gold",
    task: Annotated[str, typer.Option(help="Whose items: relations or combinations.")] = "relations",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write decisions as gold documents for `score`, or as conversations to train on."""
    from apothecary.review.exporting import FORMS, export
    from apothecary.store.opening import store_path

    chosen = next((each for each in FORMS if each == form), None)
    if chosen is None:
        raise UsageError(f"'{form}' is none of {', '.join(FORMS)}", where="--form")
    done = export(store_path(path), chosen, out, task=task, seed=seed)
    if as_json:
        print(json.dumps(asdict(done), indent=2))
        return
    print(f"{done.lines:,} lines of {done.documents:,} documents decided whole: {out}")
    if done.undecided:
        _say(f"left out: {done.undecided:,} documents with items that are undecided")
    if done.refused:
        _say(f"left out: {done.refused:,} documents whose answer no form of question holds")
    if done.same:
        _say(f"left out: {done.same:,} documents that the runs had right")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
