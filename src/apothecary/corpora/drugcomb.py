"""DrugComb: sentences of abstracts, the drugs in them, and which of the drugs were given together.

Source: Tiktinsky et al. 2022, NAACL, "A Dataset for N-ary Relation Extraction of Drug Combinations"
(train.jsonl of the corpus as released by its authors, with span offsets). Licence: MIT by its data set
card. 1,362 rows in train. Traps:

1. A paragraph is the abstract with the tokenised sentence put in place of the original one, so two
   rows of one abstract have different paragraphs (five abstracts of train have two rows).
2. Combinations name mentions, not drugs: 177 rows of train name a drug more than once, and nine
   combinations hold two mentions of one name.
3. The text of four mentions of one row (d404a0a6...) differs from their slices. The offsets are right.
4. `source` is missing in 94 rows of train. Two rows of train come from abstracts of the test part.
5. POS and the other two types are told apart reliably, NEG and COMB are not: official scores merge these.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apothecary.errors import FormatError, OffsetError, UsageError
from apothecary.formats import jsonl
from apothecary.formats.fields import Fields
from apothecary.formats.lines import printable

__all__ = [
    "Combination",
    "CombinationRow",
    "CombinationType",
    "DrugSpan",
    "development_split",
    "identities",
    "read_rows",
]

CombinationType = Literal["POS", "NEG", "COMB"]
"""Given together: with benefit; with harm or without benefit; with no word on which."""

_TYPES: tuple[CombinationType, ...] = ("POS", "NEG", "COMB")
_PUBMED = re.compile(r"https?://pubmed\.ncbi\.nlm\.nih\.gov/([0-9]+)/?")
_NOT_ALNUM = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class DrugSpan:
    """A drug mention: code points, end-exclusive, into the sentence. `text` is that of the file (trap 3)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Combination:
    """Drugs given together: two or more positions in `CombinationRow.spans`, in the order of the file.

    `context_needed` is true when the sentence alone does not show it.
    """

    type: CombinationType
    spans: tuple[int, ...]
    context_needed: bool = False


@dataclass(frozen=True)
class CombinationRow:
    """One sentence. No combination means that its drugs are not given together.

    `paragraph` contains `sentence`; `source` is the address of the abstract, None where unknown.
    """

    doc_id: str
    sentence: str
    paragraph: str
    spans: tuple[DrugSpan, ...]
    combinations: tuple[Combination, ...]
    source: str | None


def read_rows(path: Path) -> Iterator[CombinationRow]:
    """Yield the rows of a file in its order.

    Raises FormatError or OffsetError at the first line that is no row, with file and line: among them a
    repeated doc_id, span ids that are not 0, 1, 2, ... and a combination of fewer than two mentions.
    """
    first_lines: dict[str, int] = {}
    for item in jsonl.read_rows(path):
        if isinstance(item, FormatError):
            raise item
        number, values = item
        row = _row(Fields(values, f"{printable(path)}:{number}"))
        if row.doc_id in first_lines:
            raise FormatError(
                f"row {row.doc_id} was already given at line {first_lines[row.doc_id]}",
                where=f"{printable(path)}:{number}",
                hint="remove one of the two",
            )
        first_lines[row.doc_id] = number
        yield row
    if not first_lines:
        raise FormatError("no row in it", where=printable(path), hint="each line is one JSON object")


def identities(row: CombinationRow) -> tuple[str, ...]:
    """The ids by which lists of documents know a row: its doc_id, and the PubMed id of its abstract."""
    match = _PUBMED.fullmatch(row.source or "")
    return (row.doc_id, match[1]) if match else (row.doc_id,)


def development_split(
    rows: Sequence[CombinationRow], share: float = 0.15
) -> tuple[list[CombinationRow], list[CombinationRow]]:
    """A training and a development part: about `share` of the abstracts go to the latter.

    The corpus has none of its own. The side follows from a SHA-256 of the abstract, so it depends
    neither on the order of the rows nor on which others there are. The abstract and not the
    sentence decides because two sentences of one abstract tell of the same trial: on both sides,
    one would give the other away. An abstract is told by its source; without one by the letters and
    digits of the paragraph, whose blanks differ between rows of one abstract (trap 1).
    Raises UsageError for a share outside 0-1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share} does not exist", hint="use a share such as 0.15")
    sides: tuple[list[CombinationRow], list[CombinationRow]] = ([], [])
    for row in rows:
        sides[_place(row) < share].append(row)
    return sides


def _place(row: CombinationRow) -> float:
    """A number in 0-1, uniform over abstracts."""
    abstract = row.source or _NOT_ALNUM.sub("", row.paragraph).casefold()
    return int.from_bytes(hashlib.sha256(abstract.encode()).digest()[:6], "big") / 2**48


def _row(fields: Fields) -> CombinationRow:
    doc_id, sentence = fields.text("doc_id"), fields.text("sentence")
    if not doc_id:
        raise fields.error("doc_id", "is empty")
    spans = tuple(_span(each, place, sentence) for place, each in enumerate(_objects(fields, "spans")))
    return CombinationRow(
        doc_id=doc_id,
        sentence=sentence,
        paragraph=fields.text("paragraph"),
        spans=spans,
        combinations=tuple(_combination(each, len(spans)) for each in _objects(fields, "rels")),
        source=fields.text("source", "") or None,
    )


def _objects(fields: Fields, key: str) -> list[Fields]:
    # Absent is not empty: a row without "rels" would pass for one without a combination.
    if not fields.has(key):
        raise fields.error(key, "is missing")
    return fields.objects(key)


def _span(fields: Fields, place: int, sentence: str) -> DrugSpan:
    if fields.values.get("span_id") != place:
        raise fields.error("span_id", f"is {fields.values.get('span_id')!r}, not its position {place}")
    start, end = fields.offsets(len(sentence))
    if start == end:
        raise OffsetError(f"{fields.name} {start}-{end} is empty", where=fields.where)
    return DrugSpan(fields.text("text"), start, end)


def _combination(fields: Fields, spans: int) -> Combination:
    members = fields.wholes("spans")
    if len(members) < 2 or len(set(members)) < len(members):
        raise fields.error("spans", "does not name two or more different mentions")
    if not all(0 <= member < spans for member in members):
        raise fields.error("spans", f"names a mention that is not there: the row has {spans}")
    fields.text("class")
    context = fields.values.get("is_context_needed", False)
    if not isinstance(context, bool):
        raise fields.error("is_context_needed", "is neither true nor false")
    return Combination(fields.option("class", _TYPES, "POS"), members, context)
