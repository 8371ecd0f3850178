"""How far edges are believed: the formula, what moves it and which way, error rates learnt from reviews."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from apothecary.store.assemble import assemble
from apothecary.store.build import BuildOptions, build
from apothecary.store.keys import edge_key
from apothecary.store.opening import opened
from tests.store.base_runs import believed, rows_of, run_folder, stating

NONE = BuildOptions(vocabulary="none")
EDGE = edge_key("POS", [("drug", "drug:a"), ("drug", "drug:b")])


def belief_by_hand(
    sources: Sequence[Sequence[float]], random_error: float = 0.3, systematic: float = 0.05
) -> float:
    """The formula of the module, written once more."""
    wrong = 1.0
    for confidences in sources:
        missed = math.prod(1 - (1 - random_error) * confidence for confidence in confidences)
        wrong *= systematic + (1 - systematic) * missed
    return 1 - wrong


def base(folder: Path, sources: Sequence[Sequence[float]], *, negated: bool = False, start: int = 0) -> Path:
    """A base in which each source states the edge in documents with these confidences."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = [
        run_folder(
            folder / f"{'no' * negated}{number}",
            [
                stating(str(start + place), "A", "B", confidence=confidence, negated=negated)
                for place, confidence in enumerate(confidences)
            ],
            engine=f"engine {number}",
        )
        for number, confidences in enumerate(sources)
    ]
    build(runs, folder / "kb.duckdb", NONE)
    return folder / "kb.duckdb"


def belief(store: Path) -> float:
    return float(str(believed(store)["POS"][3]))


def decide(store: Path, *decisions: tuple[str, str, str]) -> None:
    """Decisions (document, reviewer, verdict) about the edge, and everything assembled anew."""
    with opened(store, write=True) as connection:
        for document, reviewer, verdict in decisions:
            row = [document, EDGE, reviewer, verdict, None, "", "2026-01-01"]
            connection.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        assemble(connection, {EDGE})


@pytest.mark.slow
def test_belief_is_the_formula_in_any_order(tmp_path: Path) -> None:
    """Thirty edges, each stated by up to three sources in up to five documents, with any confidence."""
    chance = random.Random(2)  # noqa: S311
    said = {
        f"B{edge}": [
            [chance.choice([0.0, 1.0, chance.random()]) for _ in range(chance.randint(0, 5))]
            for _ in range(3)
        ]
        for edge in range(30)
    }
    runs = []
    for source in range(3):
        records = [
            stating(f"{drug} {place}", "A", drug, confidence=confidence)
            for drug, sources in said.items()
            for place, confidence in enumerate(sources[source])
        ]
        chance.shuffle(records)
        runs.append(run_folder(tmp_path / str(source), records, engine=f"engine {source}"))
    both = "edges JOIN edge_arguments USING (edge)"
    query = f"SELECT concept, belief FROM {both} WHERE concept <> 'drug:a' ORDER BY 1"  # noqa: S608
    found = []
    for name, order in (("one", runs), ("other", runs[::-1])):
        build(order, tmp_path / f"{name}.duckdb", NONE)
        found.append(rows_of(tmp_path / f"{name}.duckdb", query))
    assert found[0] == found[1]
    assert len(found[0]) >= 28
    for concept, value in found[0]:
        by_hand = belief_by_hand(said[str(concept).removeprefix("drug:").upper()])
        assert float(str(value)) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.slow
def test_documents_and_sources_raise_belief_and_one_source_never_makes_it_certain(tmp_path: Path) -> None:
    said = [[[0.5]], [[0.5, 0.5]], [[0.5, 0.5], [0.5]], [[1.0] * 40]]
    beliefs = [belief(base(tmp_path / str(place), each)) for place, each in enumerate(said)]
    assert beliefs == sorted(set(beliefs))
    assert beliefs[-1] <= 0.95


