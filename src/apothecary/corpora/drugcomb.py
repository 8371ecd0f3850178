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
6. RexDrug gives the same rows in the same order with names in place of spans, without doc_id and source
   ("strings" in `apothecary.formats.combination_rows`, which reads both as documents). It folds some
   Unicode to ASCII (28 sentences of train), so its sentences are not the ones that doc_ids are made of.
7. Four rows of train hold two combinations of one type and one set of names: other mentions of the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from apothecary.corpora.lots import check_share, lot_of
from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.formats import jsonl
from apothecary.formats.combination_rows import (
    Combination,
    CombinationRow,
    CombinationType,
    DrugSpan,
    spans_row,
)
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
    "split_documents",
]

_PUBMED = re.compile(r"https?://pubmed\.ncbi\.nlm\.nih\.gov/([0-9]+)/?")
_NOT_ALNUM = re.compile(r"[\W_]+")


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
        row = spans_row(Fields(values, f"{printable(path)}:{number}"))
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
    check_share(share)
    sides: tuple[list[CombinationRow], list[CombinationRow]] = ([], [])
    for row in rows:
        sides[_place(row.source, row.paragraph) < share].append(row)
    return sides


def split_documents(
    documents: Sequence[Document], share: float = 0.15
) -> tuple[list[Document], list[Document]]:
    """`development_split` of the documents that `combination_rows` reads, with the same sides.

    Documents of the form "strings" have no source: they are told by the letters and digits of their
    paragraphs alone, so their sides are not those of the form "spans". Raises UsageError for a share
    outside 0-1.
    """
    check_share(share)
    sides: tuple[list[Document], list[Document]] = ([], [])
    for document in documents:
        context = [each for each in document.passages if each.section == "paragraph"]
        paragraph = document.passage_text(context[0]) if context else document.text
        sides[_place(document.attributes.get("source"), paragraph) < share].append(document)
    return sides


def _place(source: str | None, paragraph: str) -> float:
    """A number in 0-1, uniform over abstracts."""
    return lot_of(source or _NOT_ALNUM.sub("", paragraph).casefold())
