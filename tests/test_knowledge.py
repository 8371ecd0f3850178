"""The knowledge base from Python: what the command line does, by name."""

from pathlib import Path

import pytest

from apothecary import knowledge
from apothecary.errors import FormatError, UsageError
from tests.store.base_runs import run_folder, stating


@pytest.fixture
def store(tmp_path: Path) -> Path:
    run = run_folder(tmp_path / "run", [stating("1", "Druga", "Drugb", type="NEG", confidence=0.9)])
    options = knowledge.BuildOptions(vocabulary="none")
    assert knowledge.build(run, tmp_path / "kb.duckdb", options).relations == 1
    assert knowledge.build([str(run)], str(tmp_path / "kb.duckdb")).unchanged == 1
    return tmp_path / "kb.duckdb"


def test_a_base_is_asked_and_leads_to_the_sentence(store: Path) -> None:
    found = knowledge.query(store, knowledge.Question(drugs=("druga",)))
    (said,) = found.edges[0].evidence
    assert (found.total, said.document, said.quote) == (1, "1", "Druga and Drugb were given.")
    with pytest.raises(UsageError, match="nearest: Druga"):
        knowledge.query(store, knowledge.Question(drugs=("drugc",)))
    assert list(knowledge.select(store, "SELECT type FROM edges").rows) == [("NEG",)]


def test_a_base_is_exported_and_lists_its_interactions(store: Path, tmp_path: Path) -> None:
    knowledge.export(store, tmp_path / "edges.jsonl", "jsonl")
    assert '"NEG"' in (tmp_path / "edges.jsonl").read_text()
    assert knowledge.interactions(store, tmp_path / "pairs.csv", min_belief=0.1).pairs == 1
    assert "Druga" in (tmp_path / "pairs.csv").read_text()
    assert knowledge.interactions(store, tmp_path / "none.csv", min_belief=1).pairs == 0


def test_reviewed_tasks_that_are_not_there_are_one_error(store: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="missing"):
        knowledge.import_reviewed(store, tmp_path / "missing.json", reviewer="Ada")