def test_a_document_counts_once_however_many_runs_of_a_source_state_it(tmp_path: Path) -> None:
    once = belief(base(tmp_path / "once", [[0.8]]))
    runs = [run_folder(tmp_path / name, [stating("0", "A", "B", confidence=0.8)]) for name in ("x", "y")]
    build(runs, tmp_path / "kb.duckdb", NONE)
    assert believed(tmp_path / "kb.duckdb")["POS"] == (1, 0, False, once)


def test_denials_lower_belief(tmp_path: Path) -> None:
    base(tmp_path, [[0.9]])
    base(tmp_path, [[0.6]], negated=True, start=10)
    assert believed(tmp_path / "kb.duckdb")["POS"][:3] == (1, 1, True)
    expected = belief_by_hand([[0.9]]) * (1 - belief_by_hand([[0.6]]))
    assert belief(tmp_path / "kb.duckdb") == pytest.approx(expected, abs=1e-6)


def test_an_accept_raises_a_reject_lowers_and_a_tie_is_as_if_nobody_had_looked(tmp_path: Path) -> None:
    store = base(tmp_path, [[0.7, 0.7]])
    before = belief(store)
    decide(store, ("0", "Ada", "accept"))
    accepted = belief(store)
    assert accepted == pytest.approx(1 - (1 - before) * 0.02, abs=1e-6)
    decide(store, ("0", "Bob", "reject"))
    assert belief(store) == before
    decide(store, ("0", "Cleo", "reject"))
    assert belief(store) == pytest.approx(belief_by_hand([[0.7]]), abs=1e-6)
    assert rows_of(store, "SELECT documents, accepted, rejected FROM edges") == [(1, 0, 1)]


def test_what_reviewers_say_of_a_document_that_does_not_state_the_edge_counts_for_nothing(
    tmp_path: Path,
) -> None:
    store = base(tmp_path, [[0.7]])
    before = believed(store)
    decide(store, ("99", "Ada", "accept"), ("98", "Ada", "reject"))
    assert believed(store) == before


@pytest.mark.slow
def test_reviews_recover_the_error_rates_of_simulated_sources(tmp_path: Path) -> None:
    """Three sources that err at known rates; reviewers judge 300 statements of each, rightly."""
    rates = {"careful": 0.05, "usual": 0.3, "careless": 0.6}
    chance = random.Random(11)  # noqa: S311
    documents = [f"{name} {number}" for name in rates for number in range(300)]
    runs = [
        run_folder(
            tmp_path / name, [stating(f"{name} {number}", "A", "B") for number in range(300)], engine=name
        )
        for name in rates
    ]
    store = tmp_path / "kb.duckdb"
    build(runs, store, NONE)
    verdicts = [
        "reject" if chance.random() < rates[document.split()[0]] else "accept" for document in documents
    ]
    with opened(store, write=True) as connection:
        connection.execute(
            "INSERT INTO decisions SELECT unnest(?), ?, 'Ada', unnest(?), NULL, '', ''",
            [documents, EDGE, verdicts],
        )
        assemble(connection)
    fitted = {row[0]: row[1] for row in rows_of(store, "SELECT source, random_error FROM sources")}
    for name, rate in rates.items():
        assert float(str(fitted[f"relations by {name}"])) == pytest.approx(rate, abs=0.06)
    assert rows_of(store, "SELECT DISTINCT reviewed FROM sources") == [(300,)]


def test_priors_that_are_given_stay_with_the_base(tmp_path: Path) -> None:
    store = base(tmp_path, [[1.0]])
    run = tmp_path / "0"
    build([run], store, BuildOptions("none", {"random": 0.1, "systematic": 0.01}))
    assert belief(store) == pytest.approx(belief_by_hand([[1.0]], 0.1, 0.01), abs=1e-6)
    build([run], store, BuildOptions("none", {"relations by engine 0": 0.5}))
    assert belief(store) == pytest.approx(belief_by_hand([[1.0]], 0.5, 0.01), abs=1e-6)
    with opened(store, write=True) as connection:
        assemble(connection)
    assert belief(store) == pytest.approx(belief_by_hand([[1.0]], 0.5, 0.01), abs=1e-6)
