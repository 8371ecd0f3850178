"""Tables of interactions that tell what they rest on: read, kept through a union, told as reasons."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import FormatError
from apothecary.runs.recommend_page import why_in_words
from apothecary.tasks.medication.reasons import said_of_pairs
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.spreadsheet_cells import guarded, unguarded

HEADER = "drug_a,drug_b,severity,source,document,evidence,belief,kind,names_b\n"


def table_of(tmp_path: Path, rows: str) -> Path:
    (tmp_path / "t.csv").write_text(HEADER + rows, encoding="utf-8")
    return tmp_path / "t.csv"


def test_the_sentence_and_its_document_are_told_as_the_reason(tmp_path: Path) -> None:
    path = table_of(tmp_path, 'aspirin,warfarin,major,kb,7,"They, it is said, ""bleed"".",0.75,,\n')
    said = said_of_pairs(read_interactions([path]), ("aspirin", "warfarin"))[0, 1]
    sentence = 'They, it is said, "bleed".'
    assert said == [
        {"source": "kb", "severity": "major", "document": "7", "evidence": sentence, "belief": 0.75}
    ]
    why = [{"reason": "interaction", "with": "aspirin", "said": said}]
    assert list(why_in_words(why)) == [
        (f'interacts with aspirin: kb: major, "{sentence}" (document 7, belief 0.75)', True)
    ]


def test_a_table_without_these_columns_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("drug_a,drug_b\na,b\n")
    said = said_of_pairs(read_interactions([tmp_path / "t.csv"]), ("a", "b"))[0, 1]
    assert said == [{"source": "t", "severity": ""}]


def test_the_surest_of_two_rows_of_a_source_stays(tmp_path: Path) -> None:
    table = read_interactions([table_of(tmp_path, "a,b,,s,1,low,0.2,,\nb,a,,s,2,high,0.9,,\n")])
    assert [row.evidence for row in table.of_pair("a", "b")] == ["high"]


def test_other_names_and_help_outlive_a_union(tmp_path: Path) -> None:
    rows = "a,b,,s,1,x,,harmful,bee|bumble bee\nc,d,,s,2,y,,beneficial,dee\n"
    table = read_interactions([table_of(tmp_path, rows)])
    for each in (table, table.union(table)):
        assert each.of_pair("Bumble-Bee", "a")
        assert each.of_pair("bee", "A")
        assert each.beneficial.of_pair("c", "dee")
        assert not each.of_pair("c", "d")
    assert next(iter(why_in_words([{"reason": "beneficial", "with": "c", "said": []}])))[1] is False


def test_help_alone_is_no_table_of_interactions(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no interaction is in it.*help together"):
        read_interactions([table_of(tmp_path, "c,d,,s,2,y,,beneficial,\n")])


@pytest.mark.parametrize("belief", ["likely", "1.5", "-1", "nan"])
def test_a_belief_that_is_no_probability_is_an_error_with_its_line(tmp_path: Path, belief: str) -> None:
    with pytest.raises(FormatError, match=r"t\.csv:3: the belief"):
        read_interactions([table_of(tmp_path, f"a,b,,,,,0.5,,\na,c,,,,,{belief},,\n")])


@given(st.text(st.sampled_from("=+-@'\ta")) | st.text())
def test_a_guarded_cell_is_no_formula_and_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in {*"=+-@\t\r"} - {""}


def test_a_table_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("drug_a,drug_b\na,b\n")
    first = read_interactions([path])
    assert read_interactions([path]) is first
    path.write_text("drug_a,drug_b\na,c\n")
    assert read_interactions([path]).matrix(["a", "c"])[0, 1] == 1
