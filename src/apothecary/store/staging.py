"""A run is read and set beside what the base knows of its documents; what is to be written is staged.

Staged rows lie in temporary tables, which DuckDB keeps on the disk when they grow, so that memory stays
bounded and the base itself is written in one short transaction (`taking_in`). Beside them: ``gone``, what a
run says (document, run) and will not say any more; ``vanished``, what this run has said and has not said
again; ``touched``, edges that may look otherwise afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apothecary.errors import DataError, FormatError
from apothecary.formats.lines import open_bytes, printable
from apothecary.store.keys import digest_of
from apothecary.store.reading import Record, Run, document_records, lines_of, run_records
from apothecary.store.rows import STATEMENTS, Rows, is_retracted, says_something

if TYPE_CHECKING:
    import duckdb

__all__ = ["Taken", "make_stage", "number", "stage"]

_BATCH_DOCUMENTS = 2_000
_BATCH_CHARACTERS = 8_000_000
_BATCH_LINES = 50_000
_HASHED_BYTES = 1 << 20


@dataclass
class Taken:
    """What became of the documents of a run; `problems` are items that were lost, `notes` what to know."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    retracted: int = 0
    doses_unread: int = 0
    digest: str = ""
    is_same: bool = False
    """The run is what it was when it was last taken in."""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    earlier: int = 0
    """Documents that were read from an earlier text than the base has."""
    replaced: int = 0
    """Documents of which the base had an earlier text, with what other runs said of it."""
    gone: int = 0
    """Records of which the base has an earlier form, or of an earlier text."""
    silent: int = 0
    """Documents without a statement that the base does not know."""
    otherwise: int = 0
    """Documents without a statement that the base has in another text."""

    @property
    def is_anything(self) -> bool:
        """Did the base change?"""
        return bool(self.new or self.changed or self.gone or self.retracted)


@dataclass(frozen=True)
class _Known:
    """What the base has of a document: digests of its text and of this run's record; None for neither.

    `met`: this build has come by that record. `others` is when the latest other run began that speaks of it.
    """

    text: str | None = None
    record: str | None = None
    met: bool = False
    others: str | None = None


def make_stage(connection: duckdb.DuckDBPyConnection) -> None:
    """The temporary tables, empty."""
    for table in ("touched (edge TEXT)", "gone (document TEXT, run TEXT)", "vanished (document TEXT)"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table}")
    for table in ("documents", *STATEMENTS):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE staged_{table} AS FROM {table} LIMIT 0")
    connection.execute("CREATE OR REPLACE TEMP TABLE staged_flags AS FROM documents LIMIT 0")


def stage(
    connection: duckdb.DuckDBPyConnection, run: Run, on_progress: Callable[[str, int, int], None]
) -> Taken:
    """Read a run and stage what is new in it. `on_progress` gets its name, documents done and to do."""
    make_stage(connection)
    taken = Taken()
    wanted: Collection[int] = ()
    if run.is_file:
        # Always read whole: its flags may be about documents that came in after it.
        taken.digest, records = _digest_of_file(run), document_records(run)
        _find_vanished(connection, run, "document IS NOT NULL")
    else:
        taken.digest = _list_lines(connection, run)
        wanted = _wanted_lines(connection, run, taken)
        before = connection.execute("SELECT digest, status FROM runs WHERE run = ?", [run.run]).fetchone()
        if before == (taken.digest, run.status):
            # A line without an extraction was told of before: it was bad, or of an earlier text.
            taken.unchanged += len(wanted)
            taken.is_same = True
            return taken
        records = run_records(run, wanted)
        _find_vanished(connection, run, "digest NOT IN (SELECT digest FROM lines)")
    done = 0
    for batch in _batches(_good(records, taken)):
        # In a run, to have found nothing is a finding; in a file, it says nothing.
        _stage_batch(
            connection,
            run,
            [each for each in batch if not run.is_file or says_something(each.document)],
            taken,
        )
        if run.is_file:
            _stage_flags(connection, [each for each in batch if not says_something(each.document)], taken)
        done += len(batch)
        on_progress(run.path.name, done, len(wanted))
    taken.notes += _notes(run, taken)
    return taken


