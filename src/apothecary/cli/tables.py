"""Tables for people: rich in a terminal, aligned plain lines elsewhere. Programs take --json."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apothecary.runs.ledger import Ledger

__all__ = ["ledger_table", "one_line", "print_table"]


def one_line(text: str) -> str:
    """Without line breaks and whatever else a terminal would obey: documents may hold anything."""
    return "".join(character if character.isprintable() else " " for character in text)


def print_table(rows: Sequence[Sequence[str]], *, title: str) -> None:
    """Print rows, headings first. The first column is text, the others are aligned as numbers."""
    if not sys.stdout.isatty():
        print(title)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for first, *others in rows:
            aligned = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            print("  ".join([first.ljust(widths[0]), *aligned]).rstrip())
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for position, heading in enumerate(rows[0]):
        # Names are whole or nothing: the other columns give way in a narrow terminal.
        is_name = position == 0
        table.add_column(Text(heading), justify="left" if is_name else "right", no_wrap=is_name)
    for row in rows[1:]:
        # Text, not str: a name such as "[red]" from a document is not markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def ledger_table(ledger: Ledger, documents: int) -> list[list[str]]:
    """A ledger as rows: calls, cache hits and tokens by step, their sum, and the mean for a document."""
    rows = [["step", "calls", "cached replies", "prompt tokens", "from prefix", "new tokens", "seconds"]]
    for name, spent in [*sorted(ledger.steps.items()), ("all", ledger.total)]:
        counts = (spent.calls, spent.cache_hits, spent.prompt_tokens)
        shared = f"{spent.cached_tokens / spent.prompt_tokens:.0%}" if spent.prompt_tokens else "-"
        rows.append(
            [
                name,
                *(f"{count:,}" for count in counts),
                shared,
                f"{spent.completion_tokens:,}",
                f"{spent.seconds:,.1f}",
            ]
        )
    if documents:
        total = ledger.total
        means = (total.calls, total.cache_hits, total.prompt_tokens)
        rows.append(
            [
                "per document",
                *(f"{count / documents:,.1f}" for count in means),
                "",
                f"{total.completion_tokens / documents:,.1f}",
                f"{total.seconds / documents:,.2f}",
            ]
        )
    return rows
