"""ChemDisGene, curated part: abstracts with relations between chemicals, diseases and genes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.documents import Argument, Concept, Document, Relation
from apothecary.errors import FormatError
from apothecary.formats.inputs import read_gold
from apothecary.formats.lines import printable, read_lines

__all__ = ["CORPUS"]

_SPLITS = {"dev": "abstracts.pubtator"}
_RELATIONS = {"ctd": "approved_relns_ctd_v1.tsv", "new": "approved_relns_new_v1.tsv"}


def _read(folder: Path, split: str) -> Iterator[Document]:
    documents = list(read_gold(split_file(_SPLITS, folder, split)))
    relations: dict[str, list[Relation]] = {document.id: [] for document in documents}
    for origin, name in _RELATIONS.items():
        _add_relations(folder / name, origin, relations)
    for document in documents:
        found = tuple(relations[document.id])
        yield replace(document, relations=found, concepts=_with_unmentioned(document.concepts, found))


def _add_relations(path: Path, origin: str, relations: dict[str, list[Relation]]) -> None:
    for number, line in read_lines(path):
        if isinstance(line, FormatError):
            raise line
        if not line.strip():
            continue
        where = f"{printable(path)}:{number}"
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) != 4 or not all(columns):
            raise FormatError(
                "expected document, relation type, head id and tail id",
                where=where,
                hint="columns are separated by tabs and none is empty",
            )
        if columns[0] not in relations:
            raise FormatError(
                f"a relation of document {columns[0]}, which is not among the abstracts",
                where=where,
                hint="abstracts and relations must be of the same release",
            )
        found = relations[columns[0]]
        found.append(_relation(columns, f"r{len(found) + 1}", origin))


def _relation(columns: Sequence[str], relation_id: str, origin: str) -> Relation:
    return Relation(
        id=relation_id,
        type=columns[1],
        arguments=(Argument("head", columns[2]), Argument("tail", columns[3])),
        attributes={"curation": origin},
    )


def _with_unmentioned(concepts: tuple[Concept, ...], relations: Sequence[Relation]) -> tuple[Concept, ...]:
    known = {concept.id for concept in concepts}
    named = dict.fromkeys(argument.concept for relation in relations for argument in relation.arguments)
    return concepts + tuple(
        Concept(id=each, type="", mentions=(), names=(), ids=(each,)) for each in named if each not in known
    )


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
        "Several types may hold between the same two concepts.",
        "Disease and chemical ids carry a prefix (MESH:, OMIM:), gene ids are bare NCBI Gene numbers.",
        "Composite mentions join their ids by '|' (14); an id of '-' marks a mention without concept (189).",
        "Mentions were found by software, not by curators.",
        "Relations name concepts, not mentions; abstracts without any exist (2).",
        "About half of the curated abstracts are also in DrugProt.",
    ),
    read=_read,
)
