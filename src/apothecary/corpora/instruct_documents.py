"""Instruction sets made of annotated documents: those that have a corpus of their own here, and SETH.

1. NCBI disease, CDR, BioRED, DrugProt, ChemDisGene, DrugComb and DDI 2013: licences, sources and traps are
   those of `apothecary.corpora`, of the same names. Each document is an example of every task of its set.
2. DrugProt and ChemDisGene join several tables: what is wrong with one ends the split, and is one error.
3. DrugComb and DDI 2013 have no development part: by a hash of the abstract or label, 15 % go to one.
4. DDI 2013 tells four kinds of drugs; its reader here tells one ("Drug").
5. SETH (Thomas et al. 2016, Bioinformatics 32(18); github.com/rockt/SETH, resources; Apache-2.0): 630
   abstracts with genes, variants and how they belong together, brat standoff whose texts lie in one table,
   PubMed id and text. Seven E lines of one abstract are slips of the tool, hold no argument and are left
   out; so are lines of other kinds. "Equals" says that two mentions name one variant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from apothecary.corpora import biored, cdr, chemdisgene, ddi2013, drugcomb, drugprot, ncbi_disease
from apothecary.corpora.corpus import Corpus
from apothecary.corpora.instruct_set import InstructSet, Item, Place, from_documents
from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.examples import TaskName
from apothecary.formats import combination_rows, ddi_xml, pubtator
from apothecary.formats.lines import printable, read_lines

__all__ = ["DOCUMENT_SETS"]

Labels = Mapping[TaskName, tuple[str, ...]]

_NCBI: Labels = {"mentions": ("SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention")}
_CDR: Labels = {"mentions": ("Chemical", "Disease"), "relations": ("CID",)}
_BIORED: Labels = {
    "mentions": (
        *("GeneOrGeneProduct", "DiseaseOrPhenotypicFeature", "ChemicalEntity"),
        *("OrganismTaxon", "SequenceVariant", "CellLine"),
    ),
    "relations": (
        *("Association", "Positive_Correlation", "Negative_Correlation", "Bind"),
        *("Cotreatment", "Comparison", "Drug_Interaction", "Conversion"),
    ),
}
_DRUGPROT: Labels = {
    "mentions": ("CHEMICAL", "GENE", "GENE-Y", "GENE-N"),
    "relations": (
        *("ACTIVATOR", "AGONIST", "AGONIST-ACTIVATOR", "AGONIST-INHIBITOR", "ANTAGONIST"),
        *("DIRECT-REGULATOR", "INDIRECT-DOWNREGULATOR", "INDIRECT-UPREGULATOR", "INHIBITOR"),
        *("PART-OF", "PRODUCT-OF", "SUBSTRATE", "SUBSTRATE_PRODUCT-OF"),
    ),
}
_CHEMDISGENE: Labels = {
    "mentions": ("Chemical", "Disease", "Gene"),
    "relations": (
        *("chem_disease:marker/mechanism", "chem_disease:therapeutic"),
        *("gene_disease:marker/mechanism", "gene_disease:therapeutic"),
        *(f"chem_gene:affects^{each}" for each in ("activity", "binding", "expression", "localization")),
        *("chem_gene:affects^metabolic_processing", "chem_gene:affects^transport"),
        *("chem_gene:decreases^activity", "chem_gene:decreases^expression"),
        *("chem_gene:decreases^metabolic_processing", "chem_gene:decreases^transport"),
        *("chem_gene:increases^activity", "chem_gene:increases^expression"),
        *("chem_gene:increases^metabolic_processing", "chem_gene:increases^transport"),
    ),
}
_DRUGCOMB: Labels = {"relations": ("POS", "NEG", "COMB")}
_DDI: Labels = {"mentions": ("Drug",), "relations": ("effect", "mechanism", "advise", "int")}
_SETH: Labels = {"mentions": ("Gene", "SNP", "RS"), "relations": ("AssociatedTo", "Equals")}

# The one abstract that NCBI disease holds twice (see its corpus).
_KNOWN_REPEAT = "document 8528200 was already given"


def _pubtator(file: Path, place: Place, labels: Labels) -> Iterator[Item]:
    for item in from_documents(pubtator.read(file), place, labels):
        if not (isinstance(item, DataError) and item.message.startswith(_KNOWN_REPEAT)):
            yield item


def _ncbi(file: Path, place: Place) -> Iterator[Item]:
    return _pubtator(file, place, _NCBI)


def _cdr(file: Path, place: Place) -> Iterator[Item]:
    return _pubtator(file, place, _CDR)


def _biored(file: Path, place: Place) -> Iterator[Item]:
    return _pubtator(file, place, _BIORED)


def _drugprot(file: Path, place: Place) -> Iterator[Item]:
    return from_documents(drugprot.CORPUS.read(file.parent, place.split), place, _DRUGPROT)


def _chemdisgene(file: Path, place: Place) -> Iterator[Item]:
    return from_documents(chemdisgene.CORPUS.read(file.parent, place.split), place, _CHEMDISGENE)


def _drugcomb(file: Path, place: Place) -> Iterator[Item]:
    items = list(combination_rows.read(file))
    sides = drugcomb.split_documents([each for each in items if isinstance(each, Document)])
    yield from _side(items, sides, place, _DRUGCOMB)


def _ddi(file: Path, place: Place) -> Iterator[Item]:
    items = list(ddi_xml.read_zip(file))
    sides = ddi2013.development_split([each for each in items if isinstance(each, Document)])
    yield from _side(items, sides, place, _DDI)


def _side(
    items: list[Document | DataError],
    sides: tuple[list[Document], list[Document]],
    place: Place,
    labels: Labels,
) -> Iterator[Item]:
    """The documents of a side; what is wrong with the file is told with the training part only."""
    if place.split == "train":
        yield from (each for each in items if isinstance(each, DataError))
    yield from from_documents(sides[place.split == "dev"], place, labels)


def _seth(file: Path, place: Place) -> Iterator[Item]:
    for number, line in read_lines(file):
        where = f"{printable(file)}:{number}"
        if isinstance(line, FormatError):
            yield line
            continue
        identity, tab, text = line.partition("\t")
        if not tab or not identity.isdigit() or not text.strip():
            yield FormatError("expected a PubMed id and a text", where=where, hint="separate by a tab")
            continue
        try:
            document = _standoff(identity, text, file.parent / "annotations" / f"{identity}.ann")
        except DataError as error:
            yield error
            continue
        yield from from_documents((document,), place, _SETH)


_T = re.compile(r"(T[0-9]+)\t(\S+) ((?:[0-9]{1,9} [0-9]{1,9};)*[0-9]{1,9} [0-9]{1,9})\t(.*)")
_R = re.compile(r"(R[0-9]+)\t(\S+) Arg1:(\S+) Arg2:(\S+)\s*")


def _standoff(identity: str, text: str, file: Path) -> Document:
    mentions: dict[str, Mention] = {}
    relations: list[tuple[str, re.Match[str]]] = []
    for number, line in read_lines(file):
        where = f"{printable(file)}:{number}"
        if isinstance(line, FormatError):
            raise line
        if match := _T.fullmatch(line):
            mentions[match[1]] = _mention(match, text, where)
        elif match := _R.fullmatch(line):
            relations.append((where, match))
        elif line.startswith(("T", "R")):
            raise FormatError("neither a mention nor a relation", where=where)
    for where, match in relations:
        if not mentions.keys() >= {match[3], match[4]}:
            raise FormatError("a relation of a mention that is not there", where=where)
    used = {name for _, match in relations for name in (match[3], match[4])}
    return Document(
        id=identity,
        text=text,
        passages=(Passage("text", 0, len(text)),),
        mentions=tuple(mentions.values()),
        concepts=tuple(
            Concept(name, mention.type, (index,), (mention.text,))
            for index, (name, mention) in enumerate(mentions.items())
            if name in used
        ),
        relations=tuple(
            Relation(match[1], match[2], (Argument("Arg1", match[3]), Argument("Arg2", match[4])))
            for _, match in relations
        ),
    )


def _mention(match: re.Match[str], text: str, where: str) -> Mention:
    places = [tuple(map(int, each.split())) for each in match[3].split(";")]
    if any(not start < end <= len(text) for start, end in places):
        raise OffsetError(f"mention {match[1]} lies outside the text of {len(text)} characters", where=where)
    slices = " ".join(text[start:end] for start, end in places)
    return Mention(
        spans=tuple(Span(start, end) for start, end in places),
        text=match[4],
        type=match[2],
        alignment="exact" if slices == match[4] else "mismatch",
    )


_CORPORA: tuple[tuple[Corpus, tuple[TaskName, ...], tuple[str, ...]], ...] = (
    (ncbi_disease.CORPUS, ("mentions",), ("ncbi_disease",)),
    (cdr.CORPUS, ("mentions", "relations"), ("cdr",)),
    (biored.CORPUS, ("mentions", "relations"), ("biored",)),
    (drugprot.CORPUS, ("mentions", "relations"), ("drugprot_dev", "drugprot")),
    (chemdisgene.CORPUS, ("mentions", "relations"), ("chemdisgene_dev", "chemdisgene")),
)
_READERS = {
    "ncbi_disease": _ncbi,
    "cdr": _cdr,
    "biored": _biored,
    "drugprot": _drugprot,
    "chemdisgene": _chemdisgene,
}


def _of_corpus(corpus: Corpus, tasks: tuple[TaskName, ...], folders: tuple[str, ...]) -> InstructSet:
    return InstructSet(
        name=corpus.name,
        title=corpus.title,
        language="en",
        tasks=tasks,
        licence=corpus.licence,
        source=corpus.source,
        folders=folders,
        # Test parts are for evaluation alone.
        splits={split: file for split, file in corpus.splits.items() if split != "test"},
        traps=corpus.traps,
        read=_READERS[corpus.name],
        listed_ids=True,
    )


DOCUMENT_SETS: tuple[InstructSet, ...] = (
    *(_of_corpus(*each) for each in _CORPORA),
    InstructSet(
        name="ddi2013",
        title=ddi2013.CORPUS.title,
        language="en",
        tasks=("mentions", "relations"),
        licence=ddi2013.CORPUS.licence,
        source=ddi2013.CORPUS.source,
        folders=("ddi2013",),
        splits=dict.fromkeys(("train", "dev"), "ddi-corpus-2013-train.zip"),
        traps=ddi2013.CORPUS.traps,
        read=_ddi,
        terms="CC BY-NC 4.0: no commercial use, of what is made from it either",
        listed_ids=True,
    ),
    InstructSet(
        name="drugcomb",
        title="DrugComb",
        language="en",
        tasks=("relations",),
        licence="MIT by its data set card",
        source="Tiktinsky et al. 2022, NAACL; train.jsonl with span offsets",
        folders=("drugcomb",),
        splits=dict.fromkeys(("train", "dev"), "train.jsonl"),
        traps=("Drugs were marked by a list of names: mentions are given and not a task.",),
        read=_drugcomb,
        listed_ids=True,
    ),
    InstructSet(
        name="seth",
        title="SETH: genes and variants",
        language="en",
        tasks=("mentions", "relations"),
        licence="Apache-2.0",
        source="Thomas et al. 2016, Bioinformatics 32(18); github.com/rockt/SETH, resources",
        folders=("seth",),
        splits={"train": "corpus.txt"},
        traps=("Seven E lines of one abstract are slips of the tool.", "No official split."),
        read=_seth,
        listed_ids=True,
    ),
)
