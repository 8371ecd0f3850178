"""BioRED: 600 abstracts with six types of concepts, eight types of relations and their novelty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.documents import Document
from apothecary.formats.inputs import read_gold

__all__ = ["CORPUS"]

_SPLITS = {"train": "train.pubtator", "dev": "dev.pubtator", "test": "test.pubtator"}


def _read(folder: Path, split: str) -> Iterator[Document]:
    return read_gold(split_file(_SPLITS, folder, split))


CORPUS = Corpus(
    name="biored",
    title="BioRED",
    licence="public domain style (US Government work, NCBI)",
    source="Luo et al. 2022, Briefings in Bioinformatics, bbac282; {Train,Dev,Test}.PubTator, renamed",
    splits=_SPLITS,
    traps=(
        "Composite mentions join their ids by ',' (367 and 77 in train and dev), three of train by '|'.",
        "Ids of variants hold '|' themselves ('c|DUP||15') and are one id each.",
        "Four relations of train name two concepts at once ('D015458|D016399'), which then have no mention.",
        "An id of '-' marks a mention without a concept (31 and 20); five cell line ids of train begin with"
        " a blank, which is dropped.",
        "Relations have no direction, although the columns are called head and tail; a pair of concepts has"
        " one type only.",
        "Relations name concepts, not mentions, and hold for the whole abstract; three of train and one of"
        " dev relate a concept to itself.",
        "Novelty is 'Novel' or 'No' (attribute 'novelty').",
        "Abstracts in the test parts of others: 53 of train and 16 of dev in CDR, one of train in NCBI"
        " disease, one of dev in ChemDisGene.",
    ),
    read=_read,
)
