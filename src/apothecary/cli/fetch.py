"""``apothecary fetch``: abstracts and full texts from NLM into a folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import Json, named_path

if TYPE_CHECKING:
    from apothecary.runs.fetch import Fetched

__all__ = ["fetch"]

SHOWN_IDS = 5


def fetch(
    out: Annotated[
        Path,
        typer.Option(help="Folder for the files, one for each article.", parser=named_path, metavar="<path>"),
    ],
    ids: Annotated[
        list[str] | None, typer.Argument(help="12345, PMID:12345 or PMC12345.", metavar="PMID|PMCID")
    ] = None,
    ids_file: Annotated[
        Path | None, typer.Option("--ids", help="More ids, one on a line; - is standard input.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Fetch what is there already as well.")] = False,
    as_json: Json = False,
) -> int:
    """Fetch abstracts (PMID) and open full texts (PMCID). The same command goes on where it was stopped."""
    from apothecary.runs import fetch as runs

    wanted = [*(ids or ()), *(runs.read_ids(ids_file) if ids_file else ())]
    with _bar() as on_progress:
        result = runs.fetch(wanted, out, options=runs.FetchOptions(fresh=fresh), on_progress=on_progress)
    _tell(result, as_json=as_json)
    return 1 if result.missing or result.failed else 0


def _tell(result: Fetched, *, as_json: bool) -> None:
    if as_json:
        record = {
            "folder": str(result.folder),
            "fetched": result.fetched,
            "already_there": result.present,
            "not_found": result.missing,
            "failed": result.failed,
        }
        print(json.dumps(record, indent=2))
        return
    reasons: dict[str, list[str]] = {}
    for each, reason in result.failed.items():
        reasons.setdefault(reason, []).append(each)
    for reason, names in reasons.items():
        print(f"failed: {_some(names)}: {reason}", file=sys.stderr)
    if result.missing:
        print(f"not found: {_some(result.missing)} ({result.missing_file})", file=sys.stderr)
    counts = f"fetched {len(result.fetched)}, already there {len(result.present)}"
    counts += f", not found {len(result.missing)}"
    counts += f", failed {len(result.failed)}" if result.failed else ""
    print(f"{counts} -> {result.folder}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_IDS} more" if len(names) > SHOWN_IDS else ""
    return f"{', '.join(names[:SHOWN_IDS])}{more}"


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Progress on standard error, in a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("articles", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
