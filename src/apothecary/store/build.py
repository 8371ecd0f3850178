"""Runs into the knowledge base: incremental, idempotent, and for each run all or nothing.

A run is taken in, its names are linked and its edges assembled in one transaction, so that a kill at any
moment leaves the base as it was before the run or after it. The same command again goes on from there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.errors import ApothecaryError, DataError, RunError, UsageError
from apothecary.formats.lines import printable
from apothecary.store.assemble import add_opposites, assemble, assemble_touched
from apothecary.store.belief import calibrate, read_priors, set_priors
from apothecary.store.deciding import put_decisions
from apothecary.store.decisions import DecisionLog, decisions_path
from apothecary.store.linking import Vocabulary, is_linked_otherwise, link, open_vocabulary
from apothecary.store.opening import opened, store_path
from apothecary.store.reading import Run, read_run
from apothecary.store.staging import Taken, make_stage, stage
from apothecary.store.taking_in import take_in
from apothecary.tasks.schema import load_schema

if TYPE_CHECKING:
    import duckdb

__all__ = ["BuildOptions", "Built", "OnProgress", "build"]

OnProgress = Callable[[str, int, int], None]
"""Gets the name of a run, its documents that are done, and those to do (0: unknown)."""

_COUNTED = ("relations", "conditions", "concepts", "edges")


@dataclass(frozen=True)
class BuildOptions:
    """How a base is built.

    `vocabulary`: ``own``, ``none``, or files separated by commas; empty: as the base was built before,
    ``own`` for a new one. `errors`: chances of an error by name, over `belief.PRIORS`; the base keeps them.
    `memory`: what DuckDB may hold, as it writes sizes.
    """

    vocabulary: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)
    memory: str = "2GB"


@dataclass(frozen=True)
class Built:
    """What a build did to documents, run by run, and what the base holds now.

    `documents` came in for the first time from their run; `decisions` counts the edges that newer decisions
    are about. `problems` are items that were lost, each with its place; `notes` what to know beside it.
    """

    store: Path
    documents: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    retracted: int = 0
    decisions: int = 0
    relations: int = 0
    conditions: int = 0
    concepts: int = 0
    edges: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def build(
    runs: Sequence[Path],
    store: Path,
    options: BuildOptions | None = None,
    on_progress: OnProgress = lambda name, done, total: None,
) -> Built:
    """Bring the base at `store` to what `runs` say now, and fold in the decisions of reviewers beside it.

    `runs` are run folders, and files of documents with annotations or retractions. Without any, only
    decisions are folded in and everything is assembled anew. A run that cannot be read is a problem, unless
    it is the only one.

    Raises UsageError or FormatError for wrong options and a lone run that cannot be read, RunError when the
    base cannot be written.
    """
    options = options or BuildOptions()
    if not runs and not store_path(store).is_file():
        raise UsageError("no such knowledge base", where=printable(store), hint="name runs to build it from")
    readable, problems = _readable(runs)
    taken: list[Taken] = []
    with _writing(store, options.memory) as connection:
        _set_options(connection, options)
        links = bool(runs or options.vocabulary)
        vocabulary = _vocabulary(connection, options, needed=links)
        for run in readable:
            try:
                taken.append(_add_run(connection, run, vocabulary, on_progress))
            except DataError as error:
                if len(runs) == 1:
                    raise
                problems.append(str(error))
        with _transaction(connection):
            if links and is_linked_otherwise(connection, vocabulary):
                _link(connection, vocabulary)
            decisions = _fold(connection, store)
            if calibrate(connection) or not runs:
                assemble(connection)
            orphans = _orphans(connection)
        counts = {table: _count(connection, table) for table in _COUNTED}
    return Built(
        store=store_path(store),
        documents=sum(each.new for each in taken),
        changed=sum(each.changed for each in taken),
        unchanged=sum(each.unchanged for each in taken),
        removed=sum(each.removed for each in taken),
        retracted=sum(each.retracted for each in taken),
        decisions=decisions,
        **counts,
        problems=(*problems, *(problem for each in taken for problem in each.problems)),
        notes=(*(note for each in taken for note in each.notes), *orphans),
    )


def _readable(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """The runs that can be read, and what is wrong with the others. Raises the error when none can."""
    readable: list[Run] = []
    errors: list[ApothecaryError] = []
    for path in paths:
        try:
            readable.append(read_run(path))
        except (DataError, UsageError) as error:
            errors.append(error)
    if errors and not readable:
        raise errors[0]
    return readable, [str(error) for error in errors]


def _add_run(
    connection: duckdb.DuckDBPyConnection, run: Run, vocabulary: Vocabulary, on_progress: OnProgress
) -> Taken:
    taken = stage(connection, run, on_progress)
    if taken.is_same:
        return taken
    with _transaction(connection):
        take_in(connection, run, taken)
        if run.schema:
            add_opposites(connection, _contradictions(run))
        if taken.is_anything:
            link(connection, vocabulary)
            assemble_touched(connection)
    return taken


def _contradictions(run: Run) -> Sequence[Sequence[str]]:
    """Those of its schema; a schema that is not here any more names none."""
    try:
        return load_schema(run.schema)[0].contradictions
    except (DataError, UsageError):
        return ()


def _link(connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> None:
    """Link anew what was looked up in another vocabulary."""
    make_stage(connection)
    link(connection, vocabulary)
    assemble_touched(connection)


def _fold(connection: duckdb.DuckDBPyConnection, store: Path) -> int:
    """Bring in what reviewers decided; how many edges that touches."""
    path = decisions_path(store)
    if not path.is_file():
        return 0
    with DecisionLog(path) as log:
        touched = put_decisions(connection, log)
    if touched:
        assemble(connection, touched)
    return len(touched)


def _orphans(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Decisions about an edge in a document that no run states there now, as after another linking."""
    query = "SELECT count(*) FROM decisions ANTI JOIN relations USING (document, edge)"
    row = connection.execute(query).fetchone()
    count = int(row[0]) if row else 0
    return [f"{count:,} decisions are about statements that no run makes now"] if count else []


