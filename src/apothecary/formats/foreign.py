"""Relations predicted elsewhere, as prediction records: so that they can be scored like a run.

What a file is, is told by how it begins:

1. A table, comma- or tab-separated, with a line of headings: ``id``, ``type``, ``head`` and ``tail`` (names),
   and perhaps ``head_id``, ``tail_id`` and ``confidence``, in any order and any case; other columns are
   ignored. Either of ``head`` and ``head_id`` may be missing, and likewise of the tail. Quoting after
   RFC 4180. Several ids are joined by `|` or `;`. A row is a relation.
2. PubTator or BioC (XML, JSON) with relation lines.
3. The relation rows that the released code of LLMRE (arXiv 2505.01077) writes: 14 columns separated by
   `|`, or 15 with the code of the answer: string, type, sentence, token span, cluster and flag of the head;
   the relation; the same six of the tail; the code; the document. There is a row for each two mentions of
   two clusters. Rows are joined by document, head cluster, relation and tail cluster.

Of the last:

- Values are not escaped, so a string that holds `|` makes a row of another width: an error, since where the
  string ends is anybody's guess.
- The relation that the release calls ``induce`` is ``CID`` of the CDR corpus, by which gold calls it.
- A side is broader when the rows flag any of its strings (H). The released scorer looks at the last row.
- The released positions (sentence and token) are dropped: records compare strings.

A table has nothing to say of a document without relations; such a document counts as empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats import bioc_json, bioc_xml, pubtator, records
from apothecary.formats.delimited import read_cells
from apothecary.formats.kinds import kind_of
from apothecary.formats.lines import check_encoding, open_bytes, printable, read_lines

__all__ = ["ForeignKind", "convert", "foreign_kind", "read_foreign"]

ForeignKind = Literal["csv", "tsv", "llmre", "pubtator", "bioc_xml", "bioc_json"]
Record = dict[str, object]
Item = tuple[int, Record] | DataError

HEADINGS = ("id", "type", "head", "tail", "head_id", "tail_id", "confidence")
RELEASED_NAMES = {"induce": "CID"}
"""Relation types under another name than gold has."""

_SNIFFED_BYTES = 64 * 1024
_TITLE_LINE = re.compile(r"[^|\s]+\|t\|")
_TOKENS = re.compile(r"\|\[[0-9]+, ?[0-9]+\]\|")
_TOKEN_SPAN = re.compile(r"\[[0-9]+, ?[0-9]+\]")
_BIOC_KEY = re.compile(r'"(?:documents|passages)"\s*:')
_WIDTHS = (14, 15)


@dataclass
class _Cluster:
    """The head or the tail of a relation of the released rows, while they are read."""

    texts: dict[str, None] = field(default_factory=dict)
    broader: bool = False

    def side(self) -> Record:
        """As a prediction record has it."""
        return {"texts": list(self.texts), "ids": [], "broader": self.broader}


def foreign_kind(path: Path, *, encoding: str = "utf-8") -> ForeignKind | None:
    """What a file holds, by its first 64 KiB; None for anything else (such as JSON Lines of our own).

    Raises FormatError when it cannot be read, UsageError for an unknown encoding.
    """
    check_encoding(encoding)
    with open_bytes(path) as stream:
        head = stream.read(_SNIFFED_BYTES)
    start = head.decode(encoding, "replace").removeprefix("\ufeff").lstrip()
    if head.startswith(b"\x1f\x8b") or start.startswith("<"):
        return "bioc_xml" if kind_of(path, encoding) == "bioc_xml" else None
    if start.startswith("{") and _BIOC_KEY.search(start) and '"infons"' in start:
        return "bioc_json"
    line = start.partition("\n")[0]
    if _TITLE_LINE.match(line):
        return "pubtator"
    if line.count("|") >= min(_WIDTHS) - 1 and _TOKENS.search(line):
        return "llmre"
    if _is_heading(line.split("\t")):
        return "tsv"
    return "csv" if _is_heading(line.split(",")) else None


def read_foreign(path: Path, *, encoding: str = "utf-8") -> Iterator[Item]:
    """Yield a prediction record for each document, with the line it begins at (0: not known).

    What is wrong with a row or a document comes as a DataError value. Tables and released rows are read whole
    before the first record, since the rows of a document may stand anywhere. Raises FormatError for a file
    that cannot be read or is none of ours, UsageError for an unknown encoding.
    """
    kind = foreign_kind(path, encoding=encoding)
    if kind is None:
        raise FormatError(
            "no predictions that can be read",
            where=printable(path),
            hint=f"a table with the headings {', '.join(HEADINGS[:4])}; PubTator; BioC; or JSON Lines",
        )
    if kind == "llmre":
        yield from _released(path, encoding)
    elif kind in ("csv", "tsv"):
        yield from _table(path, encoding, "\t" if kind == "tsv" else ",")
    else:
        readers = {"pubtator": pubtator.read, "bioc_xml": bioc_xml.read, "bioc_json": bioc_json.read}
        for item in readers[kind](path, encoding=encoding):
            yield item if isinstance(item, DataError) else _of_document(item)


def convert(path: Path, out: Path, *, encoding: str = "utf-8") -> int:
    """Write the records of a file as JSON Lines, whole or not at all; gives their number.

    Raises the first error of the input, and FormatError when the output cannot be written.
    """
    lines = []
    for item in read_foreign(path, encoding=encoding):
        if isinstance(item, DataError):
            raise item
        lines.append(json.dumps(item[1], ensure_ascii=False) + "\n")
    temporary = out.with_name(f"{out.name}.new")
    try:
        temporary.write_text("".join(lines), encoding="utf-8", newline="")
        temporary.replace(out)
    except (OSError, UnicodeEncodeError) as error:
        raise FormatError(f"cannot be written: {error}", where=printable(out)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return len(lines)


# --- tables ---------------------------------------------------------------------------------------


def _is_heading(cells: Sequence[str]) -> bool:
    names = set(_names(cells))
    return {"id", "type"} <= names and all(names & {side, f"{side}_id"} for side in ("head", "tail"))


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"').strip().lower() for cell in cells]


def _table(path: Path, encoding: str, delimiter: str) -> Iterator[Item]:
    found: dict[str, tuple[int, list[Record]]] = {}
    names: list[str] = []
    for row in read_cells(path, encoding, delimiter):
        if isinstance(row, FormatError):
            yield row
            if not names:
                # The heading: without it the next row would be taken for one.
                return
            continue
        line, cells = row
        where = f"{printable(path)}:{line}"
        if not names:
            if not _is_heading(cells):
                hint = "its first row names the columns: id,type,head,tail"
                yield FormatError("the heading is damaged", where=where, hint=hint)
                return
            names = _names(cells)
            twice = [name for name in HEADINGS if names.count(name) > 1]
            if twice:
                yield FormatError(f"the heading {twice[0]} occurs twice", where=where, hint="rename one")
                return
        elif len(cells) != len(names):
            hint = "quote a value that holds the separator"
            yield FormatError(f"{len(cells)} columns, not {len(names)}", where=where, hint=hint)
        else:
            try:
                document, relation = _relation(dict(zip(names, map(str.strip, cells), strict=True)), where)
            except FormatError as error:
                yield error
                continue
            found.setdefault(document, (line, []))[1].append(relation)
    yield from ((line, _record(document, rows)) for document, (line, rows) in found.items())


def _relation(row: Mapping[str, str], where: str) -> tuple[str, Record]:
    for key in ("id", "type"):
        if not row[key]:
            raise FormatError(f"the {key} is empty", where=where, hint="a row is a relation of a document")
    relation: Record = {"type": row["type"]}
    for side in ("head", "tail"):
        text = row.get(side, "")
        ids = [each.strip() for each in re.split(r"[|;]", row.get(f"{side}_id", "")) if each.strip()]
        if not text and not ids:
            raise FormatError(f"the {side} has neither a name nor an id", where=where)
        relation[side] = {"texts": [text] if text else [], "ids": ids, "broader": False}
    if row.get("confidence"):
        relation["confidence"] = _share(row["confidence"], where)
    return row["id"], relation


def _share(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        hint = "a number of 0-1, or nothing"
        raise FormatError(f"the confidence {text!r} is no probability", where=where, hint=hint)
    return value


def _record(document: str, relations: Sequence[Record]) -> Record:
    return {"id": document, "relations": list(relations)}


# --- PubTator and BioC ----------------------------------------------------------------------------


def _of_document(document: Document) -> Item:
    """The record of a document without its text: mentions and concepts stay, relations get their sides."""
    record = records.to_record(document)
    del record["text"]
    rows = record.get("relations", [])
    relations: list[Record] = []
    for row, relation in zip(rows if isinstance(rows, list) else [], document.relations, strict=True):
        sides: Record = {}
        for role in ("head", "tail"):
            try:
                concept = document.concept(relation.argument(role))
            except KeyError:
                return FormatError(
                    f"relation {relation.id} of type {relation.type} has not exactly one {role}",
                    where=f"document {document.id}",
                    hint="give every relation a head and a tail",
                )
            broader = bool(concept.broader_than)
            sides[role] = {"texts": list(concept.names), "ids": list(concept.ids), "broader": broader}
        relations.append({**row, **sides})
    return 0, {"mentions": [], **record, "relations": relations}


# --- released rows --------------------------------------------------------------------------------


def _released(path: Path, encoding: str) -> Iterator[Item]:
    found: dict[str, tuple[int, dict[tuple[str, str, str], tuple[_Cluster, _Cluster]]]] = {}
    width = 0
    for number, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            yield line
            continue
        if not line.strip():
            continue
        cells = line.split("|")
        problem = _wrong_row(cells, width)
        if problem:
            yield FormatError(problem[0], where=f"{printable(path)}:{number}", hint=problem[1])
            continue
        width = len(cells)
        key = (cells[4], RELEASED_NAMES.get(cells[6], cells[6]), cells[11])
        _, clusters = found.setdefault(cells[-1].strip(), (number, {}))
        for cluster, at in zip(clusters.setdefault(key, (_Cluster(), _Cluster())), (0, 7), strict=True):
            cluster.texts[cells[at]] = None
            cluster.broader = cluster.broader or cells[at + 5] == "H"
    for document, (number, clusters) in found.items():
        relations: list[Record] = [
            {"type": type_, "head": head.side(), "tail": tail.side()}
            for (_, type_, _), (head, tail) in clusters.items()
        ]
        yield number, _record(document, relations)


def _wrong_row(cells: Sequence[str], width: int) -> tuple[str, str] | None:
    """What is wrong with a row, and what to do; `width` is that of the rows before, 0 for the first."""
    if len(cells) not in _WIDTHS or (width and len(cells) != width):
        wanted = str(width) if width else " or ".join(map(str, _WIDTHS))
        return f"{len(cells)} columns, not {wanted}", "a name that holds | splits its row; write it without"
    if cells[6] == cells[10] == "_":
        return "a row of a mention, not of a relation", "give the file of relations (..._re.csv)"
    if not (_TOKEN_SPAN.fullmatch(cells[3]) and _TOKEN_SPAN.fullmatch(cells[10])):
        return "no token spans in columns 4 and 11", "a name that holds | shifts its row; write it without"
    empty = [name for name, at in (("head", 0), ("relation", 6), ("tail", 7)) if not cells[at].strip()]
    if empty or not cells[-1].strip():
        return f"the {empty[0] if empty else 'document id'} is empty", "mend the row or leave it out"
    return None
