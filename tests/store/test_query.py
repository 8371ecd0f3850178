"""Questions to a base: what fits, where it is named, under which conditions, and who says so."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from apothecary.errors import UsageError
from apothecary.store.opening import opened
from apothecary.store.query import Edge, Found, Question, ask
from tests.store.query_base import SENTENCE, asked_base

Base = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def base(made: Path) -> Iterator[Base]:
    with opened(made) as connection:
        yield connection


def named(edge: Edge) -> str:
    return f"{edge.type} {' '.join(each.name.lower() for each in edge.arguments)}"


def found(base: Base, **asked: object) -> list[str]:
    return sorted(map(named, ask(base, Question(**asked)).edges))  # type: ignore[arg-type]


def joint(base: Base, **asked: object) -> Edge:
    answer = ask(base, Question(type="POS", drugs=("zincol", "mirtal"), **asked))  # type: ignore[arg-type]
    (edge,) = answer.edges
    return edge


def test_an_empty_question_asks_for_all_edges_by_belief(base: Base) -> None:
    answer = ask(base, Question())
    assert answer.total == len(answer.edges) == 5
    beliefs = [edge.belief for edge in answer.edges]
    assert beliefs == sorted(beliefs, reverse=True)


def test_drugs_that_are_asked_for_are_arguments(base: Base) -> None:
    assert found(base, drugs=("Zincol", "MESH:D000001", "mirtal")) == ["POS zincol mirtal"]
    assert found(base, drugs=("solvane",)) == ["NEG mirtal solvane", "POS zincol solvane"]


def test_a_disease_is_an_argument_or_named_beside_edges_that_have_none(base: Base) -> None:
    # The statement on asthma stands in the same document and is none on gout; document 4 is retracted.
    assert found(base, diseases=("gout",)) == ["POS zincol mirtal", "therapeutic zincol gout"]


def test_the_place_is_the_sentence_or_else_the_document(base: Base) -> None:
    (context,) = joint(base, diseases=("gout",)).context
    assert (context.asked, context.place, context.documents) == ("gout", "sentence", 2)
    (context,) = joint(base, diseases=("asthma",)).context
    assert (context.place, context.documents) == ("document", 1)


def test_conditions_are_those_of_the_drug_and_of_the_disease_that_was_asked_for(base: Base) -> None:
    limits = joint(base, diseases=("gout",)).conditions
    assert [(each.type, each.text) for each in limits] == [("Dosage", "75 mg/m2"), ("Gender", "women")]
    (dose,) = limits[0].doses
    assert (dose.low, dose.high, dose.unit, dose.per) == (75, 75, "mg", "m2")
    assert [each.text for each in joint(base).conditions if each.type == "Dosage"] == ["75 mg/m2", "3 mg"]


def test_edges_are_found_by_their_conditions(base: Base) -> None:
    assert found(base, condition="gender") == ["POS zincol mirtal", "therapeutic zincol gout"]
    assert found(base, condition="3 MG", drugs=("mirtal",)) == ["POS zincol mirtal"]
    assert found(base, condition="100 % of them") == []


def test_every_edge_leads_to_its_sentence_with_its_arguments_marked(base: Base) -> None:
    first = joint(base, diseases=("gout",)).evidence[0]
    assert (first.document, first.quote, first.given) == ("1", SENTENCE, True)
    words = {
        (first.quote[mark.start - first.start : mark.end - first.start], mark.role) for mark in first.marks
    }
    assert words == {("Zincol", "drug"), ("mirtal", "drug"), ("gout", "")}
    assert first.source.startswith("combinations")
    assert first.confidence == 0.9


def test_without_a_sentence_the_one_that_names_most_arguments_is_shown(base: Base) -> None:
    (edge,) = ask(base, Question(diseases=("asthma",), type="therapeutic")).edges
    shown = [each for each in edge.evidence if each.document == "6"]
    assert [(each.quote, each.given) for each in shown] == [("Zincol eased asthma.", False)]


def test_who_denies_it_and_what_is_retracted_is_shown_and_marked(base: Base) -> None:
    said = {each.document: each for each in joint(base).evidence}
    assert said.keys() == {"1", "2", "3"}
    assert said["3"].polarity == "negated"
    (edge,) = ask(base, Question(type="POS", drugs=("solvane",))).edges
    assert (edge.documents, [each.retracted for each in edge.evidence]) == (0, [True])


def test_less_evidence_shows_the_best_and_counts_all(base: Base) -> None:
    answer = ask(base, Question(type="POS", drugs=("mirtal",)), evidence=1)
    assert [(each.statements, [said.document for said in each.evidence]) for each in answer.edges] == [
        (3, ["1"])
    ]


def test_pages_hold_every_edge_once(base: Base) -> None:
    pages = [ask(base, Question(limit=2, offset=offset)) for offset in (0, 2, 4, 6)]
    assert [len(page.edges) for page in pages] == [2, 2, 1, 0]
    assert len({edge.edge for page in pages for edge in page.edges}) == 5
    assert {page.total for page in pages} == {5}


def test_bounds_leave_out_what_is_less_believed(base: Base) -> None:
    edges = ask(base, Question()).edges
    least = edges[1].belief
    kept = ask(base, Question(min_belief=least)).edges
    assert [each.edge for each in kept] == [each.edge for each in edges if each.belief >= least]
    assert set(found(base, task="combinations")) >= {"NEG mirtal solvane"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"drugs": ("zinkol",)}, "no drug is called 'zinkol' (nearest: Zincol;"),
        ({"drugs": ("gout",)}, "known as"),
        ({"genes": ("' OR 1=1 --",)}, "no gene is called"),
        ({"type": "POZ"}, "no edge of type 'POZ' (it has NEG, POS, therapeutic)"),
        ({"text": " ?! "}, "holds no word"),
        ({"drugs": (" ",)}, "a name is empty"),
        ({"drugs": ("\ud800",)}, "half a character"),
        ({"limit": 1001}, "is not from 0 to 1000"),
        ({"min_belief": float("nan")}, "is not from 0 to 1"),
    ],
)
def test_a_question_that_cannot_be_answered_says_what_to_do(
    base: Base, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ask(base, Question(**asked))  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_shared_name_asks_for_all_that_have_it_and_says_so(made: Path, tmp_path: Path) -> None:
    store = Path(shutil.copy(made, tmp_path))
    with opened(store, write=True) as connection:
        connection.execute("INSERT INTO concept_names SELECT concept, 'Joint', 'joint', 1 FROM concepts")
    with opened(store) as connection:
        answer: Found = ask(connection, Question(drugs=("joint",)))
    assert [len(each.concepts) for each in answer.names] == [3]
    assert answer.total == 5
    assert "'joint' names 3 concepts" in answer.notes[0]


class Counting:
    """A connection that counts its statements."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self.statements = 0

    def execute(self, *arguments: object) -> Base:
        self.statements += 1
        return self._base.execute(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [1, 5])
def test_the_number_of_statements_does_not_grow_with_the_edges(base: Base, limit: int) -> None:
    counting = Counting(base)
    ask(counting, Question(concepts=("gout",), limit=limit))  # type: ignore[arg-type]
    assert counting.statements == 13


def test_an_answer_is_json(base: Base) -> None:
    record = ask(base, Question(drugs=("mirtal",), diseases=("gout",))).to_record()
    again = json.loads(json.dumps(record))
    assert again["edges"][0]["evidence"][0]["quote"] == SENTENCE
    assert again["question"]["drugs"] == ["mirtal"]
