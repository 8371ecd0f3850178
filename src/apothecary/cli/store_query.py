"""``apothecary store query``: ask the knowledge base, or run a SELECT on it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary import ADVICE
from apothecary.cli.options import Json, MaxSeconds, named_path
from apothecary.cli.tables import one_line, print_table
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.store.query import Edge, Found
    from apothecary.store.query_conditions import Limit
    from apothecary.store.query_says import Evidence
    from apothecary.store.query_sql import Rows

__all__ = ["query"]

SHOWN_CONDITIONS = 6
"""Of one type, for one edge."""
LONGEST_CELL = 60
LONGEST_QUOTE = 400
WIDTH = 110
_PLACES = {
    "sentence": "in the sentence",
    "document": "in the document",
    "statement": "in another statement about the document",
}
_ALIKE = frozenset({"drug"})
_Names = list[str] | None


def query(
    store: Annotated[Path, typer.Argument(help="A knowledge base.", metavar="KB.duckdb")],
    drugs: Annotated[_Names, typer.Option("--drug", help="A drug it must be about; may be repeated.")] = None,
    diseases: Annotated[
        _Names, typer.Option("--disease", help="A disease that it, or its documents, must name.")
    ] = None,
    genes: Annotated[
        _Names, typer.Option("--gene", help="A gene that it, or its documents, must name.")
    ] = None,
    concepts: Annotated[
        _Names, typer.Option("--concept", help="A concept of any kind.", metavar="CURIE")
    ] = None,
    type_: Annotated[str, typer.Option("--type", help="Type of relation: POS, CID, ...")] = "",
    task: Annotated[str, typer.Option("--task", help="relations or combinations.")] = "",
    condition: Annotated[
        str, typer.Option("--condition", help="A type of conditions (Age, Dosage), or words in one.")
    ] = "",
    min_belief: Annotated[float, typer.Option("--min-belief", min=0, max=1, help="Least belief.")] = 0.0,
    text: Annotated[
        str,
        typer.Option("--text", help="Words its documents must hold, by their beginning.", metavar="WORDS"),
    ] = "",
    sql: Annotated[str, typer.Option("--sql", help="Run this SELECT instead.", metavar="SELECT...")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, max=1000, help="Most rows.")] = 20,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Rows to pass over.")] = 0,
    evidence: Annotated[
        int, typer.Option("--evidence", min=1, max=100, help="Statements shown of each row.")
    ] = 3,
    max_seconds: MaxSeconds = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page.", parser=named_path, metavar="FILE.html"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a knowledge base: which statements, how sure, under which conditions, and who says so.

    A name may be a CURIE (MESH:D017239). All that is asked for must hold. --max-seconds bounds --sql alone.
    """
    from apothecary.store.opening import opened
    from apothecary.store.query import Question, ask
    from apothecary.store.query_sql import DEFAULT_SECONDS, select

    question = Question(
        tuple(drugs or ()),
        tuple(diseases or ()),
        tuple(genes or ()),
        tuple(concepts or ()),
        task,
        type_,
        condition,
        text,
        min_belief,
        limit,
        offset,
    )
    if sql:
        if question != Question(limit=limit) or html:
            raise UsageError("goes with --limit, --max-seconds and --json alone", where="--sql")
        rows = select(store, sql, limit=limit, seconds=max_seconds or DEFAULT_SECONDS)
        _tell_rows(rows, as_json=as_json)
        return
    with opened(store) as connection:
        found = ask(connection, question, evidence=evidence)
    if html:
        from apothecary.runs.answer_page import answer_page
        from apothecary.runs.durable import replace_text

        replace_text(html, [answer_page(found.to_record())])
    if as_json:
        print(json.dumps(found.to_record(), indent=2, ensure_ascii=False))
        return
    _tell(found)
    if html:
        print(f"page: {html}")


def _tell(found: Found) -> None:
    for note in found.notes:
        print(f"note: {one_line(note)}", file=sys.stderr)
    if not found.edges:
        print("no edge fits" if not found.total else f"{found.total:,} edges fit; none is left from there on")
        return
    first = found.question.offset + 1
    shown = f"{first:,} to {first - 1 + len(found.edges):,} of {found.total:,} edges by belief. {ADVICE}"
    if not sys.stdout.isatty():
        print(shown)
        for number, edge in enumerate(found.edges, first):
            _print_edge(number, edge)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(shown, style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_lines=True,
    )
    table.add_column("belief", justify="right", no_wrap=True)
    table.add_column("what", ratio=2)
    table.add_column("who says so", ratio=3)
    for edge in found.edges:
        what = Text(_names(edge), style="bold")
        what.append("\n" + "\n".join(_facts(edge)), style="not bold")
        # Text, not str: a name such as "[red]" from a document is not markup.
        table.add_row(Text(f"{edge.belief:.2f}"), what, Text("\n".join(_said(edge))))
    Console().print(table)


