"""NCBI disease: 792 abstracts with disease mentions and their MeSH or OMIM ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats import pubtator
from apothecary.formats.lines import printable

__all__ = ["CORPUS"]

_SPLITS = {"train": "NCBItrainset_corpus.txt", "dev": "NCBIdevelopset_corpus.txt"}
_REPEATED = "document 8528200 was already given"


def _read(folder: Path, split: str) -> Iterator[Document]:
    path = split_file(_SPLITS, folder, split)
    found = False
    for item in pubtator.read(path):
        if isinstance(item, Document):
            found = True
            yield item
        elif not _is_the_known_repeat(item):
            raise item
    if not found:
        raise FormatError("no document in it", where=printable(path), hint="name the corpus as distributed")


def _is_the_known_repeat(error: DataError) -> bool:
    # The reader tells a repeated id by an error alone. Only the abstract that is known to stand in
    # the file twice may pass; any other repetition means a file that was put together wrongly.
    return error.message.startswith(_REPEATED)


CORPUS = Corpus(
    name="ncbi_disease",
    title="NCBI disease",
    licence="public domain (US Government work)",
    source="Dogan, Leaman and Lu 2014, J. Biomedical Informatics 47; NCBI{train,develop}set_corpus.txt",
    splits=_SPLITS,
    traps=(
        "Abstract 8528200 is in train twice, word for word: the second copy (11 mentions) is left out, so"
        " train has 592 abstracts and 5,134 mentions where 593 and 5,145 are published.",
        "The types say how a disease is named (SpecificDisease, DiseaseClass, Modifier, CompositeMention);"
        " all four are diseases, and one concept has several of them.",
        "Composite mentions join their ids by '|' (93 and 20 in train and dev), also in other types than"
        " CompositeMention; some of that type have a single id.",
        "Ids joined by '+' (22 and 10) together stand for one concept and stay one id.",
        "Ids are MeSH without prefix ('D012878', 'C536109') or OMIM with it ('OMIM:106210').",
        "Three ids have a blank at an end, which is dropped; every mention has an id.",
        "The text of one mention of train (10923035) ends in blanks that its slice lacks ('mismatch').",
    ),
    read=_read,
)
