"""ChemDisGene, curated part: abstracts with relations between chemicals, diseases and genes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.documents import Document
from apothecary.formats.inputs import read_gold
from apothecary.formats.relation_tables import with_relations

__all__ = ["CORPUS"]

_SPLITS = {"dev": "abstracts.pubtator"}
_RELATIONS = {"ctd": "approved_relns_ctd_v1.tsv", "new": "approved_relns_new_v1.tsv"}


def _read(folder: Path, split: str) -> Iterator[Document]:
    # All abstracts are read first: a folder that lacks them is told by them and not by a table.
    documents = list(read_gold(split_file(_SPLITS, folder, split)))
    yield from with_relations(documents, {origin: folder / name for origin, name in _RELATIONS.items()})


CORPUS = Corpus(
    name="chemdisgene",
    title="ChemDisGene, curated",
    licence="CC0",
    source="Zhang et al. 2022, LREC, arXiv 2204.06584; data/curated, abstracts.txt renamed",
    splits=_SPLITS,
    traps=(
        "Relations lie in two files, approved ones of CTD and new ones (330 and 722 here); the CTD file alone"
        " is far from complete. The attribute 'curation' says which: 'ctd' or 'new'.",
        "Eighteen relation types; reports on this corpus score fourteen: without affects^activity,"
        " affects^metabolic_processing, decreases^transport and affects^transport.",
        "Several types may hold between the same two concepts (of the 150 abstracts here, of 90 pairs).",
        "A gene that acts on a chemical is written chemical first, too: an enzyme with its substrate or"
        " product, a carrier with what it carries.",
        "Disease and chemical ids carry a prefix (MESH:, OMIM:), gene ids are bare NCBI Gene numbers.",
        "Composite mentions join their ids by '|' (14); an id of '-' marks a mention without concept (189).",
        "Mentions were found by software, not by curators.",
        "Relations name concepts, not mentions; abstracts without any exist (2).",
        "About half of the curated abstracts are also in DrugProt.",
    ),
    read=_read,
)
