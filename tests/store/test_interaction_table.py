"""The table of interactions from a base: which pairs, called what, resting on which sentence."""

import csv
import random
from dataclasses import replace
from pathlib import Path

import pytest

from apothecary.errors import UsageError
from apothecary.store.edge_rows import Edge, Filled
from apothecary.store.interactions import interactions, pairs_of
from apothecary.store.opening import opened
from apothecary.vocab.interaction_files import read_interactions
from tests.store.export_base import NEG, TRIPLE, made_base


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return made_base(tmp_path / "kb.duckdb")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_harmful_pair_rests_on_its_sentence(base: Path) -> None:
    done = interactions(base, base.with_name("harm.csv"), severity={"NEG": "major"})
    (row,) = rows(base.with_name("harm.csv"))
    assert done.pairs == 1
    assert (row["drug_a"], row["drug_b"], row["severity"], row["source"]) == (
        "mirtal",
        "zincol",
        "major",
        "kb kb",
    )
    assert (row["belief"], row["documents"], row["document"], row["edge"]) == ("0.8100", "1", "101", NEG)
    assert row["evidence"] == 'Zincol and mirtal caused "severe" bleeding.'


def test_severity_is_empty_where_nobody_told_it(base: Path) -> None:
    interactions(base, base.with_name("harm.csv"))
    assert rows(base.with_name("harm.csv"))[0]["severity"] == ""


def test_three_drugs_are_three_pairs_that_name_the_third(base: Path) -> None:
    done = interactions(base, base.with_name("good.csv"), kind="beneficial")
    found = {(row["drug_a"], row["drug_b"]): row["with"] for row in rows(base.with_name("good.csv"))}
    assert found == {
        ("mirtal", "solvane"): "zincol",
        ("mirtal", "zincol"): "solvane",
        ("solvane", "zincol"): "mirtal",
    }
    assert done.in_larger_sets == 3


def test_belief_below_the_bound_is_no_row(base: Path) -> None:
    assert interactions(base, base.with_name("harm.csv"), min_belief=0.82).pairs == 0
    assert base.with_name("harm.csv").read_text().startswith("drug_a,drug_b,severity,source,")


def test_a_short_form_is_no_name_where_there_is_another(base: Path) -> None:
    with opened(base, write=True) as connection:
        names = [("ZNC", 9), ("Zincolan", 5), ("zincolan", 3), ("=brand|one", 1)]
        for name, mentions in names:
            connection.execute(
                "INSERT INTO concept_names VALUES ('MESH:D1', ?, ?, ?)", [name, name.lower(), mentions]
            )
    interactions(base, base.with_name("harm.csv"))
    (row,) = rows(base.with_name("harm.csv"))
    assert row["drug_a"] == "Zincolan" or row["drug_b"] == "Zincolan"
    table = read_interactions([base.with_name("harm.csv")])
    assert table.of_pair("=brand/one", "MIRTAL")
    assert table.of_pair("zincol", "mirtal")
    assert not table.knows("ZNC")


def test_the_surest_edge_of_a_pair_speaks_for_it_in_any_order() -> None:
    drugs = [Filled("drug", name, name, "drug") for name in "abc"]
    edge = Edge("e1", "combinations", "NEG", 0.6, 1, 0, False, 0, 0, (drugs[0], drugs[1]))
    wider = replace(edge, edge="e2", belief=0.9, arguments=tuple(drugs))
    same = replace(edge, edge="e3", belief=0.9)
    found = [edge, wider, same]
    for seed in range(6):
        random.Random(seed).shuffle(found)  # noqa: S311
        best = {(pair.first, pair.second): pair.edge.edge for pair in pairs_of(found)}
        assert best == {("a", "b"): "e3", ("a", "c"): "e2", ("b", "c"): "e2"}


def test_what_is_no_drug_is_in_no_pair() -> None:
    parties = (Filled("drug", "a", "a", "drug"), Filled("drug", "b", "b", "disease"))
    assert not pairs_of([Edge("e", "relations", "effect", 0.9, 1, 0, False, 0, 0, parties)])


@pytest.mark.parametrize(
    ("graded", "what"), [({"POS": "major"}, "no type"), ({"NEG": "awful"}, "no severity")]
)
def test_a_severity_that_means_nothing_is_an_error(base: Path, graded: dict[str, str], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        interactions(base, base.with_name("harm.csv"), severity=graded)


def test_drugs_that_help_together_are_told_and_no_interaction(base: Path) -> None:
    harm, good = base.with_name("harm.csv"), base.with_name("good.csv")
    interactions(base, harm)
    interactions(base, good, kind="beneficial")
    table = read_interactions([harm, good])
    assert table.pairs == {("mirtal", "zincol")}
    (said,) = table.beneficial.of_pair("solvane", "zincol")
    assert (said.document, said.belief) == ("102", 0.6)
    assert TRIPLE in good.read_text()
