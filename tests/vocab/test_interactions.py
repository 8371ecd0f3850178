"""Interaction tables: pairs without direction, by source, as matrices."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError
from apothecary.vocab import interactions
from apothecary.vocab.interactions import Interaction, InteractionTable, severity_level

NAMES = ("Aspirin", "Co-trimoxazole", "Heparin", "Warfarin")
ROWS = st.lists(
    st.tuples(
        st.permutations(NAMES).map(lambda names: names[:2]),
        st.sampled_from(["Major", "minor", ""]),
        st.sampled_from(["a", "b"]),
    ).map(lambda row: Interaction.between(row[0][0], row[0][1], row[1], row[2]))
)
TABLE = InteractionTable.of(
    [
        Interaction.between("Warfarin", "Aspirin", "Severe", "BNF"),
        Interaction.between("warfarin", "ASPIRIN", "Contraindicated", "ANSM"),
        Interaction.between("Co-trimoxazole", "Warfarin", "", "BNF"),
    ],
    [("Acetylsalicylic acid", "aspirin"), ("Septrin", "cotrimoxazole"), ("Brandol", "unknownol")],
)


def test_docstring_examples_hold() -> None:
    found = doctest.testmod(interactions)
    assert found.attempted == 2
    assert not found.failed


@settings(deadline=None)
@given(ROWS)
def test_order_and_repeats_change_nothing(rows: list[Interaction]) -> None:
    table = InteractionTable.of(rows)
    assert InteractionTable.of([*reversed(rows), *rows]).rows == table.rows
    assert len({(row.first, row.second, row.source) for row in table.rows}) == len(table.rows)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_a_union_is_the_table_of_all_rows(one: list[Interaction], other: list[Interaction]) -> None:
    union = InteractionTable.of(one).union(InteractionTable.of(other))
    assert union.rows == InteractionTable.of([*one, *other]).rows


@settings(deadline=None)
@given(ROWS, st.lists(st.sampled_from([*NAMES, "heparin", "Nothing"])))
def test_a_matrix_says_what_the_pairs_say(rows: list[Interaction], names: list[str]) -> None:
    table = InteractionTable.of(rows)
    matrix = table.matrix(names)
    assert np.array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()
    for row, one in enumerate(names):
        for column, other in enumerate(names):
            assert matrix[row, column] == (row != column and bool(table.of_pair(one, other)))


def test_the_worst_of_a_source_stays() -> None:
    rows = [Interaction.between("a", "b", severity, "s") for severity in ("Minor", "Severe", "", "moderate")]
    assert [row.severity for row in InteractionTable.of(rows).rows] == ["Severe"]


def test_names_are_found_by_case_hyphens_and_aliases() -> None:
    sources = ["ANSM", "BNF"]
    assert [row.source for row in TABLE.of_pair("WARFARIN", "acetyl-salicylic acid")] == sources
    assert TABLE.of_pair("septrin", "Warfarin") == TABLE.of_pair("warfarin", "cotrimoxazole")
    assert not TABLE.knows("Brandol")
    assert TABLE.matrix(["Acetylsalicylic acid", "warfarin"])[0, 1] == 1.0


def test_aliases_survive_a_union_and_the_choice_of_a_source() -> None:
    other = InteractionTable.of([Interaction.between("x", "y")])
    for table in (other.union(TABLE), TABLE.of_source("BNF")):
        assert table.of_pair("Acetylsalicylic acid", "Warfarin")
    assert TABLE.of_source("BNF").sources == ("BNF",)


def test_names_of_one_drug_share_what_is_said_of_any_of_them() -> None:
    groups = [("ASA", "acetyl salicylic acid", "Brandol"), ("cotrimoxazole", "Bactrim"), ("warfarin", "x")]
    helpful = [Interaction.between("Aspirin", "Clopidogrel")]
    named = InteractionTable.of(TABLE.rows, TABLE.aliases, helpful).also_named(groups)
    for name in ("ASA", "Brandol", "aspirin"):
        assert named.of_pair(name, "X") == TABLE.of_pair("aspirin", "warfarin")
        assert named.beneficial.of_pair(name, "clopidogrel")
    assert named.matrix(["bactrim", "warfarin", "asa"]).tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert named.outside(["Brandol", "Bactrim", "x"]) == ()
    assert named.of_source("BNF").of_pair("asa", "x")
    assert named.rows == TABLE.rows


def test_rows_under_two_names_of_a_drug_are_of_both_and_of_their_aliases() -> None:
    rows = [Interaction.between("paracetamol", "heparin"), Interaction.between("acetaminophen", "zinc")]
    aliases = [("Tylenol", "acetaminophen"), ("two", "heparin"), ("two", "zinc"), ("Liquaemin", "heparin")]
    named = InteractionTable.of(rows, aliases)
    named = named.also_named([("acetaminophen", "paracetamol"), ("two", "both")])
    for name in ("acetaminophen", "paracetamol", "tylenol"):
        assert named.of_pair(name, "heparin")
        assert named.of_pair(name, "zinc")
    assert named.of_pair("both", "acetaminophen") == named.of_pair("two", "acetaminophen")
    # A name of two drugs makes them, and their other names, no names of each other.
    for name in ("heparin", "liquaemin"):
        assert [row.second for row in named.of_pair(name, "acetaminophen")] == ["paracetamol"]


def test_interactions_among_a_list_are_named_pair_by_pair() -> None:
    found = TABLE.among(["Heparin", "Septrin", "warfarin", "Warfarin", "aspirin"])
    assert [len(rows) for rows in found] == [2, 1]
    assert {row.first for rows in found for row in rows} == {"Aspirin", "ASPIRIN", "Co-trimoxazole"}


def test_weights_are_of_words_then_levels_then_one() -> None:
    names = ("aspirin", "warfarin", "co-trimoxazole")
    weights = TABLE.weights(names, {"contraindicated": 4.0, "": 0.5})
    assert (weights[0, 1], weights[1, 2], weights[0, 2]) == (4.0, 0.5, 0.0)
    assert TABLE.of_source("BNF").weights(names, {"SEVERE": 3.0})[0, 1] == 3.0
    assert TABLE.weights(names, {})[1, 2] == 1.0


def test_what_no_name_stands_for_is_told() -> None:
    assert TABLE.outside(["acetylsalicylic acid", "heparin"]) == ("Co-trimoxazole", "warfarin")


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("Contraindication:", "contraindicated"),
        ("CI", "contraindicated"),
        (" Not recommeded", "major"),
        ("Précaution", ""),
        ("Precautions for use", "moderate"),
        ("Take into account", "minor"),
        ("1", ""),
    ],
)
def test_words_of_sources_have_levels(word: str, level: str) -> None:
    assert severity_level(word) == level


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a"), ("A-b", "ab")])
def test_a_pair_is_of_two_drugs_in_order(names: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="two drugs"):
        Interaction(*names)