def _set_options(connection: duckdb.DuckDBPyConnection, options: BuildOptions) -> None:
    """Keep the chances of errors that are given, checked."""
    for name, value in options.errors.items():
        if not (0 < value < 1 or (name == "weight" and value > 0)):
            raise UsageError(f"{name}={value}", hint="a chance of an error lies between 0 and 1")
    if options.errors:
        set_priors(connection, {**read_priors(connection), **options.errors})


def _vocabulary(connection: duckdb.DuckDBPyConnection, options: BuildOptions, *, needed: bool) -> Vocabulary:
    """The vocabulary that is asked for, or else the one that the base was built with; kept for next time."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'vocabulary'").fetchone()
    before = str(row[0]) if row else ""
    setting = options.vocabulary or before or "own"
    if not needed:
        return Vocabulary((), "")
    vocabulary = open_vocabulary(setting)
    if vocabulary.files:
        # The next build may begin in another folder.
        setting = ",".join(str(path.absolute()) for path in vocabulary.files)
    if setting != before:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('vocabulary', ?)", [setting])
    return vocabulary


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a constant
    return int(row[0]) if row else 0


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        # A base that has no room left cannot even roll back; its file holds the state before.
        with suppress(*_duckdb_errors()):
            connection.rollback()
        raise
    connection.commit()


@contextmanager
def _writing(store: Path, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The base, open for writing; what DuckDB raises comes as a RunError."""
    if not re.fullmatch(r"[0-9]{1,6} ?[KMGT]i?B", memory):
        raise UsageError(f"memory = {memory!r}", hint="write 2GB or 800MB")
    folder = store_path(store).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UsageError("the folder cannot be made", where=printable(folder), hint="name another") from error
    if not os.access(folder, os.W_OK):
        raise UsageError("the folder cannot be written", where=printable(folder), hint="name another")
    with opened(store, write=True) as connection:
        try:
            connection.execute(f"SET memory_limit = '{memory}'")
            connection.execute("SET preserve_insertion_order = false")
            yield connection
        except _duckdb_errors() as error:
            raise _translated(error, store, memory) from error


def _translated(error: Exception, store: Path, memory: str) -> RunError:
    reason = str(error).split("\n", 1)[0]
    if "Out of Memory" in reason or "failed to pin block" in reason:
        hint = f"it may hold {memory}: give it more (--set memory=8GB)"
    else:
        hint = "free some space, then run the same command again: nothing is lost"
    return RunError(f"cannot be written: {reason}", where=printable(store_path(store)), hint=hint)


def _duckdb_errors() -> tuple[type[Exception], ...]:
    """What full disks, a lack of memory and damaged files raise; a wrong query is none of these."""
    import duckdb

    return duckdb.OperationalError, duckdb.FatalException
