"""DrugProt: abstracts with chemicals, genes and thirteen types of relations between their mentions."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from apothecary.corpora.corpus import Corpus, split_file
from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import FormatError, OffsetError
from apothecary.formats.lines import printable, read_lines

__all__ = ["CORPUS"]

_SPLITS = {"dev": "abstracts.tsv"}
_Row = tuple[str, Sequence[str]]


def _read(folder: Path, split: str) -> Iterator[Document]:
    abstracts = _by_document(split_file(_SPLITS, folder, split), 3)
    mentions = _by_document(folder / "entities.tsv", 6)
    relations = _by_document(folder / "relations.tsv", 4)
    if not abstracts:
        raise FormatError("no abstract in it", where=printable(folder / _SPLITS[split]))
    for document_id, named in [*mentions.items(), *relations.items()]:
        if document_id not in abstracts:
            where = named[0][0]
            raise FormatError(f"document {document_id} is not among the abstracts", where=where)
    for document_id, rows in abstracts.items():
        if len(rows) > 1:
            raise FormatError(f"document {document_id} was already given at {rows[0][0]}", where=rows[1][0])
        _, (_, title, abstract) = rows[0]
        yield _document(
            document_id, title, abstract, mentions.get(document_id, ()), relations.get(document_id, ())
        )


def _by_document(path: Path, columns: int) -> dict[str, list[_Row]]:
    rows: dict[str, list[_Row]] = {}
    for number, line in read_lines(path):
        if isinstance(line, FormatError):
            raise line
        values = line.split("\t")
        if values == [""]:
            continue
        where = f"{printable(path)}:{number}"
        if len(values) != columns or not all(values[:2]):
            raise FormatError(
                f"expected {columns} columns, the first two not empty",
                where=where,
                hint="columns are separated by tabs",
            )
        rows.setdefault(values[0], []).append((where, values))
    return rows


def _document(
    document_id: str, title: str, abstract: str, mentions: Sequence[_Row], relations: Sequence[_Row]
) -> Document:
    text = f"{title} {abstract}"
    found: dict[str, Mention] = {}
    for where, columns in mentions:
        if columns[1] in found:
            raise FormatError(f"mention {columns[1]} was already given", where=where)
        found[columns[1]] = _mention(columns, text, where)
    return Document(
        id=document_id,
        text=text,
        passages=(
            Passage("title", 0, len(title)),
            Passage("abstract", len(title) + 1, len(text)),
        ),
        mentions=tuple(found.values()),
        concepts=tuple(
            Concept(id=name, type=each.type, mentions=(index,), names=(each.text,), ids=(name,))
            for index, (name, each) in enumerate(found.items())
        ),
        relations=tuple(
            _relation(columns, f"r{number}", found.keys(), where)
            for number, (where, columns) in enumerate(relations, start=1)
        ),
    )


def _mention(columns: Sequence[str], text: str, where: str) -> Mention:
    _, name, kind, start, end, string = columns
    if not (start.isdecimal() and end.isdecimal() and len(start + end) < 19):
        raise FormatError(f"the offsets of {name} are no numbers", where=where)
    if not int(start) < int(end) <= len(text):
        raise OffsetError(f"mention {start}-{end} is empty or lies outside the text", where=where)
    span = Span(int(start), int(end))
    matches = text[span.start : span.end] == string
    return Mention((span,), string, kind, (name,), alignment="exact" if matches else "mismatch")


def _relation(columns: Sequence[str], relation_id: str, known: Container[str], where: str) -> Relation:
    arguments = []
    for role, key, value in (("head", "Arg1:", columns[2]), ("tail", "Arg2:", columns[3])):
        name = value.removeprefix(key)
        if name == value or name not in known:
            raise FormatError(f"'{value}' is not {key} and a mention of the document", where=where)
        arguments.append(Argument(role, name))
    return Relation(relation_id, columns[1], tuple(arguments))


CORPUS = Corpus(
    name="drugprot",
    title="DrugProt",
    licence="CC BY 4.0 (by its Zenodo record; to be checked before anything made from it is given away)",
    source="Miranda et al. 2021, BioCreative VII; development part, its three tables renamed to"
    " abstracts.tsv, entities.tsv and relations.tsv",
    splits=_SPLITS,
    traps=(
        "Relations hold between mentions, not concepts: every mention is a concept of its own, whose id is"
        " that of the entity table (T1, T2, ...) and of no vocabulary. Comparing by id asks for the very"
        " mention; comparing by string ('string_pair') forgives another mention of the same name.",
        "Genes are GENE-Y (can be normalised) or GENE-N in the training part and plain GENE in some copies"
        " of the development part, this one included: types are kept as they are written.",
        "Thirteen relation types, always from a chemical (Arg1) to a gene (Arg2); two types hold of one pair"
        " of mentions 34 times in dev.",
        "Offsets count title, one character and abstract; all 18,858 of dev fit. Mentions overlap, and those"
        " of a document are in no order. 208 of the 750 abstracts of dev have no relation.",
        "27 abstracts of dev are in the test parts of others; about half of ChemDisGene is from DrugProt.",
    ),
    read=_read,
)
