"""Tables of interactions from files of users and of two published sets."""

import bz2
import gzip
import os
from pathlib import Path

import pytest

from apothecary.errors import FormatError, UsageError
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.interactions import InteractionTable
from tests.vocab.sheet_files import write_sheet

SHARED = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("APOTHECARY_DATA", SHARED)) / "interactions"
HEAD = "drug_a,drug_b,severity,source\n"
POSITIVE = ["DRUG_1_CONCEPT_NAME", "DRUG_2_CONCEPT_NAME", "EVENT_CONCEPT_NAME", "EVENT_SOURCE"]
SCALES = ["BNF_SEV_LEVEL", "ANSM_SEV_LEVEL", "MICROMEDEX_SEV_LEVEL"]
MERGED = ["drug1", "object", "drug2", "precipitant", "severity", "contraindication", "precaution", "source"]


def table_of(tmp_path: Path, text: str | bytes, name: str = "own.csv") -> InteractionTable:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_interactions([path])


def pairs(table: InteractionTable) -> set[tuple[str, str]]:
    return set(table.pairs)


def test_reversed_repeated_and_own_rows_count_once(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEAD + "b,a,Major,s\na,b,minor,s\nA , B,,\n a,A,,\n\n")
    (one, other) = table.rows
    assert (one.first, one.second, one.severity, one.source) == ("A", "B", "", "own")
    assert (other.severity, other.source) == ("Major", "s")
    assert one.version.startswith("sha256:")


def test_two_columns_are_enough_in_any_order_and_case(tmp_path: Path) -> None:
    assert pairs(table_of(tmp_path, 'note,Drug_B,drug_a\nx,"b, c",a\n')) == {("a", "b, c")}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda data: b"\xef\xbb\xbf" + data])
def test_packed_tables_and_byte_order_marks_are_read(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    assert pairs(table_of(tmp_path, pack(b"drug_a,drug_b\r\na,b\r\n"))) == {("a", "b")}


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for name, text in (("one.csv", "a,b"), ("two.csv", "b,c")):
        (tmp_path / name).write_text(f"drug_a,drug_b\n{text}\n")
    (tmp_path / "NOTE.txt").write_text("Not a table.")
    assert pairs(read_interactions([tmp_path])) == {("a", "b"), ("b", "c")}
    assert len(read_interactions([tmp_path / "one.csv", tmp_path / "two.csv"]).sources) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("drug_a,drug_b\n", "no interaction is in it"),
        (
            "drug_a,other\na,b\n",
            "own.csv:1: is no known table of interactions: its columns are drug_a, other",
        ),
        (HEAD + "a,b,,\na\n", "own.csv:3: does not name two drugs"),
        (HEAD + ",b,,\n", "own.csv:2: does not name two drugs"),
        (HEAD + 'a,"b\n', "own.csv:2: not a row"),
        (HEAD.encode() + b"caf\xe9,b,,\n", "own.csv:2: byte 4 of the line is not UTF-8"),
        (b"PK\x03\x04nonsense", "damaged xlsx"),
        (b"BZhnonsense", "damaged gzip or bzip2"),
    ],
)
def test_broken_tables_are_one_error(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        table_of(tmp_path, text)


def test_missing_files_and_folders_without_a_table_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_interactions([tmp_path / "none.csv"])
    with pytest.raises(FormatError, match="holds no table"):
        read_interactions([tmp_path])
    with pytest.raises(UsageError, match="no table"):
        read_interactions([])


def test_crescenddi_has_a_source_for_each_scale_and_other_names(tmp_path: Path) -> None:
    rows = [["aspirin", "Warfarin", "Bleeding", "BNF", "Severe", "", "Major"]]
    write_sheet(tmp_path / "1.xlsx", [[*POSITIVE, *SCALES], *rows])
    write_sheet(tmp_path / "2.xlsx", [POSITIVE[:3], ["safe", "pair", "Rash"]])
    names = [["Acetylsalicylic acid", "aspirin"], ["Mixture", "Unmapped"]]
    write_sheet(tmp_path / "4.xlsx", [["DRUG_INITIAL_NAME", "DRUG_CONCEPT_NAME"], *names])
    table = read_interactions([tmp_path])
    assert {row.source: row.severity for row in table.rows} == {
        "CRESCENDDI BNF": "Severe",
        "CRESCENDDI Micromedex": "Major",
    }
    assert table.of_pair("acetylsalicylic acid", "warfarin")
    assert not table.knows("safe")
    assert not table.knows("Mixture")


def merged(tmp_path: Path, *rows: tuple[str, str, str, str, str, str]) -> InteractionTable:
    lines = [MERGED] + [[*row[:5], "None", "True" if row[4] == "None" else "None", row[5]] for row in rows]
    return table_of(tmp_path, "\n".join("\t".join(line) for line in lines) + "\n")


URI = "http://bio2rdf.org/drugbank:"
ASPIRIN, WARFARIN = f"{URI}\ufeffDB1", f"{URI}DB2"


def test_drugs_of_the_merged_set_go_by_their_best_name(tmp_path: Path) -> None:
    table = merged(
        tmp_path,
        (ASPIRIN, "spirin", WARFARIN, "arfarin", "None", "Kegg"),
        (WARFARIN, "WARFARINE", ASPIRIN, "ACIDE", "CI", "FrenchDB"),
        (ASPIRIN, "Acetylsalicylic_acid", WARFARIN, "Warfarin", "None", "Drugbank"),
        (URI, "St_John's_Wort", WARFARIN, "Warfarin", '1 "a', "HIV"),
        (URI, "", WARFARIN, "Warfarin", "None", "HIV"),
        (ASPIRIN, "Acetylsalicylic_acid", ASPIRIN, "spirin", "None", "Kegg"),
    )
    assert pairs(table) == {("Acetylsalicylic acid", "Warfarin"), ("St John's Wort", "Warfarin")}
    found = {row.source: row.severity for row in table.of_pair("acide", "WARFARINE")}
    assert found == {"PDDI Drugbank": "precaution", "PDDI FrenchDB": "CI", "PDDI Kegg": "precaution"}
    assert not table.knows("spirin")


def test_a_name_of_two_drugs_is_no_other_name_of_either(tmp_path: Path) -> None:
    table = merged(
        tmp_path,
        (ASPIRIN, "One", WARFARIN, "Two", "None", "Drugbank"),
        (ASPIRIN, "Both", f"{URI}DB3", "Three", "None", "DDI-Corpus-2011"),
        (WARFARIN, "Both", f"{URI}DB3", "Three", "None", "DDI-Corpus-2011"),
    )
    assert not table.knows("Both")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the interaction sets: set APOTHECARY_DATA")
def test_crescenddi_has_its_published_pairs() -> None:
    table = read_interactions([DATA / "crescenddi" / "Data Record 1 - Positive Controls.xlsx"])
    assert (len(table), len(table.names)) == (4971, 454)
    assert len(table.sources) == 3
