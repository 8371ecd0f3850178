"""Decisions in the base: what stands is there, what was undone is gone, and edges follow."""

from pathlib import Path

import duckdb
import pytest

from apothecary.store.build import BuildOptions, build
from apothecary.store.deciding import fold
from apothecary.store.decisions import Decision, DecisionLog, Verdict, changed_edge, decisions_path
from apothecary.store.keys import edge_key
from apothecary.store.opening import opened
from tests.review.bases import make_base, sample
from tests.store.base_runs import run_folder, stating

HEADACHE = edge_key("causes", [("head", "T:Tiamol"), ("tail", "T:headache")])
ARGUMENTS: list[dict[str, object]] = [
    {"role": "head", "concept": "T:Tiamol"},
    {"role": "tail", "concept": "T:headache"},
]
TREATS: dict[str, object] = {
    "type": "treats",
    "arguments": ARGUMENTS,
    "evidence": [{"start": 17, "end": 56, "quote": "Tiamol may cause mild headache in some."}],
}
STATE = (
    "decisions",
    "sources",
    "runs",
    "relations",
    "arguments",
    "evidence",
    "mentions",
    "extractions",
    "edges",
)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base(tmp_path / "kb.duckdb", [sample("d1"), sample("d2")])


def decide(
    base: Path, verdict: Verdict | str, reviewer: str = "ann", change: dict[str, object] | None = None
) -> set[str]:
    with DecisionLog(decisions_path(base)) as log, opened(base, write=True) as connection:
        log.append(Decision(0, "d1", HEADACHE, verdict, reviewer, "", change))  # type: ignore[arg-type]
        return fold(connection, log)


def rows(base: Path, query: str) -> list[tuple[object, ...]]:
    with opened(base) as connection:
        return connection.execute(query).fetchall()


def belief(base: Path, edge: str) -> float:
    with opened(base) as connection:
        found = connection.execute("SELECT belief FROM edges WHERE edge = ?", [edge]).fetchone()
    return float(found[0]) if found else -1.0


def content(connection: duckdb.DuckDBPyConnection) -> list[list[tuple[object, ...]]]:
    return [sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=str) for table in STATE]  # noqa: S608


def test_accepting_raises_belief_and_rejecting_lowers_it(base: Path) -> None:
    with opened(base, write=True) as connection, DecisionLog(decisions_path(base)) as log:
        assert fold(connection, log) == set()
    before = belief(base, HEADACHE)
    assert decide(base, "accept") == {HEADACHE}
    accepted = belief(base, HEADACHE)
    decide(base, "reject")
    assert belief(base, HEADACHE) < before < accepted


def test_an_edit_states_another_edge_and_rejects_its_own(base: Path) -> None:
    edge = changed_edge(TREATS)
    assert decide(base, "edit", change=TREATS) == {HEADACHE, edge}
    assert belief(base, edge) > 0.9
    assert rows(base, "SELECT edge, verdict FROM decisions ORDER BY verdict") == [
        (edge, "accept"),
        (HEADACHE, "edit"),
    ]
    assert rows(base, "SELECT documents, rejected FROM edges WHERE type = 'treats' AND accepted = 1") == [
        (1, 0)
    ]
    assert rows(base, "SELECT count(*) FROM mentions WHERE run = 'review'") == [(2,)]
    assert rows(base, "SELECT quote FROM evidence JOIN relations USING (relation) WHERE run = 'review'") == [
        ("Tiamol may cause mild headache in some.",)
    ]


def test_conditions_hold_for_what_an_edit_states_and_go_with_it(tmp_path: Path) -> None:
    pair = stating("1", "A", "B", type="treats", text="A for B at 15 mg/kg.")
    limited = pair | {"conditions": [{"type": "Dosage", "start": 11, "end": 19, "relation": "r1"}]}
    store, about = tmp_path / "kb.duckdb", edge_key("treats", [("drug", "drug:a"), ("drug", "drug:b")])
    build(
        [run_folder(tmp_path / "run", [limited], task="conditions")], store, BuildOptions(vocabulary="none")
    )
    change: dict[str, object] = {
        "type": "prevents",
        "arguments": [{"role": "drug", "concept": each} for each in ("drug:a", "drug:b")],
        "evidence": [],
    }
    query = (
        "SELECT r.type, c.text, d.low, d.unit FROM conditions c JOIN relations r USING (relation)"
        " JOIN doses d USING (condition) ORDER BY r.type"
    )
    with opened(store, write=True) as connection, DecisionLog(decisions_path(store)) as log:
        log.append(Decision(0, "1", about, "edit", "ann", "", change))
        fold(connection, log)
        assert connection.execute(query).fetchall() == [
            ("prevents", "15 mg/kg", 15.0, "mg"),
            ("treats", "15 mg/kg", 15.0, "mg"),
        ]
        log.append(Decision(0, "1", about, "undo", "ann", ""))
        fold(connection, log)
        assert connection.execute(query).fetchall() == [("treats", "15 mg/kg", 15.0, "mg")]
        assert connection.execute("SELECT count(*) FROM doses").fetchall() == [(1,)]


def test_an_edit_of_the_evidence_alone_accepts_its_edge(base: Path) -> None:
    assert decide(base, "edit", change=TREATS | {"type": "causes"}) == {HEADACHE}
    assert rows(base, "SELECT verdict FROM decisions") == [("accept",)]


def test_a_marked_mention_stands_for_its_argument(base: Path) -> None:
    marked = [ARGUMENTS[0], ARGUMENTS[1] | {"start": 34, "end": 47}]
    decide(base, "edit", change=TREATS | {"arguments": marked})
    found = rows(base, "SELECT text FROM mentions WHERE run = 'review' AND concept = 'T:headache'")
    assert found == [("mild headache",)]


def test_undoing_everything_leaves_the_base_as_it_was(base: Path) -> None:
    with opened(base, write=True) as connection, DecisionLog(decisions_path(base)) as log:
        fold(connection, log)
        before = content(connection)
    decide(base, "edit", change=TREATS)
    decide(base, "undo")
    with opened(base) as connection:
        assert content(connection) == before


def test_folding_twice_touches_nothing_the_second_time(base: Path) -> None:
    decide(base, "edit", change=TREATS)
    with opened(base, write=True) as connection, DecisionLog(decisions_path(base)) as log:
        before = content(connection)
        assert fold(connection, log) == set()
        assert content(connection) == before


def test_an_edit_of_what_the_base_does_not_know_states_nothing(base: Path) -> None:
    unknown = [ARGUMENTS[0], {"role": "tail", "concept": "T:nowhere"}]
    decide(base, "edit", change=TREATS | {"arguments": unknown})
    assert rows(base, "SELECT count(*) FROM relations WHERE run = 'review'") == [(0,)]
    assert rows(base, "SELECT verdict FROM decisions") == [("edit",)]
