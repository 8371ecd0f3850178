"""A folder of abstracts with tables of relations is one gold."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError
from apothecary.formats.inputs import read_gold
from apothecary.formats.relation_tables import find_tables

ABSTRACTS = "7|t|Zincol and pain.\n7|a|\n7\t0\t6\tZincol\tChemical\tMESH:D1\n\n8|t|Pain.\n8|a|\n\n"
ROW = "7\tx:treats\tMESH:D1\tMESH:D2\n"


def folder(path: Path, **files: str) -> Path:
    for name, content in files.items():
        (path / name.replace("__", ".")).write_text(content)
    return path


@pytest.mark.parametrize("name", ["abstracts__pubtator", "test__txt"])
def test_all_tables_of_a_folder_make_its_relations(tmp_path: Path, name: str) -> None:
    files = {name: ABSTRACTS, "b_relns__tsv": ROW, "a_relns__tsv": "\n8\ty\t1\t2\r\n"}
    one, two = read_gold(folder(tmp_path, **files))
    assert [(r.id, r.type, r.attributes) for r in one.relations] == [
        ("r1", "x:treats", {"curation": "b_relns"})
    ]
    assert [(c.id, c.names) for c in one.concepts] == [("MESH:D1", ("Zincol",)), ("MESH:D2", ())]
    assert [c.id for c in two.concepts] == ["1", "2"]


def test_other_files_hidden_ones_and_earlier_versions_are_passed_over(tmp_path: Path) -> None:
    folder(tmp_path, abstracts__pubtator=ABSTRACTS, README__txt="About relations.", __hidden_rel__tsv="x")
    folder(tmp_path, relns_v0__tsv="broken", relns_v10__tsv=ROW, relns_v9__tsv="broken", ids__tsv="7\n")
    assert list(find_tables(tmp_path).tables) == ["relns_v10"]
    assert sum(len(document.relations) for document in read_gold(tmp_path)) == 1


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"a__pubtator": ABSTRACTS}, "is a folder without tables of relations .name one gold file"),
        ({"a__tsv__gz": ""}, "without tables of relations .gunzip"),
        ({"rel__tsv": ROW}, "not with one PubTator file: none"),
        ({"rel__tsv": ROW, "a__pubtator": ABSTRACTS, "b__txt": ABSTRACTS}, "file: a.pubtator, b.txt"),
        ({"rel__tsv": "7\tx\n", "a__pubtator": ABSTRACTS}, "rel.tsv:1: expected document, relation type"),
        ({"rel__tsv": ROW + "9\tx\t1\t2\n", "a__pubtator": ABSTRACTS}, "rel.tsv:2: a relation of document 9"),
        ({"rel__tsv": ROW, "a__pubtator": "7|x|"}, "a.pubtator:1:"),
    ],
)
def test_a_folder_that_is_no_gold_says_why(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        list(read_gold(folder(tmp_path, **files)))
