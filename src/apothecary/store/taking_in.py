"""What is staged of a run into the base, and what it does not say any more out of it.

Everything here belongs into one transaction of the caller. Mentions, arguments and relations are written by
`linking`, which knows what their names stand for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apothecary.formats.lines import printable
from apothecary.store.belief import read_priors
from apothecary.store.reading import Run
from apothecary.store.rows import STATEMENTS
from apothecary.store.staging import Taken, number

if TYPE_CHECKING:
    import duckdb

__all__ = ["take_in"]

_OF_DOCUMENTS = tuple(table for table in STATEMENTS if table not in ("arguments", "evidence", "doses"))
_LINKED = ("mentions", "arguments", "relations", "unlinked")


def take_in(connection: duckdb.DuckDBPyConnection, run: Run, taken: Taken) -> None:
    """Write what is staged, all but what needs linking; `taken` gains what is removed and retracted."""
    if not run.is_file or number(connection, "SELECT count(*) FROM staged_extractions"):
        _put_run(connection, run, taken.digest)
    if run.status == "complete" and not taken.problems:
        taken.removed = number(connection, "SELECT count(*) FROM vanished")
        connection.execute("INSERT INTO gone SELECT document, ? FROM vanished", [run.run])
    taken.gone = number(connection, "SELECT count(*) FROM gone")
    if taken.gone:
        _forget_gone(connection)
    for table in ("documents", "flags"):
        taken.retracted += _put_documents(connection, table)
    for table in STATEMENTS:
        if table not in _LINKED:
            connection.execute(f"INSERT INTO {table} FROM staged_{table}")
    if taken.removed:
        connection.execute(
            "DELETE FROM documents WHERE NOT retracted AND document IN (SELECT document FROM vanished)"
            " AND document NOT IN (SELECT document FROM extractions)"
        )


def _put_run(connection: duckdb.DuckDBPyConnection, run: Run, digest: str) -> None:
    priors = read_priors(connection)
    random_error = priors.get(run.source, priors["annotation" if run.is_file else "random"])
    connection.execute(
        "INSERT INTO sources SELECT ?, ?, ?, 0, 0, ?, ? WHERE NOT EXISTS"
        " (SELECT 1 FROM sources WHERE source = ?)",
        [run.source, run.task, run.engines, random_error, priors["systematic"], run.source],
    )
    told = [run.source, run.version, printable(run.path), digest, run.status, run.started or None]
    told += [run.finished, run.manifest, datetime.now(UTC).isoformat(timespec="seconds")]
    connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [run.run, *told])


def _forget_gone(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove what the runs in ``gone`` say of the documents beside them."""
    statement = "relation IN (SELECT relation FROM relations JOIN gone USING (document, run))"
    connection.execute(
        "INSERT INTO touched SELECT DISTINCT edge FROM relations JOIN gone USING (document, run)"
    )
    for table in ("arguments", "evidence"):
        connection.execute(f"DELETE FROM {table} WHERE {statement}")  # noqa: S608 - constants
    connection.execute(
        "DELETE FROM doses WHERE condition IN"
        " (SELECT condition FROM conditions JOIN gone USING (document, run))"
    )
    for table in _OF_DOCUMENTS:
        connection.execute(
            f"DELETE FROM {table} USING gone"  # noqa: S608 - constants
            f" WHERE {table}.document = gone.document AND {table}.run = gone.run"
        )


def _put_documents(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Insert or update documents; how many are retracted that were not known to be.

    Those of ``flags`` leave the text in the base as it is. What one source says of a document adds to what
    others say; once retracted, it stays so.
    """
    batch = f"staged_{table}"
    flipped = "b.retracted AND NOT coalesce(d.retracted, false)"
    connection.execute(
        f"INSERT INTO touched SELECT DISTINCT edge FROM relations JOIN {batch} b USING (document)"  # noqa: S608
        f" JOIN documents d USING (document) WHERE {flipped}"
    )
    retracted = number(
        connection,
        f"SELECT count(*) FROM {batch} b LEFT JOIN documents d USING (document) WHERE {flipped}",  # noqa: S608
    )
    if table == "documents":
        connection.execute(
            "UPDATE documents SET digest = b.digest, title = b.title, text = b.text, passages = b.passages"  # noqa: S608
            f" FROM {batch} b WHERE documents.document = b.document"
            " AND (documents.digest <> b.digest OR (documents.passages = '[]' AND b.passages <> '[]'))"
        )
    merged = "json_merge_patch(documents.attributes, b.attributes)::TEXT"
    connection.execute(
        f"UPDATE documents SET attributes = {merged}, retracted = documents.retracted OR b.retracted"  # noqa: S608
        f" FROM {batch} b WHERE documents.document = b.document"
        f" AND (documents.attributes <> {merged} OR (b.retracted AND NOT documents.retracted))"
    )
    connection.execute(
        f"INSERT INTO documents FROM {batch} WHERE document NOT IN (SELECT document FROM documents)"  # noqa: S608
    )
    return retracted
