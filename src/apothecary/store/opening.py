"""Opening a knowledge base: one DuckDB file, its version, and one clear error for each way it can fail.

DuckDB lets one process write or several read. A base of an earlier version is brought up to date when it is
opened for writing; a base of a later one is left alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.errors import FormatError, RunError, UsageError

if TYPE_CHECKING:
    import duckdb

__all__ = ["MIGRATIONS", "VERSION", "opened", "store_path"]

VERSION = 2
_MOVES = "(step INTEGER NOT NULL, document TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL)"
MIGRATIONS = {1: f"CREATE TABLE edge_moves {_MOVES}; CREATE TABLE concept_moves {_MOVES}"}
"""SQL that makes version ``n + 1`` of version ``n``."""
FILE_NAME = "kb.duckdb"
HINT = "build it anew from its runs: apothecary store build RUN... -o OTHER"


def store_path(path: Path) -> Path:
    """The file of a base: the path itself, or ``kb.duckdb`` in a folder."""
    return path / FILE_NAME if path.is_dir() else path


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the base at `path`; with `write` it is made if need be, and brought up to date.

    Raises UsageError without duckdb or without a file, RunError when another process holds it or when it was
    made by a later version, FormatError for a file that is no base.
    """
    if importlib.util.find_spec("duckdb") is None:
        raise UsageError("duckdb not installed", hint="pip install 'apothecary[store]'")
    path = store_path(path)
    if not write and not path.is_file():
        raise UsageError("no such knowledge base", where=str(path), hint="make one: apothecary store build")
    connection = _connect(path, write=write)
    try:
        _check_version(connection, path, write=write)
        yield connection
    finally:
        connection.close()


def _connect(path: Path, *, write: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        # Nothing is ever fetched: extensions would come from the network.
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        return duckdb.connect(str(path), read_only=not write, config=settings)
    except duckdb.IOException as error:
        if "lock" in str(error).casefold():
            raise RunError(
                "another process is at work on the knowledge base",
                where=str(path),
                hint="wait for it, or stop it",
            ) from error
        raise FormatError("cannot be opened as a knowledge base", where=str(path), hint=HINT) from error
    except duckdb.Error as error:
        raise FormatError("is no knowledge base", where=str(path), hint=HINT) from error


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path, *, write: bool) -> None:
    import duckdb

    tables = {str(row[0]) for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables and write:
        _create(connection)
        return
    if "meta" not in tables:
        raise FormatError("is a DuckDB file, but no knowledge base", where=str(path), hint=HINT)
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        version = int(row[0]) if row else 0
    except (duckdb.Error, ValueError) as error:
        raise FormatError("does not say its version", where=str(path), hint=HINT) from error
    if version > VERSION:
        raise RunError(
            f"was made by a later version of apothecary (schema {version}, known up to {VERSION})",
            where=str(path),
            hint="update apothecary, or build another base",
        )
    if version < VERSION:
        if not write:
            raise RunError(
                f"was made by an earlier version of apothecary (schema {version})",
                where=str(path),
                hint="bring it up to date: apothecary store build -o FILE",
            )
        _migrate(connection, version)


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    connection.begin()
    connection.execute(files("apothecary.store").joinpath("schema.sql").read_text(encoding="utf-8"))
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", [str(VERSION)])
    connection.commit()


def _migrate(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    for step in range(version, VERSION):
        connection.begin()
        connection.execute(MIGRATIONS[step])
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", [str(step + 1)])
        connection.commit()
