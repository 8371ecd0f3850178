"""ChemDisGene: abstracts and two files of relations, joined."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from apothecary.corpora.chemdisgene import CORPUS
from apothecary.documents import Argument, Document
from apothecary.errors import DataError

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "chemdisgene_dev"

ABSTRACTS = (
    "7|t|Aspirin and pain.\n7|a|\n7\t0\t7\tAspirin\tChemical\tMESH:D1\n7\t12\t16\tpain\tDisease\t-\n\n"
)


@pytest.fixture(scope="module")
def dev() -> list[Document]:
    if not FOLDER.is_dir():
        pytest.skip("ChemDisGene absent: set APOTHECARY_DATA to the folder that holds chemdisgene_dev/")
    return list(CORPUS.read(FOLDER, "dev"))


def write(folder: Path, ctd: str, new: str = "") -> Path:
    (folder / "abstracts.pubtator").write_text(ABSTRACTS)
    (folder / "approved_relns_ctd_v1.tsv").write_text(ctd)
    (folder / "approved_relns_new_v1.tsv").write_text(new)
    return folder


def test_counts_are_those_of_the_development_part(dev: list[Document]) -> None:
    relations = [relation for document in dev for relation in document.relations]
    assert (len(dev), sum(len(d.mentions) for d in dev), len(relations)) == (150, 3966, 1052)
    assert Counter(relation.attributes["curation"] for relation in relations) == {"ctd": 330, "new": 722}
    assert len({relation.type for relation in relations}) == 17
    assert sum(not document.relations for document in dev) == 2


def test_relations_by_type(dev: list[Document]) -> None:
    assert Counter(relation.type for document in dev for relation in document.relations) == {
        "chem_disease:marker/mechanism": 177,
        "chem_disease:therapeutic": 112,
        "chem_gene:affects^activity": 17,
        "chem_gene:affects^binding": 47,
        "chem_gene:affects^expression": 28,
        "chem_gene:affects^localization": 16,
        "chem_gene:affects^metabolic_processing": 10,
        "chem_gene:decreases^activity": 79,
        "chem_gene:decreases^expression": 123,
        "chem_gene:decreases^metabolic_processing": 20,
        "chem_gene:decreases^transport": 3,
        "chem_gene:increases^activity": 98,
        "chem_gene:increases^expression": 142,
        "chem_gene:increases^metabolic_processing": 37,
        "chem_gene:increases^transport": 14,
        "gene_disease:marker/mechanism": 113,
        "gene_disease:therapeutic": 16,
    }


def test_mentions_by_type(dev: list[Document]) -> None:
    mentions = [mention for document in dev for mention in document.mentions]
    assert Counter(mention.type for mention in mentions) == {"Chemical": 1631, "Gene": 1512, "Disease": 823}
    assert sum(len(mention.ids) > 1 for mention in mentions) == 14


def test_some_pairs_have_several_types(dev: list[Document]) -> None:
    types: dict[tuple[str, object], set[str]] = {}
    for document in dev:
        for relation in document.relations:
            types.setdefault((document.id, relation.arguments), set()).add(relation.type)
    assert Counter(map(len, types.values())) == {1: 861, 2: 80, 3: 9, 4: 1}


def test_every_argument_is_mentioned_and_has_the_type_that_the_relation_says(dev: list[Document]) -> None:
    kinds = {"chem": "Chemical", "gene": "Gene", "disease": "Disease"}
    for document in dev:
        for relation in document.relations:
            expected = [kinds[part] for part in relation.type.partition(":")[0].split("_")]
            assert [document.concept(a.concept).type for a in relation.arguments] == expected


def test_both_files_make_the_relations_of_a_document(tmp_path: Path) -> None:
    folder = write(tmp_path, "7\tx:treats\tMESH:D1\tMESH:D2\n", "\n7\tx:causes\tMESH:D1\tMESH:D1\r\n")
    (document,) = CORPUS.read(folder, "dev")
    assert [(r.id, r.type, r.attributes["curation"]) for r in document.relations] == [
        ("r1", "x:treats", "ctd"),
        ("r2", "x:causes", "new"),
    ]
    assert document.relations[0].arguments == (Argument("head", "MESH:D1"), Argument("tail", "MESH:D2"))


def test_an_argument_without_a_mention_is_a_concept_all_the_same(tmp_path: Path) -> None:
    (document,) = CORPUS.read(write(tmp_path, "7\tx:treats\tMESH:D1\tMESH:D2\n"), "dev")
    assert [(c.id, c.mentions) for c in document.concepts] == [("MESH:D1", (0,)), ("MESH:D2", ())]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("7\tx:treats\tMESH:D1", "ctd_v1.tsv:1: expected document"),
        ("7\tx:treats\tMESH:D1\t ", "ctd_v1.tsv:1: expected document"),
        ("8\tx:treats\tMESH:D1\tMESH:D2", "ctd_v1.tsv:1: a relation of document 8"),
    ],
)
def test_a_bad_relation_is_named_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        list(CORPUS.read(write(tmp_path, line), "dev"))


def test_bytes_that_are_no_text_are_one_error(tmp_path: Path) -> None:
    write(tmp_path, "").joinpath("approved_relns_new_v1.tsv").write_bytes(b"7\tx\t\xff\ty\n")
    with pytest.raises(DataError, match="new_v1.tsv:1: byte 5"):
        list(CORPUS.read(tmp_path, "dev"))


def test_a_missing_file_of_relations_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    write(tmp_path, "").joinpath("approved_relns_new_v1.tsv").unlink()
    with pytest.raises(DataError, match="approved_relns_new_v1.tsv"):
        list(CORPUS.read(tmp_path, "dev"))
