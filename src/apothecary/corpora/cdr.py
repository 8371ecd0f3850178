"""BioCreative V CDR: 1,500 abstracts with chemicals, diseases and what chemical induces what disease."""

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
    name="cdr",
    title="BioCreative V chemical-disease relations",
    licence="public domain (US Government work)",
    source="Li et al. 2016, Database, baw068; CDR_{Training,Development,Test}Set.PubTator.txt, renamed",
    splits=_SPLITS,
    traps=(
        "Composite mentions carry several ids joined by '|' (98, 100 and 75 in train, dev and test):"
        " keeping the first only loses 18 of the 1,012 relations of dev.",
        "An id of -1 marks a mention without a MeSH concept (76, 59 and 91).",
        "Mentions overlap ('metabolic acidosis' and 'acidosis').",
        "Part of a composite mention may lack an id: 'D002544|-1' in dev; a concept may repeat in train.",
        "Relations name concepts, not mentions, and hold for the whole abstract.",
        "53 abstracts of the test split are in the training split of BioRED.",
    ),
    read=_read,
)
