"""Edges as JSON Lines, one whole edge a line, and as CSV, three tables that join by ``edge``.

CSV is for spreadsheets: a text that one would take for a formula has a ``'`` before it
(`vocab.spreadsheet_cells`). JSON Lines holds every text as it is.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from apothecary.store.edge_rows import Edge
from apothecary.vocab.spreadsheet_cells import guarded

__all__ = ["edge_record", "write_csv", "write_jsonl"]

_TABLES = {
    "edges": (
        *("edge", "task", "type", "belief", "documents", "against", "contradicted", "accepted", "rejected"),
        "statement",
    ),
    "arguments": ("edge", "role", "concept", "name", "kind"),
    "statements": (
        *("edge", "document", "title", "source", "confidence", "polarity", "setting", "verdict"),
        *("start", "end", "quote"),
    ),
}


def edge_record(edge: Edge) -> dict[str, object]:
    """The edge as JSON values, with all that it rests on."""
    return asdict(edge)


def write_jsonl(edges: Iterable[Edge], path: Path) -> Counter[str]:
    """One edge a line. Counts what was written."""
    counts: Counter[str] = Counter(edges=0, statements=0)
    with path.open("w", encoding="utf-8", newline="") as stream:
        for edge in edges:
            stream.write(json.dumps(edge_record(edge), ensure_ascii=False, allow_nan=False) + "\n")
            counts.update(edges=1, statements=len(edge.statements))
    return counts


def write_csv(edges: Iterable[Edge], folder: Path) -> Counter[str]:
    """``edges.csv``, ``arguments.csv`` and ``statements.csv``. Counts their rows."""
    counts: Counter[str] = Counter(dict.fromkeys(_TABLES, 0))
    with ExitStack() as stack:
        writers = {}
        for name, columns in _TABLES.items():
            stream = stack.enter_context((folder / f"{name}.csv").open("w", encoding="utf-8", newline=""))
            writers[name] = csv.writer(stream)
            writers[name].writerow(columns)
        for edge in edges:
            for name, row in _rows(edge):
                writers[name].writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
                counts[name] += 1
    return counts


def _rows(edge: Edge) -> Iterator[tuple[str, Sequence[object]]]:
    known = asdict(edge)
    parties = "; ".join(f"{each.role} {each.name}" for each in edge.arguments)
    yield "edges", [*(known[name] for name in _TABLES["edges"][:-1]), f"{edge.type}: {parties}"]
    for party in edge.arguments:
        yield "arguments", [edge.edge, party.role, party.concept, party.name, party.kind]
    for said in edge.statements:
        about = [
            *(edge.edge, said.document, said.title, said.source, said.confidence),
            *(said.polarity, said.setting, said.verdict),
        ]
        # A statement without a sentence is a row as well: it counts.
        for quote in said.evidence or (None,):
            place = [quote.start, quote.end, quote.quote] if quote else ["", "", ""]
            yield "statements", [*about, *place]
