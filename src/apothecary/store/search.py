"""Free words: which documents of a base hold them. A SQLite full-text index beside the base.

The index is made from the texts of the base and can be made again at any time: a missing, damaged or foreign
file is replaced, and the first question after a build brings it up to date. It keeps words, not texts.

Words are found by their beginning, whatever their case and accents ("carbo" finds carboplatin). Each Chinese
or Japanese character is a word of its own and a run of them a phrase: the trigrams of SQLite, which find any
part of a word, would find nothing under three characters, and most Chinese words have two.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.errors import RunError, UsageError

if TYPE_CHECKING:
    import duckdb

__all__ = ["Hits", "documents_with", "index_path"]

VERSION = 1
MOST_DOCUMENTS = 10_000
"""Documents that a question goes on with; the best by BM25."""
MOST_WORDS = 50
WAIT_SECONDS = 60.0
"""For another process that brings the index up to date."""

_BATCH = 50_000
_ROWS = 200
_SCHEMA = (
    "CREATE TABLE state (built TEXT NOT NULL)",
    "INSERT INTO state VALUES ('')",
    "CREATE TABLE documents (document TEXT PRIMARY KEY, digest TEXT NOT NULL, number INTEGER NOT NULL)"
    " WITHOUT ROWID",
    "CREATE UNIQUE INDEX documents_by_number ON documents (number)",
    "CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')",
    f"PRAGMA user_version = {VERSION}",
)
_STATE = "SELECT count(*), bit_xor(hash(document, digest)) FROM documents"
_DIGESTS = "SELECT document, digest FROM documents"
_TEXTS = "SELECT document, digest, title, text FROM documents WHERE document IN (SELECT unnest(?::VARCHAR[]))"
_BASE = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
_FIND = """
SELECT document FROM words JOIN documents ON number = words.rowid
WHERE words MATCH ? ORDER BY rank, document LIMIT ?
"""
_IDEOGRAPH = re.compile(
    r"([\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
_PART = re.compile(r'"([^"]*)"|([^\s"]+)')


@dataclass(frozen=True)
class Hits:
    """The documents that hold all of the words, best first, and what is to be said of them."""

    documents: tuple[str, ...]
    notes: tuple[str, ...]


def index_path(store: Path) -> Path:
    """The index of a base, beside it."""
    return store.with_name(f"{store.stem}.search.sqlite")


def documents_with(connection: duckdb.DuckDBPyConnection, text: str) -> Hits:
    """The documents of a base that hold all of some words; words in double quotes must follow each other.

    Raises UsageError for a text without a word, RunError when the index cannot be written.
    """
    wanted = expression(text)
    row = connection.execute(_BASE).fetchone()
    path = index_path(Path(row[0])) if row and row[0] else None
    try:
        try:
            found = _find(connection, path, wanted)
        except sqlite3.DatabaseError as error:
            if path is None or not _is_damage(error):
                raise
            path.unlink(missing_ok=True)
            found = _find(connection, path, wanted)
    except (sqlite3.Error, OSError) as error:
        raise RunError(
            f"the index for free words cannot be brought up to date: {error}",
            where=str(path),
            hint="make its folder writable, with room on the disk",
        ) from error
    if len(found) > MOST_DOCUMENTS:
        return Hits(
            tuple(found[:-1]),
            (f"more than {MOST_DOCUMENTS:,} documents hold the words; the best were taken",),
        )
    many = f"{len(found):,} documents hold" if len(found) != 1 else "1 document holds"
    return Hits(tuple(found), (f"{many} the words",))


def expression(text: str) -> str:
    """What FTS5 is asked: every part as a string, so that no sign in it is an operator.

    >>> expression('carbo "progression free" 顺铂 AND')
    '"carbo"* "progression free" "顺 铂"* "AND"*'
    """
    parts = []
    for quoted, word in _PART.findall(text):
        split = " ".join(_split(quoted or word).split())
        if any(map(str.isalnum, split)):
            parts.append(f'"{split}"' if quoted else f'"{split}"*')
    if not 0 < len(parts) <= MOST_WORDS:
        raise UsageError(
            "holds no word" if not parts else f"holds more than {MOST_WORDS} words", where="text"
        )
    return " ".join(parts)


def _split(text: str) -> str:
    # SQLite reads a text up to its first NUL.
    return _IDEOGRAPH.sub(r" \1 ", text.replace("\0", " "))


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """A file that is no index of ours, rather than a full disk or another process at work."""
    return (
        not isinstance(error, sqlite3.OperationalError) or "no such" in str(error) or "vtable" in str(error)
    )


def _find(connection: duckdb.DuckDBPyConnection, path: Path | None, wanted: str) -> list[str]:
    with closing(sqlite3.connect(path or ":memory:", timeout=WAIT_SECONDS, isolation_level=None)) as index:
        _bring_up(connection, index)
        return [row[0] for row in index.execute(_FIND, (wanted, MOST_DOCUMENTS + 1))]


def _bring_up(connection: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> None:
    state = str(connection.execute(_STATE).fetchone())
    if _built(index) == state:
        return
    index.execute("BEGIN IMMEDIATE")
    # Another process may have brought it up to date meanwhile.
    built = _built(index)
    if built != state:
        for statement in _SCHEMA if built is None else ():
            index.execute(statement)
        _update(connection, index)
        index.execute("UPDATE state SET built = ?", (state,))
    index.execute("COMMIT")


def _built(index: sqlite3.Connection) -> str | None:
    """The state of the base that the index was made of; None for a new file."""
    (version,) = index.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return str(index.execute("SELECT built FROM state").fetchone()[0])
    if index.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise sqlite3.DatabaseError("is of another version")
    return None


def _update(connection: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> None:
    index.execute("CREATE TEMP TABLE now (document TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID")
    index.executemany("INSERT INTO now VALUES (?, ?)", _rows(connection.execute(_DIGESTS)))
    index.execute("DELETE FROM documents WHERE (document, digest) NOT IN (SELECT document, digest FROM now)")
    # Without its text SQLite cannot take a document out of such an index. Its words stay; they are never
    # found, as no document has its number, and when they have become the greater part all are read anew.
    last = index.execute("SELECT coalesce(max(rowid), 0) FROM words").fetchone()[0]
    if last > 2 * index.execute("SELECT count(*) FROM now").fetchone()[0]:
        index.execute("DELETE FROM documents")
        index.execute("INSERT INTO words (words) VALUES ('delete-all')")
        last = 0
    missing = (
        "SELECT document FROM now WHERE document NOT IN (SELECT document FROM documents) ORDER BY document"
    )
    wanted = [row[0] for row in index.execute(missing)]
    for start in range(0, len(wanted), _BATCH):
        for document, digest, title, text in _rows(
            connection.execute(_TEXTS, [wanted[start : start + _BATCH]])
        ):
            last += 1
            whole = text if text.startswith(title) else f"{title}\n{text}"
            index.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (last, _split(whole)))
            index.execute("INSERT INTO documents VALUES (?, ?, ?)", (document, digest, last))


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, ...]]:
    """All rows of a result, a few at a time."""
    while rows := result.fetchmany(_ROWS):
        yield from rows
