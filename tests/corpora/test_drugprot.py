"""DrugProt: the published counts of its development part, and what a damaged copy is told."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from apothecary.corpora.drugprot import CORPUS
from apothecary.documents import Argument, Document, Relation
from apothecary.errors import DataError
from apothecary.tasks.relations.score import score

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "drugprot_dev"
FILES = {
    "abstracts.tsv": "7\tOn zincol.\tIt blocks ABC1.\n",
    "entities.tsv": "7\tT1\tCHEMICAL\t3\t9\tzincol\n7\tT2\tGENE-Y\t21\t25\tABC1\n",
    "relations.tsv": "7\tINHIBITOR\tArg1:T1\tArg2:T2\n",
}


@pytest.fixture(scope="module")
def dev() -> list[Document]:
    if not FOLDER.is_dir():
        pytest.skip("DrugProt absent: set APOTHECARY_DATA to the folder that holds drugprot_dev/")
    return list(CORPUS.read(FOLDER, "dev"))


def read(folder: Path, **changed: str) -> list[Document]:
    for name, content in FILES.items():
        (folder / name).write_text(changed.get(name.removesuffix(".tsv"), content))
    return list(CORPUS.read(folder, "dev"))


def test_documents_mentions_and_relations_of_dev(dev: list[Document]) -> None:
    mentions = [mention for document in dev for mention in document.mentions]
    assert (len(dev), sum(not document.relations for document in dev)) == (750, 208)
    assert Counter(mention.type for mention in mentions) == {"CHEMICAL": 9853, "GENE": 9005}
    assert {mention.alignment for mention in mentions} == {"exact"}


def test_relations_of_dev_by_type(dev: list[Document]) -> None:
    counts = Counter(relation.type for document in dev for relation in document.relations)
    assert (counts.total(), len(counts)) == (3765, 13)
    assert counts.most_common(3) == [("INHIBITOR", 1152), ("SUBSTRATE", 495), ("DIRECT-REGULATOR", 458)]
    assert counts["AGONIST-INHIBITOR"] == 2


def test_a_pair_of_mentions_may_have_two_types(dev: list[Document]) -> None:
    pairs = Counter((document.id, relation.arguments) for document in dev for relation in document.relations)
    assert Counter(pairs.values()) == {1: 3697, 2: 34}


def test_every_mention_is_a_concept_of_its_own(tmp_path: Path) -> None:
    (document,) = read(tmp_path)
    assert document.text == "On zincol. It blocks ABC1."
    assert [(c.id, c.type, c.names, c.mentions) for c in document.concepts] == [
        ("T1", "CHEMICAL", ("zincol",), (0,)),
        ("T2", "GENE-Y", ("ABC1",), (1,)),
    ]
    assert document.relations[0].arguments == (Argument("head", "T1"), Argument("tail", "T2"))


def test_gold_against_gold_is_perfect(dev: list[Document]) -> None:
    def row(relation: Relation) -> dict[str, object]:
        sides = {role: {"ids": [relation.argument(role)]} for role in ("head", "tail")}
        return {"type": relation.type, **sides}

    pairs = [(document, {"relations": [row(each) for each in document.relations]}) for document in dev[:100]]
    result = score(pairs, resamples=2)
    evaluators = result["evaluators"]
    assert isinstance(evaluators, dict)
    assert {table["micro"]["f1"] for table in evaluators.values()} == {1.0}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"abstracts": "7\tOne.\n"}, r"abstracts\.tsv:1: expected 3 columns"),
        ({"abstracts": "\n"}, r"abstracts\.tsv: no abstract"),
        ({"abstracts": FILES["abstracts.tsv"] * 2}, r"tsv:2: document 7 was already given at .*tsv:1"),
        ({"entities": "8\tT1\tGENE\t0\t1\tO\n"}, r"entities\.tsv:1: document 8 is not among"),
        ({"entities": "7\tT1\tGENE\t0\t99\tO\n"}, r"entities\.tsv:1: mention 0-99 is empty or lies outside"),
        ({"entities": "7\tT1\tGENE\t-1\t2\tO\n"}, r"entities\.tsv:1: the offsets of T1 are no numbers"),
        ({"entities": FILES["entities.tsv"] * 2}, r"entities\.tsv:3: mention T1 was already given"),
        ({"relations": "7\tX\tArg1:T1\tArg2:T9\n"}, r"relations\.tsv:1: 'Arg2:T9' is not"),
        ({"relations": "7\tX\tT1\tT2\n"}, r"relations\.tsv:1: 'T1' is not Arg1:"),
    ],
)
def test_a_damaged_copy_is_told_with_its_line(tmp_path: Path, changed: dict[str, str], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read(tmp_path, **changed)


def test_a_text_that_differs_from_its_slice_is_kept_and_marked(tmp_path: Path) -> None:
    (document,) = read(tmp_path, entities="7\tT1\tCHEMICAL\t3\t9\tother\n", relations="")
    assert [(mention.text, mention.alignment) for mention in document.mentions] == [("other", "mismatch")]
