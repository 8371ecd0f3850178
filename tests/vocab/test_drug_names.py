"""Names of drugs: vocabularies of users, rules for what hospitals write, and what counts of NDC and name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError, FormatError
from apothecary.vocab.drug_names import DrugNames, read_drug_names
from apothecary.vocab.drug_naming import DrugNaming, Named
from apothecary.vocab.drug_strings import ingredients
from apothecary.vocab.ndc import NdcMap

NAMES = DrugNames.of(
    ["Acetylsalicylic acid", "Heparin", "Warfarin", "Water"],
    [
        ("Aspirin", "Acetylsalicylic acid"),
        ("rxnorm:1191", "Acetylsalicylic acid"),
        ("rxnorm:11295", "Water"),
    ],
    ["Water"],
)
NDC = NdcMap.of(
    [
        ("00000000001", "Aspirin"),
        ("00000000002", "Heparin"),
        ("00000000003", "Heparin"),
        ("00000000003", "Warfarin"),
        ("00000000004", "Unobtainium"),
    ]
)
NAMING = DrugNaming(NAMES, NDC)


def file(folder: Path, text: str, name: str = "names.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_case_blanks_and_hyphens_are_folded() -> None:
    assert NAMES.canonical(" ACETYL-SALICYLIC  acid ") == "Acetylsalicylic acid"
    assert NAMES.canonical("as pirin") == "Acetylsalicylic acid"
    assert NAMES.canonical("Aspirine") is None


def test_what_is_excluded_is_known_and_no_name() -> None:
    assert NAMES.names == ("Acetylsalicylic acid", "Heparin", "Warfarin")
    assert (NAMES.canonical("water"), NAMES.excludes("WATER"), NAMES.excludes("heparin")) == (
        None,
        True,
        False,
    )


def test_names_stand_with_their_aliases() -> None:
    assert [set(group) for group in NAMES.groups] == [
        {"acetylsalicylicacid", "aspirin", "rxnorm:1191"},
        {"heparin"},
        {"warfarin"},
        {"water", "rxnorm:11295"},
    ]


def test_names_keep_the_order_of_the_file(tmp_path: Path) -> None:
    names = read_drug_names(file(tmp_path, "name,alias,excluded\nb,\na,x\na,y\nc,,yes\n"))
    assert names.names == ("b", "a")
    assert names.exclusions == {"c"}
    assert names.canonical("Y") == "a"


def test_columns_may_stand_in_any_order_and_be_tabs(tmp_path: Path) -> None:
    names = read_drug_names(file(tmp_path, "id\talias\tname\n1\tASA\taspirin\n", "names.tsv"))
    assert (names.names, names.canonical("asa")) == (("aspirin",), "aspirin")


def test_a_table_without_a_heading_is_name_and_alias(tmp_path: Path) -> None:
    assert read_drug_names(file(tmp_path, "aspirin,ASA\nheparin\n")).names == ("aspirin", "heparin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,alias\na,x\nb,x\n", "names.csv:3: 'x' stands for both 'a' and 'b'"),
        ("name,alias\na,b\nb,\n", "names.csv:3: 'b' stands for both 'a' and 'b'"),
        ("name,alias\n,x\n", "names.csv:2: no name"),
        ("name,alias,excluded\na,,perhaps\n", "names.csv:2: the column excluded is neither yes nor no"),
        ('name,alias\n"a,x\n', "names.csv:2: not a row"),
        ("name,alias\n-,\n", "names.csv:2: an empty name"),
        ("\n", "no name in it"),
    ],
)
def test_a_bad_vocabulary_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_drug_names(file(tmp_path, text))
    assert message in str(caught.value)


def test_an_alias_needs_its_name() -> None:
    with pytest.raises(DataError, match="which is no name"):
        DrugNames.of(["a"], [("x", "b")])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("5 ML VIAL : DILTIAZEM HCL 25 MG/5ML IV SOLN", "diltiazem"),
        ("1 ML  -  HYDROMORPHONE HCL 1 MG/ML IJ SOLN", "hydromorphone"),
        ("HYDROmorphone (Dilaudid)", "hydromorphone"),
        ("cefTRIAXone in D5W (ROCEPHIN) ivpb 1 g", "ceftriaxone"),
        ("24 HR metoprolol succinate 50 MG Extended Release Oral Tablet", "metoprolol"),
        ("Acetaminophen 325 MG / oxyCODONE Hydrochloride 5 MG Oral Tablet", "acetaminophen oxycodone"),
        ("HYDROCODONE 5 MG-ACETAMINOPHEN 325 MG TABLET", "acetaminophen hydrocodone"),
        ("Sulfameth/Trimethoprim DS", "sulfamethoxazole trimethoprim"),
        ("*NF* Ertapenem Sodium", "ertapenem"),
        ("LASIX", "furosemide"),
        ("SOLU-MEDROL", "methylprednisolone"),
        ("ZOSYN 3.375 GRAM in NS 100 mL IVPB", "piperacillin tazobactam"),
    ],
)
def test_doses_forms_salts_and_brands_go(text: str, names: str) -> None:
    assert ingredients(text) == tuple(names.split())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sodium Chloride 0.9%  Flush", "sodium chloride"),
        ("POTASSIUM CHLORIDE CRYS ER 20 MEQ PO TBCR", "potassium chloride"),
        ("Magnesium Sulfate", "magnesium sulfate"),
        ("heparin sodium  porcine 5000 UNT/ML Injection", "heparin"),
        ("Penicillin V Potassium 250 MG Oral Tablet", "penicillin v"),
        ("Vitamin B12 5 MG/ML Injectable Solution", "vitamin b12"),
        ("INSULIN-GLARGINE *UNIT* INJ", "insulin glargine"),
        ("NovoLOG Flexpen", "insulin aspart"),
        ("Insulin", "insulin"),
    ],
)
def test_a_salt_that_is_the_drug_and_kinds_stay(text: str, name: str) -> None:
    assert ingredients(text) == (name,)


@pytest.mark.parametrize("text", ["", "2", "10 mg", "Ny", "UNK"])
def test_what_is_no_name_gives_none(text: str) -> None:
    assert DrugNaming().name(text).names == ()


@given(st.text(max_size=60))
def test_any_text_gives_sorted_names_without_doubles(text: str) -> None:
    names = ingredients(text)
    assert list(names) == sorted(set(names))
    assert all(name.strip() for name in names)


@pytest.mark.parametrize(
    ("text", "ndc", "code", "expected"),
    [
        ("Aspirin 81 mg", "00000000001", "", Named(("Acetylsalicylic acid",), by="ndc")),
        ("", "00000000001", "", Named(("Acetylsalicylic acid",), by="ndc")),
        ("Bayer's best", "00000000001", "", Named(("Acetylsalicylic acid",), by="ndc")),
        ("Heparin Sodium", "0", "", Named(("Heparin",), by="name")),
        ("Heparin Sodium", "nan", "", Named(("Heparin",), by="name")),
        ("Heparin", "00000000004", "", Named(("Heparin",), by="name")),
        ("Heparin", "00000000003", "", Named(reason="ambiguous NDC")),
        ("Heparin", "00000000001", "", Named(reason="NDC and name disagree")),
        ("Zincum", "", "", Named(reason="unknown drug")),
        ("Warfarin-Zincum", "", "", Named(reason="unknown drug")),
        ("Water", "", "", Named(reason="excluded drug")),
        ("", "", "", Named(reason="no name")),
        ("Zincum", "", "rxnorm:1191", Named(("Acetylsalicylic acid",), by="code")),
        ("Heparin", "00000000002", "rxnorm:11295", Named(reason="excluded drug")),
    ],
)
def test_the_ndc_counts_unless_the_name_speaks_against_it(
    text: str, ndc: str, code: str, expected: Named
) -> None:
    assert NAMING.name(text, ndc=ndc, code=code) == expected


def test_a_map_alone_is_its_own_vocabulary() -> None:
    naming = DrugNaming(ndc=NDC)
    assert naming.name("ASPIRIN 81 MG PO CHEW").names == ("Aspirin",)
    assert naming.name("Zinc").reason == "unknown drug"


def test_without_vocabulary_rules_alone_name() -> None:
    assert DrugNaming().name("Zinc Sulfate 220 mg Cap") == Named(("zinc sulfate",), by="name")