def _print_edge(number: int, edge: Edge) -> None:
    print(f"\n{number}  {edge.belief:.2f}  {_names(edge)}")
    width = max(WIDTH, shutil.get_terminal_size().columns)
    for line in (*_facts(edge), *_said(edge)):
        print(textwrap.fill(line, width, initial_indent="    ", subsequent_indent="      "))


def _names(edge: Edge) -> str:
    joint = " + " if all(each.role in _ALIKE for each in edge.arguments) else " -> "
    return one_line(joint.join(each.name or each.concept for each in edge.arguments))


def _facts(edge: Edge) -> Iterator[str]:
    """What is known of an edge: its type, how many say it, what was asked for, in whom and at what dose."""
    told = [one_line(edge.type), _counted(edge.documents, "document")]
    told += [f"{edge.against:,} against"] if edge.against else []
    told += ["contradicted"] if edge.contradicted else []
    told += [f"accepted in {edge.accepted:,}"] if edge.accepted else []
    told += [f"rejected in {edge.rejected:,}"] if edge.rejected else []
    yield ", ".join(told)
    for each in edge.context:
        many = f" ({_counted(each.documents, 'document')})" if each.documents else ""
        yield one_line(f"{each.asked}: {_PLACES[each.place]}{many}")
    by_type: dict[str, list[Limit]] = {}
    for limit in edge.conditions:
        by_type.setdefault(limit.type, []).append(limit)
    for type_, limits in by_type.items():
        words = list(dict.fromkeys(_limited(limit, edge) for limit in limits))
        more = f"; {len(words) - SHOWN_CONDITIONS} more" if len(words) > SHOWN_CONDITIONS else ""
        yield f"{one_line(type_)}: {'; '.join(words[:SHOWN_CONDITIONS])}{more}"


def _limited(limit: Limit, edge: Edge) -> str:
    """A condition; what it was told of is said where that is not all that the edge is of."""
    same = set(limit.of) == {each.name for each in edge.arguments}
    of = f" ({', '.join(limit.of)})" if limit.of and not same else ""
    return one_line(f"{limit.text}{of} [{limit.document}]")


def _said(edge: Edge) -> Iterator[str]:
    """Its sentences, below the document they stand in and who read it so."""
    shown = set()
    for each in edge.evidence:
        if each.relation not in shown:
            yield one_line(_by(each))
        shown.add(each.relation)
        quote = textwrap.shorten(one_line(each.quote), LONGEST_QUOTE, placeholder=" ...")
        nearest = "" if each.given else ", the nearest sentence"
        yield f'"{quote}" ({each.start}-{each.end}{nearest})' if quote else "no sentence is known"
    if edge.statements > len(shown):
        yield f"{edge.statements - len(shown):,} more statements"


def _by(each: Evidence) -> str:
    told = [each.document, each.source]
    told += ["confidence unknown" if each.confidence is None else f"{each.confidence:.2f}"]
    told += [each.polarity] if each.polarity in ("negated", "speculative") else []
    told += [f"in {each.setting}"] if each.setting != "unknown" else []
    told += ["RETRACTED"] if each.retracted else []
    told += [f"{review.reviewer}: {review.verdict}" for review in each.reviews]
    return ", ".join(filter(None, told))


def _tell_rows(found: Rows, *, as_json: bool) -> None:
    if as_json:
        record = {"columns": found.columns, "rows": found.rows, "more": found.more}
        print(json.dumps(record, indent=2, ensure_ascii=False, default=str))
        return

    cells = [["NULL" if cell is None else _cell(cell) for cell in row] for row in found.rows]
    print_table([list(map(_cell, found.columns)), *cells], title=_counted(len(cells), "row"))
    if found.more:
        print("note: there are more rows (--limit)", file=sys.stderr)


def _cell(value: object) -> str:
    return textwrap.shorten(one_line(str(value)), LONGEST_CELL, placeholder="...")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
