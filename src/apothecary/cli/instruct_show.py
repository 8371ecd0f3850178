"""``apothecary instruct show``: samples of instructions as a person would read them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import EXIT_CODES, Encoding, Json, named_path
from apothecary.cli.tables import one_line

if TYPE_CHECKING:
    from apothecary.formats.instruction_rows import Instruction

__all__ = ["show"]


def show(
    file: Annotated[
        Path,
        typer.Argument(
            help="Instruction records, or typed examples as build writes them; JSON Lines.",
            metavar="FILE",
            parser=named_path,
        ),
    ],
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 5,
    task: Annotated[
        str, typer.Option(help="A task (mentions, choice, ...) or a published code (NER, QA_choice).")
    ] = "",
    language: Annotated[str, typer.Option(help="en, zh, en-zh or zh-en.", metavar="LANGUAGE")] = "",
    seed: Annotated[int, typer.Option(help="Another seed shows others.")] = 0,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Show some of the instructions of a file: what is asked, what is to be answered, and where it is from.

    Bad lines are left out and counted; the exit code is 1 then.
    """
    from apothecary.errors import UsageError
    from apothecary.formats.instruction_rows import to_row
    from apothecary.runs.instruction_samples import draw

    found = draw(file, count=count, task=task, language=language, seed=seed, encoding=encoding)
    if not found.read and not found.bad:
        raise UsageError("no instruction", where=str(file))
    for error in found.errors:
        print(error, file=sys.stderr)
    if as_json:
        print(json.dumps([to_row(each) for each in found.drawn], indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _panels(found.drawn)
    else:
        print("\n".join(_lines(place, each) for place, each in enumerate(found.drawn, 1)), end="")
    if not as_json:
        more = f", {found.bad:,} bad lines" if found.bad else ""
        print(f"{len(found.drawn):,} of {found.fitting:,} that fit, {found.read:,} in all{more}")
    if found.bad:
        raise typer.Exit(EXIT_CODES["incomplete"])


def _head(instruction: Instruction) -> str:
    told = (
        instruction.category,
        f"{instruction.dataset} {instruction.split}".strip(),
        instruction.language,
        instruction.template_id,
        instruction.source_id and f"from {instruction.source_id}",
    )
    return " | ".join(one_line(each) for each in told if each)


def _lines(place: int, instruction: Instruction) -> str:
    parts = [f"{place}  {_head(instruction)}\n"]
    for turn in instruction.conversation:
        for name, text in (("asked", turn.asked), ("answer", turn.answered)):
            parts += [f"   {name}:\n", *(f"      {one_line(line)}\n" for line in text.split("\n"))]
    return "".join(parts) + "\n"


def _panels(instructions: tuple[Instruction, ...]) -> None:
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.rule import Rule
    from rich.text import Text

    console = Console()
    for instruction in instructions:
        parts: list[Text | Rule] = []
        for turn in instruction.conversation:
            parts += [Rule(style="dim")] if parts else []
            # Text, not str: what a corpus writes is no markup.
            parts += [Text(_printable(turn.asked)), Rule("answer", style="dim", align="left")]
            parts.append(Text(_printable(turn.answered), style="bold"))
        console.print(Panel(Group(*parts), title=Text(_head(instruction)), title_align="left"))


def _printable(text: str) -> str:
    return "\n".join(map(one_line, text.split("\n")))
