"""Decisions stay with what they are about when names come to stand for other concepts."""

from pathlib import Path

import pytest

from apothecary.store.build import BuildOptions, Built, build
from apothecary.store.deciding import put_decisions
from apothecary.store.decisions import Action, Decision, DecisionLog, changed_edge, decisions_path
from apothecary.store.keys import edge_key
from apothecary.store.opening import opened
from tests.store.base_runs import believed, rows_of, run_folder, stating

NONE = BuildOptions(vocabulary="none")
Change = dict[str, object]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    run = run_folder(tmp_path / "run", [stating("1", "Druga", "Drugb"), stating("2", "Druga", "Drugb")])
    build([run], tmp_path / "kb.duckdb", NONE)
    return tmp_path / "kb.duckdb"


def relinked(store: Path, **ids: str) -> Built:
    """The base built again with a vocabulary of these ids by name."""
    mine = store.with_name("mine.tsv")
    mine.write_text("id\tname\ttype\n" + "".join(f"{id}\t{name}\tDrug\n" for name, id in ids.items()))
    return build([], store, BuildOptions(vocabulary=str(mine)))


def edge(a: str = "drug:druga", b: str = "drug:drugb", type: str = "POS") -> str:
    return edge_key(type, [("drug", a), ("drug", b)])


def decide(
    store: Path, verdict: Action, about: str, reviewer: str = "Ada", change: Change | None = None
) -> None:
    with DecisionLog(decisions_path(store)) as log:
        log.append(Decision(0, "1", about, verdict, reviewer, "2026-01-02T00:00:00+00:00", change))


def standing(store: Path) -> list[tuple[str, str, str]]:
    with DecisionLog(decisions_path(store)) as log:
        return [(each.edge, each.verdict, each.reviewer) for each in log.standing()]


def test_decisions_follow_to_another_vocabulary_and_back(store: Path) -> None:
    decide(store, "accept", edge())
    decide(store, "reject", edge())
    before = build([], store)
    assert before.notes == ()
    assert believed(store)["POS"][0] == 1
    assert relinked(store, Druga="D000001").notes == ()
    assert standing(store) == [(edge("MESH:D000001"), "reject", "Ada")]
    assert believed(store)["POS"][0] == 1
    assert build([], store, NONE).notes == ()
    assert standing(store) == [(edge(), "reject", "Ada")]
    with DecisionLog(decisions_path(store)) as log:
        assert {each.made for each in log.standing()} == {"2026-01-02T00:00:00+00:00"}


def test_edits_follow_and_so_does_what_others_say_of_them(store: Path) -> None:
    def change(a: str) -> Change:
        arguments = [{"role": "drug", "concept": each} for each in (a, "drug:drugb")]
        return {"type": "NEG", "arguments": arguments, "evidence": []}

    decide(store, "edit", edge(), change=change("drug:druga"))
    build([], store)
    decide(store, "accept", edge(type="NEG"), "Bob")
    build([], store)
    assert relinked(store, Druga="D000001").notes == ()
    assert standing(store) == [
        (edge("MESH:D000001"), "edit", "Ada"),
        (edge("MESH:D000001", type="NEG"), "accept", "Bob"),
    ]
    assert believed(store)["NEG"][0] == 1
    with DecisionLog(decisions_path(store)) as log:
        assert changed_edge(next(log.standing()).change or {}) == changed_edge(change("MESH:D000001"))


def test_what_was_one_and_is_two_is_decided_for_both(tmp_path: Path) -> None:
    said = stating("1", "Druga", "Drugb", "Drugc")
    arguments = [
        [{"role": "drug", "concept": each} for each in pair] for pair in (("c0", "c1"), ("c2", "c1"))
    ]
    relations = [{"id": f"r{n}", "type": "POS", "arguments": each} for n, each in enumerate(arguments)]
    store = tmp_path / "kb.duckdb"
    build([run_folder(tmp_path / "run", [said | {"relations": relations}])], store, NONE)
    relinked(store, Druga="X1", Drugc="X1")
    decide(store, "reject", edge("LOCAL:X1"))
    relinked(store, Druga="X1", Drugc="X2")
    assert sorted(standing(store)) == sorted(
        (edge(each), "reject", "Ada") for each in ("LOCAL:X1", "LOCAL:X2")
    )


def test_a_build_that_breaks_off_after_the_log_is_written_is_made_good_by_the_next(store: Path) -> None:
    decide(store, "reject", edge())
    build([], store)
    with opened(store, write=True) as connection, DecisionLog(decisions_path(store)) as log:
        connection.execute("INSERT INTO edge_moves VALUES (1, '1', ?, ?)", [edge(), edge("MESH:D000001")])
        connection.execute("UPDATE relations SET edge = ?", [edge("MESH:D000001")])
        for _ in range(2):
            connection.begin()
            put_decisions(connection, log)
            connection.rollback()
    assert standing(store) == [(edge("MESH:D000001"), "reject", "Ada")]
    assert rows_of(store, "SELECT count(*) FROM edge_moves") == [(1,)]


def test_what_a_reviewer_says_of_the_new_edge_outweighs_what_follows(store: Path) -> None:
    decide(store, "reject", edge())
    decide(store, "accept", edge("MESH:D000001"))
    relinked(store, Druga="D000001")
    assert standing(store) == [(edge("MESH:D000001"), "accept", "Ada")]
