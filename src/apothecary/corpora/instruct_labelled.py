"""English sets of labelled texts and of pairs: Hallmarks of Cancer, ChemProt, SciCite, medical questions.

1. Hallmarks of Cancer (Baker et al. 2016, Bioinformatics 32(3); github.com/sb895/Hallmarks-of-Cancer; the
   repository is GPL-3.0): 1,852 abstracts whose sentences are labelled with ten hallmarks and finer parts of
   them. An example is an abstract with the hallmarks of any of its sentences; the parts are left out, as is
   the mark "NULL". There is no official split, and one copy that goes round has a development part equal to
   its test part: the split here follows from a hash of the PubMed id. In the rows that are read, labels of
   sentences are joined by `<`, several of one sentence by `AND`.
2. ChemProt (Krallinger et al. 2017, as sentences in the SciBERT suite, Apache-2.0 repository): a chemical
   and a protein are marked in the text by ``<< >>`` and ``[[ ]]``, which stay; 13 classes of which three have
   ten cases or fewer in training. Sentences have no id: which abstracts they are of cannot be checked.
3. SciCite (Cohan et al. 2019, NAACL; the same suite): why a paper is cited. One text of training is there
   twice. 923 texts fewer in training than the 8,243 published.
4. Medical question pairs (McCreery et al. 2020, KDD; github.com/curai/medical-question-pair-dataset; no
   licence stated): columns are the number of a doctor, two questions and 1 (similar) or 0; no header.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.corpora.instruct_set import (
    InstructSet,
    Item,
    Place,
    from_cells,
    from_members,
    is_development,
    objects,
    one,
)
from apothecary.errors import FormatError
from apothecary.examples import Labelled, Sourced, TextPair
from apothecary.formats.fields import Fields
from apothecary.formats.json_members import read_objects

__all__ = ["LABELLED_SETS"]

HALLMARKS = (
    *("Sustaining proliferative signaling", "Evading growth suppressors", "Resisting cell death"),
    *("Enabling replicative immortality", "Inducing angiogenesis", "Activating invasion and metastasis"),
    *("Genomic instability and mutation", "Tumor promoting inflammation", "Cellular energetics"),
    "Avoiding immune destruction",
)
_CHEMPROT = (
    *("ACTIVATOR", "AGONIST", "AGONIST-ACTIVATOR", "AGONIST-INHIBITOR", "ANTAGONIST", "DOWNREGULATOR"),
    *("INDIRECT-DOWNREGULATOR", "INDIRECT-UPREGULATOR", "INHIBITOR", "PRODUCT-OF", "SUBSTRATE"),
    *("SUBSTRATE_PRODUCT-OF", "UPREGULATOR"),
)
_SCICITE = ("background", "method", "result")
_SIMILAR = {"1": "similar", "0": "different"}
_PAIR_COLUMNS = 4


def _hoc(file: Path, place: Place) -> Iterator[Item]:
    wanted = place.split == "dev"

    def rows(fields: Fields, key: str) -> tuple[Sourced, ...]:
        identity = fields.text("file").removesuffix(".txt")
        if is_development(identity) != wanted:
            return ()
        example = Labelled(identity, fields.text("text").strip(), _hallmarks(fields), HALLMARKS)
        return (place.sourced("classification", example),)

    yield from from_members(read_objects(file), file, rows)


def _hallmarks(fields: Fields) -> tuple[str, ...]:
    """The hallmarks of any sentence, each once, in the order of the closed list."""
    pieces = [
        piece.split("--")[0].strip()
        for sentence in fields.text("labels").split("<")
        for piece in sentence.split("AND")
    ]
    found = {piece for piece in pieces if piece and piece != "NULL"}
    if unknown := found.difference(HALLMARKS):
        raise fields.error("labels", f"holds {min(unknown)!r}, which is no hallmark")
    return tuple(each for each in HALLMARKS if each in found)


def _sentences(file: Path, place: Place, options: tuple[str, ...]) -> Iterator[Item]:
    def labelled(fields: Fields, key: str) -> Sourced:
        example = Labelled(key, fields.text("text").strip(), (fields.text("label"),), options)
        return place.sourced("classification", example)

    return objects(file, labelled)


def _chemprot(file: Path, place: Place) -> Iterator[Item]:
    return _sentences(file, place, _CHEMPROT)


def _scicite(file: Path, place: Place) -> Iterator[Item]:
    return _sentences(file, place, _SCICITE)


def _mqp(file: Path, place: Place) -> Iterator[Item]:
    def pair(cells: list[str], line: int) -> Sourced:
        if len(cells) != _PAIR_COLUMNS:
            raise FormatError(f"{len(cells)} columns, not {_PAIR_COLUMNS}")
        label = one(cells[3].strip(), _SIMILAR, "label")
        options = tuple(_SIMILAR.values())
        example = TextPair(str(line), cells[1].strip(), cells[2].strip(), "similarity", label, options)
        return place.sourced("text_pairs", example)

    return from_cells(file, ",", pair)


LABELLED_SETS: tuple[InstructSet, ...] = (
    InstructSet(
        name="hoc",
        title="Hallmarks of Cancer, abstracts",
        language="en",
        tasks=("classification",),
        licence="GPL-3.0 repository: local use",
        source="Baker et al. 2016, Bioinformatics 32(3); github.com/sb895/Hallmarks-of-Cancer",
        folders=("hoc",),
        splits=dict.fromkeys(("train", "dev"), "hoc_train.jsonl"),
        traps=("No official split; one copy has equal development and test parts.",),
        read=_hoc,
        listed_ids=True,
    ),
    InstructSet(
        name="chemprot",
        title="ChemProt, sentences",
        language="en",
        tasks=("classification",),
        licence="Apache-2.0 repository: local use",
        source="Krallinger et al. 2017, BioCreative VI; github.com/allenai/scibert, data/text_classification",
        folders=("chemprot",),
        splits={"train": "train.txt", "dev": "dev.txt"},
        traps=("Sentences without ids: overlap with other sets can be told by their texts only.",),
        read=_chemprot,
    ),
    InstructSet(
        name="scicite",
        title="SciCite: intents of citations",
        language="en",
        tasks=("classification",),
        licence="Apache-2.0 repository: local use",
        source="Cohan et al. 2019, NAACL; github.com/allenai/scibert, data/text_classification",
        folders=("scicite",),
        splits={"train": "train.txt", "dev": "dev.txt"},
        traps=("One text of train stands there twice.",),
        read=_scicite,
    ),
    InstructSet(
        name="mqp",
        title="Medical question pairs",
        language="en",
        tasks=("text_pairs",),
        licence="none stated: local use",
        source="McCreery et al. 2020, KDD; github.com/curai/medical-question-pair-dataset",
        folders=("mqp",),
        splits={"train": "mqp_train.csv"},
        traps=("No header. A question stands in a similar and in a different pair.",),
        read=_mqp,
    ),
)
