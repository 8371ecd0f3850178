"""The log of decisions: append-only, undone by rows, safe against others and against rubbish."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import ApothecaryError, FormatError, RunError, UsageError
from apothecary.store.decisions import Decision, DecisionLog, Verdict, decisions_path

CHANGE = {"type": "treats", "arguments": [{"role": "head", "concept": "a"}], "evidence": []}


def said(verdict: Verdict, reviewer: str = "ann", **more: str) -> Decision:
    change = CHANGE if verdict == "edit" else None
    return Decision(0, "d1", "e1", verdict, reviewer, "", change, **more)


def undo(reviewer: str = "ann") -> Decision:
    return Decision(0, "d1", "e1", "undo", reviewer, "")


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(decisions_path(tmp_path / "kb.duckdb"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["accept", "reject", "edit", "undo"]), max_size=8))
def test_what_stands_is_the_last_that_no_undo_took_back(verdicts: list[str]) -> None:
    stack: list[str] = []
    with DecisionLog(Path(":memory:")) as log:
        for verdict in verdicts:
            if verdict == "undo" and not stack:
                with pytest.raises(UsageError):
                    log.append(undo())
            elif verdict == "undo":
                log.append(undo())
                stack.pop()
            else:
                log.append(said(verdict))  # type: ignore[arg-type]
                stack += [verdict] if stack[-1:] != [verdict] else []
        assert [one.verdict for one in log.standing()] == stack[-1:]


def test_no_row_can_be_changed_or_removed(log: DecisionLog) -> None:
    log.append(said("accept"))
    with sqlite3.connect(log.path) as other:
        for statement in ("UPDATE decisions SET verdict = 'reject'", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                other.execute(statement)
    assert [one.verdict for one in log.history("d1", "e1")] == ["accept"]


def test_the_same_decision_twice_is_one_row(log: DecisionLog) -> None:
    assert log.append(said("accept")).number == log.append(said("accept")).number == log.last_number() == 1


def test_who_and_when_are_kept_in_utc(log: DecisionLog) -> None:
    one = log.append(said("edit", note="see table 2"))
    assert (one.reviewer, one.note, one.change) == ("ann", "see table 2", CHANGE)
    assert one.made.endswith("+00:00")
    assert log.history("d1", "e1") == [one]


def test_reviewers_write_at_once_and_nothing_is_lost(log: DecisionLog) -> None:
    def decide(name: str) -> None:
        with DecisionLog(log.path) as own:
            own.append(said("accept", name))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decide, [f"r{n}" for n in range(8)]))
    assert {one.reviewer for one in log.standing()} == {f"r{n}" for n in range(8)}


def test_several_are_written_all_or_none(log: DecisionLog) -> None:
    with pytest.raises(UsageError):
        log.extend([said("accept"), undo("bob")])
    assert log.last_number() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        said("accept", ""),
        said("accept", "x" * 81),
        said("accept", "a\u202eb"),
        said("accept", note="x" * 10_001),
        Decision(0, "d1", "e1", "edit", "ann", "", None),
        Decision(0, "d1", "e1", "accept", "ann", "", CHANGE),
        Decision(0, "d1", "e1", "edit", "ann", "", {"type": "x", "arguments": []}),
        Decision(0, "", "e1", "accept", "ann", ""),
    ],
)
def test_what_says_nothing_is_refused(log: DecisionLog, wrong: Decision) -> None:
    with pytest.raises(UsageError):
        log.append(wrong)


def test_a_file_that_is_no_log_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "kb.decisions.sqlite"
    path.write_bytes(b"no database at all, but long enough to be one" * 40)
    with pytest.raises(FormatError, match=r"kb\.decisions\.sqlite: is no log"):
        DecisionLog(path)
    assert path.read_bytes().startswith(b"no database")


def test_a_log_of_a_later_version_is_left_alone(log: DecisionLog) -> None:
    with sqlite3.connect(log.path) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(RunError, match="later version"):
        DecisionLog(log.path)


def test_a_log_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    with pytest.raises(ApothecaryError, match="nowhere"):
        DecisionLog(tmp_path / "nowhere" / "kb.decisions.sqlite")
