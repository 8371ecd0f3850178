"""Free words: an index beside the base that mends itself, and questions that are never operators."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import RunError, UsageError
from apothecary.store.opening import opened
from apothecary.store.query import Question, ask
from apothecary.store.search import documents_with, expression, index_path
from tests.store.query_base import asked_base, build_again


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sqlite"))
    return tmp_path / "copy" / made.name


def held(store: Path, words: str) -> list[str]:
    with opened(store) as connection:
        return sorted(documents_with(connection, words).documents)


@pytest.mark.parametrize(
    ("words", "documents"),
    [
        ("ZINC gout", ["1", "2", "4"]),
        ('"mirtal helped"', ["1"]),
        ('"helped mirtal"', []),
        ("顺铂", ["5"]),
        ("铂顺", []),
        ("mirtal联合", ["5"]),
        ("gout AND", ["1", "2", "4"]),
        ("NEAR(", []),
    ],
)
def test_words_are_found_by_their_beginning_and_chinese_by_any_part(
    made: Path, words: str, documents: list[str]
) -> None:
    assert held(made, words) == documents


def test_edges_are_found_by_the_words_of_their_documents(made: Path) -> None:
    with opened(made) as connection:
        answer = ask(connection, Question(text="helped"))
        assert {edge.type for edge in answer.edges} == {"POS", "therapeutic"}
        assert answer.edges[0].context[0].place == "document"
        assert answer.notes == ("1 document holds the words",)
        assert ask(connection, Question(text="zebra")).total == 0


def test_the_index_follows_the_base(store: Path) -> None:
    assert held(store, "met") == ["2"]
    records = store.parent / "joint" / "predictions.jsonl"
    text = records.read_text().replace("mirtal met.", "mirtal fit.")
    records.write_text("".join(line + "\n" for line in text.splitlines() if '"id": "5"' not in line))
    build_again(store.parent)
    assert held(store, "met") == []
    assert held(store, "fit") == ["2"]
    assert held(store, "顺铂") == []


@pytest.mark.parametrize("damage", [b"no index", b"", None])
def test_a_damaged_index_is_made_again(store: Path, damage: bytes | None) -> None:
    held(store, "zincol")
    path = index_path(store)
    if damage is None:
        with closing(sqlite3.connect(path)) as index:
            index.execute("DROP TABLE words")
            index.commit()
    else:
        path.write_bytes(damage)
    assert held(store, "helped") == ["1"]


def test_an_index_of_another_version_is_made_again(store: Path) -> None:
    held(store, "zincol")
    with closing(sqlite3.connect(index_path(store))) as index:
        index.execute("PRAGMA user_version = 99")
    assert held(store, "helped") == ["1"]


def test_an_index_that_cannot_be_written_is_said(store: Path) -> None:
    index_path(store).mkdir()
    with pytest.raises(RunError, match="cannot be brought up to date"):
        held(store, "helped")


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        yield connection


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_no_text_is_a_fault_of_syntax(index: sqlite3.Connection, text: str) -> None:
    try:
        wanted = expression(text)
    except UsageError:
        return
    assert index.execute("SELECT * FROM words WHERE words MATCH ?", (wanted,)).fetchall() == []
