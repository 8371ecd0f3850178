"""DDI 2013: sentences of drug labels and abstracts with pairs of drugs that interact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.corpora.lots import check_share, lot_of
from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats import combination_rows, ddi_xml, jsonl
from apothecary.formats.combination_rows import PairRow, pair_row
from apothecary.formats.fields import Fields
from apothecary.formats.lines import printable

__all__ = ["CORPUS", "development_split", "read_rows"]

_SPLITS = {"train": "ddi-corpus-2013-train.zip", "train_strings": "train.rexdrug.jsonl"}
_NOT_ALNUM = re.compile(r"[\W_]+")


def read_rows(path: Path) -> Iterator[PairRow]:
    """Yield the rows of the reduced corpus (RexDrug's JSON Lines), pairs of the type "other" included.

    Raises FormatError at the first line that is no row, with file and line.
    """
    empty = True
    for item in jsonl.read_rows(path):
        if isinstance(item, FormatError):
            raise item
        number, values = item
        yield pair_row(Fields(values, f"{printable(path)}:{number}"), number)
        empty = False
    if empty:
        raise FormatError("no row in it", where=printable(path), hint="each line is one JSON object")


def development_split(
    documents: Sequence[Document], share: float = 0.15
) -> tuple[list[Document], list[Document]]:
    """A training and a development part: about `share` of the source documents go to the latter.

    The corpus has none of its own. The side follows from a SHA-256 of the attribute "document", so it
    depends neither on order nor on what else there is, and the sentences of one label or abstract stay
    together. The reduced corpus names no source document; there the letters and digits of the sentence
    decide, and neighbouring sentences can lie on both sides: prefer the XML. Raises UsageError for a
    share outside 0-1.
    """
    check_share(share)
    sides: tuple[list[Document], list[Document]] = ([], [])
    for document in documents:
        key = document.attributes.get("document") or _NOT_ALNUM.sub("", document.text).casefold()
        sides[lot_of(key) < share].append(document)
    return sides


def _read(folder: Path, split: str) -> Iterator[Document]:
    file = split_file(_SPLITS, folder, split)
    for item in ddi_xml.read_zip(file) if split == "train" else combination_rows.read(file):
        if isinstance(item, DataError):
            raise item
        yield item


CORPUS = Corpus(
    name="ddi2013",
    title="DDI Corpus 2013",
    licence="CC BY-NC 4.0: local use, not in weights that are passed on",
    source="Herrero-Zazo et al. 2013, J Biomed Inform 46(5); the reduced form is that of the RexDrug release",
    splits=_SPLITS,
    traps=(
        "Two corpora go by one name: the XML has 6,976 sentences with 27,792 pairs of which 4,021 interact,"
        " the reduced JSON Lines 3,135 sentences with 19,554 pairs of which 3,394 do. Scores on one cannot be"
        " compared with scores on the other.",
        "The XML gives the last character of a drug, not the one after it; 38 drugs are discontinuous, and"
        " their names join the pieces; one name differs from its slice (DDI-DrugBank.d216.s16.e2).",
        "One interacting pair of the XML has no type; it is read as 'int', which says no more than that.",
        "71 sentences of the XML are blank and are left out.",
        "The reduced form has lost positions: of a name with several mentions it cannot say which interacts."
        " 601 rows list a name pair both as interacting and as 'other', 15 a pair under two types.",
        "The type is written 'advise' in the data and 'advice' in much of the literature; both are read.",
        "13 sentences of the reduced test part also occur in train.",
    ),
    read=_read,
)
