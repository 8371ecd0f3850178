"""The DDI corpus of 2013 as a table: a line for each pair, tab-separated, without a header.

Columns: type, sentence with the pair masked (``<e1> DRUG1 </e1>``, ``<e2> DRUG2 </e2>``), first drug,
second drug; what follows is ignored. Neighbouring lines of one sentence are one document (see
`drug_sentences`), known by the 0-based number of its first line; its drugs are those of its pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from apothecary.documents import Document, Span
from apothecary.errors import DataError, FormatError
from apothecary.formats.combination_rows import ddi_type
from apothecary.formats.drug_sentences import DrugRelation, Sentence, drug_mention, sentence_document
from apothecary.formats.fields import Fields
from apothecary.formats.lines import printable, read_lines

__all__ = ["looks_like_pairs", "read"]

_COLUMNS = 4
_MASKS = re.compile(r"<e([12])>([^<]*)</e\1>")


@dataclass(frozen=True)
class _Line:
    number: int
    type: str
    sentence: str
    drugs: tuple[Span, Span]


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the sentences of a file; a bad line comes as a FormatError value and costs itself only.

    Raises FormatError when the file cannot be read.
    """
    for sentence, group in groupby(_lines(path, encoding), lambda line: _key(line)):
        lines = [line for line in group if isinstance(line, _Line)]
        if isinstance(sentence, FormatError):
            yield sentence
        elif lines:
            yield _document(lines)


def looks_like_pairs(start: str) -> bool:
    """Does a file that begins so hold pairs? Its first line decides."""
    columns = start.lstrip("\ufeff\r\n").partition("\n")[0].split("\t")
    return len(columns) >= _COLUMNS and {match[1] for match in _MASKS.finditer(columns[1])} == {"1", "2"}


def _key(line: _Line | FormatError) -> str | FormatError:
    return line if isinstance(line, FormatError) else line.sentence


def _lines(path: Path, encoding: str) -> Iterator[_Line | FormatError]:
    for number, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            yield line
        elif line.strip():
            try:
                yield _line(number, line.split("\t"), f"{printable(path)}:{number}")
            except FormatError as error:
                yield error


def _line(number: int, columns: Sequence[str], where: str) -> _Line:
    if len(columns) < _COLUMNS:
        raise FormatError(
            f"has {len(columns)} columns, not {_COLUMNS} or more",
            where=where,
            hint="type, masked sentence, first drug, second drug; separate by tabs",
        )
    type_ = ddi_type(Fields({"type": columns[0]}, where), "type")
    names = {"1": columns[2].strip(), "2": columns[3].strip()}
    if not all(names.values()):
        raise FormatError("a drug has no name", where=where, hint="columns 3 and 4 name the two drugs")
    spans: dict[str, Span] = {}
    text, done = "", 0
    for match in _MASKS.finditer(columns[1]):
        text += columns[1][done : match.start()]
        spans[match[1]] = Span(len(text), len(text) + len(names[match[1]]))
        text, done = text + names[match[1]], match.end()
    if set(spans) != {"1", "2"}:
        raise FormatError("the sentence does not mask two drugs", where=where, hint="write <e1> DRUG1 </e1>")
    return _Line(number, type_, text + columns[1][done:], (spans["1"], spans["2"]))


def _document(lines: Sequence[_Line]) -> Document:
    sentence = lines[0].sentence
    spans = sorted({span for line in lines for span in line.drugs})
    mentions = [drug_mention(sentence, span, sentence[span.start : span.end]) for span in spans]
    relations = [
        DrugRelation(
            line.type,
            tuple(sentence[span.start : span.end] for span in line.drugs),
            {"mentions": " ".join(str(spans.index(span)) for span in line.drugs)},
        )
        for line in lines
        if line.type != "other"
    ]
    attributes = {"corpus": "ddi", "form": "spans"}
    return sentence_document(
        Sentence(str(lines[0].number - 1), sentence, attributes=attributes), mentions, relations
    )
