"""``apothecary instruct``: the catalogue of data sets, and typed examples made of one's own copies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import EXIT_CODES, Json, named_path

if TYPE_CHECKING:
    from apothecary.corpora.instruct_build import Built, SplitCounts
    from apothecary.corpora.instruct_catalogue import Entry

__all__ = ["app"]

app = typer.Typer(
    name="instruct",
    help="Data sets for instruction tuning: find them, convert your copies to typed examples.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

LONGEST = 40
"""Characters of a value that are shown."""


@app.command("catalogue")
def catalogue(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words that an entry must hold, all of them.", metavar="WORDS")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="A task (mentions, relations, ...) or a published code.", metavar="TASK"),
    ] = None,
    language: Annotated[str | None, typer.Option(help="en or zh.", metavar="LANGUAGE")] = None,
    mixture: Annotated[
        bool, typer.Option("--mixture", help="Show what the published mixture was made of instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search the data sets: what they are for, their licence, where they are, what converts them."""
    from apothecary.cli.tables import print_table
    from apothecary.corpora.instruct_catalogue import search

    if mixture:
        _show_mixture(task, language, as_json=as_json)
        return
    found = search(words or (), task=task, language=language)
    if as_json:
        print(json.dumps([entry.figures() for entry in found], indent=2, ensure_ascii=False))
        return
    head = ["name", "tasks", "language", "size", "licence", "converter", "source"]
    published = sum(entry.published for entry in found)
    title = f"{published} of the published catalogue, {len(found) - published} besides"
    print_table([head, *map(_entry_row, found)], title=title)
    if len(found) == 1:
        _show_entry(found[0])


@app.command("build")
def build(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Converters as the catalogue names them; cblue or bentsao for all in it; FILE.toml for a set"
            " of your own.",
            metavar="NAME",
        ),
    ],
    data: Annotated[Path, typer.Option(help="Folder of your copies.", parser=named_path, metavar="FOLDER")],
    out: Annotated[Path, typer.Option(help="Folder to write to.", parser=named_path, metavar="DIR")],
    accept_licence: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-licence", help="You have read the terms of NAME and keep to them.", metavar="NAME"
        ),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out",
            help="Documents to leave out: set, id [default: held_out.tsv of the folder of copies].",
            metavar="FILE",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Convert your copies of data sets to typed examples: NAME.jsonl, counts.json and errors.jsonl.

    Nothing is downloaded. A record that is no example costs itself only, and a set that cannot be read does
    not stop the others: the exit code is 1 then.
    """
    from apothecary import instruct

    listed = held_out or instruct.held_out_of(data)
    built = instruct.build(names, data, out, accepted=accept_licence or (), held_out=listed)
    if as_json:
        print(json.dumps(built.figures(), indent=2, ensure_ascii=False))
    else:
        _show_built(built, out, "nothing is held out: there is no list" if listed is None else "")
    if not built.complete:
        raise typer.Exit(EXIT_CODES["incomplete"])


def _entry_row(entry: Entry) -> list[str]:
    licence = entry.licence or "not known"
    values = [entry.name, ", ".join(entry.tasks) or ", ".join(entry.codes), entry.language, entry.size]
    return [_short(value) for value in (*values, licence, entry.converter or "-", entry.source)]


def _show_entry(entry: Entry) -> None:
    for key, value in entry.figures().items():
        if value:
            print(f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")


def _show_mixture(task: str | None, language: str | None, *, as_json: bool) -> None:
    from apothecary.cli.tables import print_table
    from apothecary.corpora.instruct_catalogue import mixture

    shares = [
        share for share in mixture() if task in (None, share.code) and language in (None, share.language)
    ]
    if as_json:
        rows = [
            {"name": s.name, "task": s.code, "language": s.language, "samples": s.samples} for s in shares
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    rows_shown = [[share.name, share.code, share.language, f"{share.samples:,}"] for share in shares]
    total = sum(share.samples for share in shares)
    title = f"{len(shares)} rows, {total:,} samples"
    print_table([["name", "task", "language", "samples"], *rows_shown], title=title)


def _show_built(built: Built, out: Path, note: str) -> None:
    from apothecary.cli.tables import print_table

    rows = [row for split in built.splits for row in _split_rows(split)]
    title = f"{out}: {_sum(built, 'examples')} examples, {_sum(built, 'bad')} bad rows in errors.jsonl"
    print_table([["data set", "split", "task", "examples", "held out", "bad"], *rows], title=title)
    for name, reason in built.failed.items():
        print(f"not read: {name}: {reason}")
    if note:
        print(note)


def _split_rows(split: SplitCounts) -> list[list[str]]:
    """A row for each task; bad rows belong to none and stand with the first."""
    tasks: Sequence[str] = list(dict.fromkeys((*split.examples, *split.held_out))) or ["-"]
    return [
        [
            split.dataset,
            split.split,
            task,
            f"{split.examples.get(task, 0):,}",
            f"{split.held_out.get(task, 0):,}",
            f"{split.bad:,}" if place == 0 else "",
        ]
        for place, task in enumerate(tasks)
    ]


def _sum(built: Built, key: str) -> str:
    figures: Mapping[str, object] = built.figures()
    value = figures[key]
    return f"{value:,}" if isinstance(value, int) else ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
