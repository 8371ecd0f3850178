"""Keys of concepts and edges, the same in SQL and in Python, and what names are taken for."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.store.assemble import ARGUMENTS, EDGE_KEY
from apothecary.store.keys import edge_key
from apothecary.store.naming import curie, kind_of, own_concept

# What `rows` lets through: control characters become blanks there.
CONNECTION = duckdb.connect()
WORDS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=30)
@given(WORDS, st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_sql_and_python_agree_on_the_key_of_an_edge(type: str, arguments: list[tuple[str, str]]) -> None:
    key = EDGE_KEY.format(type="$type", arguments=ARGUMENTS)
    with CONNECTION.cursor() as connection:
        row = connection.execute(
            f"SELECT {key} FROM (SELECT unnest($roles) AS role, unnest($concepts) AS concept)",  # noqa: S608
            {"type": type, "roles": [a for a, _ in arguments], "concepts": [b for _, b in arguments]},
        ).fetchone()
    assert row == (edge_key(type, arguments),)


@pytest.mark.parametrize(
    ("identifier", "kind", "expected"),
    [
        *[("D017239", "drug", "MESH:D017239"), ("mesh:D017239", "drug", "MESH:D017239")],
        ("MESH:MESH:D017239", "drug", "MESH:D017239"),
        *[("7157", "gene", "NCBIGene:7157"), ("9606", "species", "NCBITaxon:9606")],
        *[("chebi:28262", "drug", "CHEBI:28262"), ("OMIM:604370", "disease", "OMIM:604370")],
        *[("rs113993960", "variant", "dbSNP:rs113993960"), ("77", "drug", "LOCAL:77"), ("-1", "gene", "")],
    ],
)
def test_ids_are_curies_in_one_spelling(identifier: str, kind: str, expected: str) -> None:
    assert curie(identifier, kind) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[("Morphine sulfate", "morphine"), ("morphine", "morphine"), ("heparin sodium", "heparin")],
        *[("sodium chloride", "sodiumchloride"), ("nitric oxide", "nitricoxide"), ("Lasix", "furosemide")],
        *[("5-Fluorouracil", "5fluorouracil"), ("vitamin D3", "vitamind3"), ("IL-6", "il6")],
        *[("beta-blockers", "betablocker"), ("\u03b2 blocker", "betablocker"), ("?", "?")],
    ],
)
def test_drugs_go_by_their_ingredient_and_keep_what_tells_chemicals_apart(name: str, expected: str) -> None:
    assert own_concept("drug", [], [name]) == (f"drug:{expected}", False)


def test_a_salt_with_an_id_is_a_concept_of_its_own() -> None:
    assert own_concept("drug", ["D009020", "-"], ["morphine sulfate"]) == ("MESH:D009020", True)
    assert own_concept("disease", ["D2", "MESH:D1111"], ["a and b"]) == ("LOCAL:D2|MESH:D1111", True)


def test_a_name_of_a_megabyte_has_a_key_of_a_line() -> None:
    one, other = (own_concept("drug", [], ["x" * 1_000_000 + end])[0] for end in "ab")
    assert one != other
    assert len(one) < 250


def test_kinds_go_by_the_type_of_mention() -> None:
    types = ["Chemical", "Drug", "DiseaseOrPhenotypicFeature", "GeneOrGeneProduct", "Cell Line", "Procedure"]
    assert [kind_of(type) for type in types] == ["drug", "drug", "disease", "gene", "cell", "other"]
