"""SQL of the user's own reads the base, and nothing else."""

from pathlib import Path

import pytest

from apothecary.errors import BudgetExhausted, UsageError
from apothecary.store.query_sql import select
from tests.store.query_base import asked_base


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked_base(tmp_path_factory.mktemp("base"))


def test_rows_come_with_their_columns_up_to_the_limit(store: Path) -> None:
    found = select(store, "SELECT document AS d FROM documents ORDER BY d", limit=2)
    assert (found.columns, found.rows, found.more) == (("d",), (("1",), ("2",)), True)
    assert not select(store, "FROM documents", limit=6).more


@pytest.mark.parametrize(
    "sql", ["SHOW TABLES", "DESCRIBE edges", "WITH a AS (SELECT 1) FROM a", "SUMMARIZE edges"]
)
def test_whatever_only_reads_is_allowed(store: Path, sql: str) -> None:
    assert select(store, sql).rows


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM edges", "type DELETE is refused"),
        ("CREATE TEMP TABLE a AS SELECT 1", "type CREATE is refused"),
        ("SET memory_limit = '1TB'", "type SET is refused"),
        ("SELECT 1; SELECT 2", "2 statements instead of one"),
        ("", "0 statements"),
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM edges", "nothing"),
        ("SELECT ?", "parameters"),
        ("FROM read_text('/etc/hostname')", "disabled"),
        ("FROM '/etc/hostname'", "/etc/hostname"),
        ("FROM query('COPY edges TO ''/tmp/edges.csv''')", "SELECT"),
    ],
)
def test_what_writes_or_leaves_the_base_is_refused(store: Path, sql: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(store, sql)
    assert message in str(caught.value)


def test_a_statement_without_end_is_stopped(store: Path) -> None:
    with pytest.raises(BudgetExhausted, match=r"stopped after 0\.2 seconds"):
        select(store, "SELECT count(*) FROM range(1000000000000) a, range(1000) b", seconds=0.2)
