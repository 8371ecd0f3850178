"""What a run found, for the eye: its first relations and conditions with the words they rest on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from apothecary.cli.tables import one_line
from apothecary.documents import Document, Relation
from apothecary.formats.records import from_record
from apothecary.runs.folder import read_lines

__all__ = ["print_found"]

WIDTH = 110
_ALIKE = frozenset({"drug"})
"""Roles of arguments that stand side by side; others follow from one to the next."""


def print_found(folder: Path, most: int) -> None:
    """Print up to `most` findings of a run folder, in the order of its documents."""
    found = list(islice(_findings(folder), most + 1)) if most else []
    if found:
        print("found, among others:" if len(found) > most else "found:")
    for what, words in found[:most]:
        print(f"  {what}\n      {words}")


def _findings(folder: Path) -> Iterator[tuple[str, str]]:
    """What is said, and the words that it rests on."""
    for record in read_lines(folder / "predictions.jsonl"):
        document = from_record(record, where=str(folder))
        for relation in document.relations:
            sure = "" if relation.confidence is None else f"  {relation.confidence:.2f}"
            told = one_line(f"{document.id}  {relation.type}  {_names(document, relation)}")
            yield f"{told}{sure}", _quoted(relation.evidence[0].quote if relation.evidence else "")
        for condition in document.conditions:
            around = document.text[max(0, condition.span.start - 40) : condition.span.end + 40]
            yield one_line(f"{document.id}  {condition.type}  {condition.text}"), _quoted(around)


def _names(document: Document, relation: Relation) -> str:
    names = [document.concept(each.concept).names[0] for each in relation.arguments]
    alike = all(each.role in _ALIKE for each in relation.arguments)
    return (" + " if alike else " -> ").join(names)


def _quoted(text: str) -> str:
    return f'"{textwrap.shorten(one_line(text), WIDTH, placeholder=" ...")}"' if text.strip() else "-"