def _digest_of_file(run: Run) -> str:
    digest = hashlib.sha256()
    with open_bytes(run.path) as stream:
        while piece := stream.read(_HASHED_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _list_lines(connection: duckdb.DuckDBPyConnection, run: Run) -> str:
    """The lines of a run in the temporary table ``lines``, and the digest of its file."""
    import pyarrow as pa

    connection.execute("CREATE OR REPLACE TEMP TABLE lines (number INTEGER, digest TEXT)")
    whole = hashlib.sha256()
    numbers: list[int] = []
    digests: list[str] = []

    def flush() -> None:
        connection.register("some_lines", pa.table({"number": numbers, "digest": digests}))
        connection.execute("INSERT INTO lines SELECT * FROM some_lines")
        connection.unregister("some_lines")
        numbers.clear()
        digests.clear()

    for line in lines_of(run, whole):
        numbers.append(line.number)
        digests.append(line.digest)
        if len(numbers) == _BATCH_LINES:
            flush()
    if numbers:
        flush()
    return whole.hexdigest()


def _wanted_lines(connection: duckdb.DuckDBPyConnection, run: Run, taken: Taken) -> Collection[int]:
    """The numbers of the lines that the base does not have; the others are counted."""
    rows = connection.execute(
        "SELECT number FROM lines WHERE digest NOT IN (SELECT digest FROM extractions WHERE run = ?)",
        [run.run],
    ).fetchall()
    taken.unchanged = number(connection, "SELECT count(*) FROM lines") - len(rows)
    return {int(number) for (number,) in rows}


def _find_vanished(connection: duckdb.DuckDBPyConnection, run: Run, condition: str) -> None:
    """What the run said and has not said again so far, in the temporary table ``vanished``."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE vanished AS SELECT document FROM extractions"  # noqa: S608 - a constant
        f" WHERE run = ? AND {condition}",
        [run.run],
    )


def _good(items: Iterable[Record | DataError], taken: Taken) -> Iterator[Record]:
    for item in items:
        if isinstance(item, DataError):
            taken.problems.append(str(item))
        else:
            yield item


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    held: list[Record] = []
    characters = 0
    for record in records:
        held.append(record)
        characters += len(record.document.text)
        if len(held) >= _BATCH_DOCUMENTS or characters >= _BATCH_CHARACTERS:
            yield held
            held, characters = [], 0
    if held:
        yield held


def _stage_batch(connection: duckdb.DuckDBPyConnection, run: Run, batch: list[Record], taken: Taken) -> None:
    known = _known(connection, run, [each.document.id for each in batch])
    rows = Rows(run.run)
    met: list[str] = []
    changed: list[str] = []
    otherwise: list[str] = []
    for record in batch:
        identity = record.document.id
        base = known.get(identity, _Known())
        if base.met:
            taken.problems.append(str(_repeated(record)))
            continue
        known[identity] = _Known(met=True)
        met.append(identity)
        if base.record == record.digest:
            taken.unchanged += 1
            continue
        if base.record is not None:
            changed.append(identity)
        differs = base.text is not None and base.text != digest_of(record.document.text)
        if differs and base.others is not None and base.others > run.started:
            taken.earlier += 1
            continue
        if base.record is None:
            taken.new += 1
        else:
            taken.changed += 1
        if differs:
            taken.replaced += base.others is not None
            otherwise.append(identity)
        rows.add(record, with_statements=True)
    connection.execute("DELETE FROM vanished WHERE document IN (SELECT unnest(?))", [met])
    connection.execute(
        "INSERT INTO gone SELECT document, run FROM extractions WHERE (run = $run AND document IN"
        " (SELECT unnest($changed))) OR document IN (SELECT unnest($otherwise))",
        {"run": run.run, "changed": changed, "otherwise": otherwise},
    )
    for table in ("documents", *STATEMENTS):
        rows.insert(connection, table, f"staged_{table}")
    taken.doses_unread += rows.doses_unread


def _repeated(record: Record) -> FormatError:
    return FormatError(
        f"document {record.document.id} was already read from this run",
        where=record.where,
        hint="remove one of the two",
    )


def _known(connection: duckdb.DuckDBPyConnection, run: Run, ids: list[str]) -> dict[str, _Known]:
    rows = connection.execute(
        """
        SELECT d.document, d.digest, own.digest, own.document IS NOT NULL AND v.document IS NULL,
            (SELECT max(coalesce(r.started, '')) FROM extractions e JOIN runs r USING (run)
             WHERE e.document = d.document AND e.run <> $run AND NOT starts_with(e.run, 'review'))
        FROM documents d
        LEFT JOIN extractions own ON own.document = d.document AND own.run = $run
        LEFT JOIN vanished v ON v.document = d.document
        WHERE d.document IN (SELECT unnest($ids))
            AND d.document NOT IN (SELECT document FROM staged_extractions)
        UNION ALL
        SELECT document, NULL, NULL, true, NULL FROM staged_extractions
        WHERE document IN (SELECT unnest($ids))
        """,
        {"run": run.run, "ids": ids},
    ).fetchall()
    return {str(row[0]): _Known(*row[1:]) for row in rows}


def _stage_flags(connection: duckdb.DuckDBPyConnection, batch: list[Record], taken: Taken) -> None:
    """What documents without a statement tell of those in the base; of others, that they are retracted."""
    newest = {each.document.id: each for each in batch}
    known = dict(
        connection.execute(
            "SELECT document, digest FROM documents WHERE document IN (SELECT unnest(?))", [list(newest)]
        ).fetchall()
    )
    rows = Rows("")
    for identity, record in newest.items():
        if identity not in known and (record.withdrawn or not is_retracted(record.document)):
            taken.silent += 1
            continue
        if not record.withdrawn and known.get(identity) not in (None, digest_of(record.document.text)):
            taken.otherwise += 1
        rows.add(record, with_statements=False)
    rows.insert(connection, "documents", "staged_flags")


def _notes(run: Run, taken: Taken) -> Iterator[str]:
    told = (
        (taken.earlier, "documents were read from an earlier text than the base has, and left out"),
        (taken.replaced, "documents have another text now: what earlier runs said of them is gone"),
        (taken.silent, "documents say nothing and are not in the base: left out"),
        (taken.otherwise, "documents have another text in it: extract from it to bring them up to date"),
        (taken.doses_unread, "dosages hold no dose that could be read"),
    )
    for count, what in told:
        if count:
            yield f"{printable(run.path)}: {count:,} {what}"


def number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
