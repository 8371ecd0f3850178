"""RxNorm, Gilda and OBO as their owners write them, in small and with invented names."""

import gzip
from pathlib import Path

import pytest

from apothecary.errors import FormatError
from apothecary.vocab.vocabularies import vocabulary_entries

RXNORM = """\
101|ENG||||||1001|1001|101||RXNORM|IN|101|zincol||N|4096|
102|ENG||||||1002|1002|102||RXNORM|BN|102|Zincoral||N|4096|
103|ENG||||||1003|1003|103||RXNORM|PIN|103|zincol acetate||O|4096|
104|ENG||||||1004|1004|104||RXNORM|SCD|104|zincol 5 MG Oral Tablet||N|4096|
105|SPA||||||1005|1005|105||RXNORM|IN|105|zincolo||N||
"""
GILDA = """\
norm_text\ttext\tdb\tid\tentry_name\tstatus\tsource\torganism\tsource_db\tsource_id
zincol\tZincol\tCHEBI\tCHEBI:7\tzincol\tname\tchebi\t\t\t
abc1\tABC1\tHGNC\t12\tABC1\tsynonym\thgnc\t9606\t\t
abc1\tabc1\tUP\tQ1\tabc1\tname\tuniprot\t10090\t\t
mirtosis\tmirtosis\tMESH\tD7\tmirtosis\tname\tmesh\t\t\t
"""
OBO = """\
format-version: 1.2
ontology: chebi

[Term]
id: CHEBI:7
name: zincol
synonym: "acid of \\"zinc\\"" EXACT [IUPAC]
synonym: "zinc thing" RELATED []
is_a: CHEBI:1

[Term]
id: CHEBI:8
name: obsolete zincal
is_obsolete: true

[Typedef]
id: has_part
name: has part

[Term]
id: MONDO:3
name: mirtosis
"""
Found = list[tuple[str, str, str]]


def entries(path: Path, text: str) -> Found:
    path.write_text(text)
    return [(entry.type, entry.name, entry.ids[0]) for entry in vocabulary_entries(path)]


def test_ingredients_and_brands_of_rxnorm(tmp_path: Path) -> None:
    expected = [("Drug", "zincol", "RXCUI:101"), ("Drug", "Zincoral", "RXCUI:102")]
    assert entries(tmp_path / "RXNCONSO.RRF", RXNORM) == expected


def test_human_names_of_gilda(tmp_path: Path) -> None:
    assert entries(tmp_path / "grounding_terms.tsv", GILDA) == [
        ("Chemical", "Zincol", "CHEBI:7"),
        ("Gene", "ABC1", "HGNC:12"),
        ("Chemical", "mirtosis", "MESH:D7"),
        ("Disease", "mirtosis", "MESH:D7"),
    ]


def test_exact_names_of_living_terms_of_obo(tmp_path: Path) -> None:
    assert entries(tmp_path / "chebi.obo", OBO) == [
        ("Chemical", "zincol", "CHEBI:7"),
        ("Chemical", 'acid of "zinc"', "CHEBI:7"),
        ("Disease", "mirtosis", "MONDO:3"),
    ]


def test_forms_are_known_by_content_and_tables_still_read(tmp_path: Path) -> None:
    path = tmp_path / "anything"
    path.write_bytes(gzip.compress(OBO.encode()))
    assert len(list(vocabulary_entries(path))) == 3
    assert entries(tmp_path / "table", "X1\tzincol\tDrug\n") == [("Drug", "zincol", "X1")]


@pytest.mark.parametrize("text", [RXNORM + "106|ENG|\n", GILDA + "a\tb\n", OBO + "name:\n"])
def test_a_damaged_line_is_told_with_its_number(text: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=rf"names:{text.count(chr(10))}:"):
        entries(tmp_path / "names", text)


def test_a_vocabulary_without_a_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no name in it"):
        entries(tmp_path / "empty.obo", "format-version: 1.2\n")
