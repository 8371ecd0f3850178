"""SQL of the user's own, read-only: one SELECT, without files or network, within rows and seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from apothecary.errors import BudgetExhausted, UsageError
from apothecary.store.opening import opened

if TYPE_CHECKING:
    import duckdb

__all__ = ["DEFAULT_SECONDS", "Rows", "select"]

DEFAULT_SECONDS = 60.0


@dataclass(frozen=True)
class Rows:
    """The first rows of an answer; `more`: there are others."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    more: bool


def select(store: Path, sql: str, *, limit: int = 1000, seconds: float = DEFAULT_SECONDS) -> Rows:
    """Run one statement that only reads (SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE).

    It sees the tables of the base and nothing else on the machine. Raises UsageError for other statements and
    for faulty ones, BudgetExhausted after that many seconds.
    """
    with opened(store) as connection:
        # These cannot be taken back while the base is open.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        with _told(seconds), _stopped_after(connection, seconds):
            _check(connection, sql)
            result = connection.execute(sql)
            columns = tuple(str(each[0]) for each in result.description)
            rows = [tuple(row) for row in result.fetchmany(limit + 1)]
    return Rows(columns, tuple(rows[:limit]), len(rows) > limit)


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise UsageError(f"{len(statements)} statements instead of one", where="SQL")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(
            f"a statement of type {statements[0].type.name} is refused",
            where="SQL",
            hint="a base is only read here: SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE",
        )
    if statements[0].named_parameters:
        raise UsageError("holds parameters, which nothing is given for", where="SQL")


@contextmanager
def _stopped_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _told(seconds: float) -> Iterator[None]:
    """Errors of DuckDB as ours, by their first line: the others quote the statement again."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise BudgetExhausted(
            f"stopped after {seconds:g} seconds", where="SQL", hint="ask for less, or give --max-seconds"
        ) from error
    except duckdb.Error as error:
        raise UsageError(str(error).split("\n", 1)[0], where="SQL") from error
