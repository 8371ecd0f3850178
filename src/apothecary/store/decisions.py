"""What reviewers decide, in an append-only log beside the base: ``kb.decisions.sqlite`` for ``kb.duckdb``.

A decision is about an edge in a document, so it outlives runs and builds. No row is ever changed or removed
(the file itself refuses it): to undo is a row as well. What a reviewer stands by is the last decision that no
undo has taken back: accept, reject, undo stands at accept; a second undo at nothing.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeGuard, get_args

from apothecary.errors import FormatError, RunError, UsageError
from apothecary.store.keys import edge_key, key_of
from apothecary.store.opening import store_path

__all__ = [
    "Action",
    "Decision",
    "DecisionLog",
    "Verdict",
    "changed_edge",
    "decisions_path",
    "is_action",
    "now",
    "objects_of",
]

Verdict = Literal["accept", "reject", "edit"]
Action = Literal["accept", "reject", "edit", "undo"]

VERSION = 1
BUSY_SECONDS = 30.0
MAX_NAME = 80
MAX_NOTE = 10_000
BROKEN = (sqlite3.Error, UnicodeError)
HINT = "keep the file for its decisions, and give another base"
SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    number INTEGER PRIMARY KEY,
    document TEXT NOT NULL,
    edge TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    made TEXT NOT NULL,
    change TEXT,
    note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_of_item ON decisions (document, edge, reviewer);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never removed'); END;
-- Made from the log alone: the decision each reviewer stands by.
CREATE TABLE IF NOT EXISTS standing (
    document TEXT NOT NULL,
    edge TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    verdict TEXT NOT NULL,
    says TEXT NOT NULL,     -- the verdict; of an edit with a digest of its change, so that edits can differ
    number INTEGER NOT NULL,
    PRIMARY KEY (document, edge, reviewer)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS standing_of_reviewer ON standing (reviewer, number);
"""
COLUMNS = "number, document, edge, verdict, reviewer, made, change, note"


@dataclass(frozen=True)
class Decision:
    """One row of the log. `number` counts from 1 (0: not written yet); `made` is UTC, ISO 8601 ("": now).

    `change` of an edit holds ``type``, ``arguments`` (objects with ``role`` and ``concept``, perhaps with
    ``start`` and ``end`` of the mention that is meant) and ``evidence`` (objects with ``start``, ``end`` and
    ``quote``).
    """

    number: int
    document: str
    edge: str
    verdict: Action
    reviewer: str
    made: str
    change: Mapping[str, object] | None = None
    note: str = ""


def decisions_path(store: Path) -> Path:
    """The log that belongs to the base at `store`."""
    file = store_path(store)
    return file.with_name(f"{file.stem}.decisions.sqlite")


def is_action(text: str) -> TypeGuard[Action]:
    """Whether it is one of the words that the log takes."""
    return text in get_args(Action)


def changed_edge(change: Mapping[str, object]) -> str:
    """The edge that an edit makes."""
    pairs = [(str(each["role"]), str(each["concept"])) for each in objects_of(change.get("arguments"))]
    return edge_key(str(change.get("type", "")), pairs)


def objects_of(value: object) -> list[Mapping[str, object]]:
    """The objects of a list in an edit."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class DecisionLog:
    """The log of one base. Safe for threads (one lock) and for processes (write-ahead log, busy time-out).

    Raises FormatError for a file that is no log, RunError when it cannot be written or is of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._broken(error) from error
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def append(self, decision: Decision) -> Decision:
        """Write one decision, to the disk. One that the reviewer stands by already is not written again.

        Returns it as it stands in the log. Raises UsageError for one without a reviewer, an edit without a
        change, or an undo of nothing.
        """
        return self.extend([decision])[0]

    def extend(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Write several, all or none."""
        ready = [_checked(decision) for decision in decisions]
        try:
            with self._lock, self._database:
                self._database.execute("BEGIN IMMEDIATE")
                return [self._write(decision) for decision in ready]
        except BROKEN as error:
            raise self._broken(error) from error

    def history(self, document: str, edge: str) -> list[Decision]:
        """Every row about an edge in a document, first to last."""
        return self._select("WHERE document = ? AND edge = ? ORDER BY number", (document, edge))

    def standing(self) -> Iterator[Decision]:
        """The decisions that reviewers stand by, in the order they were made."""
        return iter(self._select("WHERE number IN (SELECT number FROM standing) ORDER BY number", ()))

    def standing_of(self, document: str, edge: str) -> list[Decision]:
        """Those about one edge in one document."""
        where = (
            "WHERE number IN (SELECT number FROM standing WHERE document = ? AND edge = ?) ORDER BY number"
        )
        return self._select(where, (document, edge))

    def last_of(self, reviewer: str) -> Decision | None:
        """The decision that a reviewer would undo next: the latest of those still standing."""
        where = "WHERE number = (SELECT max(number) FROM standing WHERE reviewer = ?)"
        found = self._select(where, (reviewer,))
        return found[0] if found else None

    def last_number(self) -> int:
        """The number of the latest row; 0 when there is none."""
        try:
            with self._lock:
                (number,) = self._database.execute(
                    "SELECT coalesce(max(number), 0) FROM decisions"
                ).fetchone()
        except BROKEN as error:
            raise self._broken(error) from error
        return int(number or 0)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _select(self, where: str, values: tuple[str, ...]) -> list[Decision]:
        # `where` is one of the constants above; values are bound.
        query = f"SELECT {COLUMNS} FROM decisions {where}"  # noqa: S608
        try:
            with self._lock, closing(self._database.execute(query, values)) as rows:
                return [_decision(row) for row in rows]
        except (*BROKEN, ValueError) as error:
            raise self._broken(error) from error

    def _write(self, decision: Decision) -> Decision:
        item = (decision.document, decision.edge, decision.reviewer)
        stack = self._stack(item)
        if decision.verdict == "undo":
            if not stack:
                raise UsageError(
                    "there is no decision to undo",
                    where=f"document {decision.document}",
                    hint="it may have been undone before",
                )
            stack.pop()
        elif stack and _says(stack[-1]) == _says(decision):
            return stack[-1]
        change = None if decision.change is None else json.dumps(decision.change, ensure_ascii=False)
        cursor = self._database.execute(
            f"INSERT INTO decisions ({COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
            (*item[:2], decision.verdict, item[2], decision.made, change, decision.note),
        )
        written = replace(decision, number=int(cursor.lastrowid or 0))
        if decision.verdict != "undo":
            stack.append(written)
        if stack:
            self._database.execute(
                "INSERT OR REPLACE INTO standing VALUES (?, ?, ?, ?, ?, ?)",
                (*item, stack[-1].verdict, _gist(stack[-1]), stack[-1].number),
            )
        else:
            self._database.execute(
                "DELETE FROM standing WHERE document = ? AND edge = ? AND reviewer = ?", item
            )
        return written

    def _stack(self, item: tuple[str, str, str]) -> list[Decision]:
        """A reviewer's decisions about an item that no undo has taken back."""
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM decisions WHERE document = ? AND edge = ? AND reviewer = ?"  # noqa: S608
            " ORDER BY number",
            item,
        ).fetchall()
        stack: list[Decision] = []
        for decision in map(_decision, rows):
            if decision.verdict != "undo":
                stack.append(decision)
            elif stack:
                stack.pop()
        return stack

    def _prepare(self) -> None:
        try:
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise RunError(
                    f"was made by a later version of apothecary (log {version}, known up to {VERSION})",
                    where=str(self.path),
                    hint="update apothecary",
                )
            self._database.execute("PRAGMA journal_mode=WAL")
            # A decision is on the disk before the page says so.
            self._database.execute("PRAGMA synchronous=FULL")
            if version < VERSION:
                self._database.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;"
                )
        except BROKEN as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> FormatError | RunError:
        if isinstance(error, sqlite3.OperationalError | sqlite3.ProgrammingError):
            return RunError(f"the log of decisions cannot be used: {error}", where=str(self.path))
        return FormatError("is no log of decisions", where=str(self.path), hint=HINT)


def _checked(decision: Decision) -> Decision:
    """The decision as it may be written: names and notes bounded, text that UTF-8 can hold, a time."""
    where = f"document {decision.document}"
    reviewer = " ".join(decision.reviewer.split())
    if not reviewer or len(reviewer) > MAX_NAME or not reviewer.isprintable():
        raise UsageError(f"a reviewer's name has 1 to {MAX_NAME} printable characters", where=where)
    if not decision.document or not decision.edge:
        raise UsageError("a decision names a document and an edge", where=where)
    if not is_action(decision.verdict):
        raise UsageError("a verdict is accept, reject, edit or undo", where=where)
    if len(decision.note) > MAX_NOTE:
        raise UsageError(f"a note has at most {MAX_NOTE:,} characters", where=where)
    if (decision.verdict == "edit") != (decision.change is not None):
        raise UsageError("an edit says what is changed, and nothing else does", where=where)
    if decision.change is not None:
        _check_change(decision.change, where)
    note = decision.note.encode("utf-8", "replace").decode("utf-8")
    return replace(decision, reviewer=reviewer, note=note, made=decision.made or now())


def _check_change(change: Mapping[str, object], where: str) -> None:
    arguments, evidence = change.get("arguments"), change.get("evidence", [])
    kind = change.get("type")
    sound = (
        isinstance(kind, str)
        and bool(kind.strip())
        and isinstance(arguments, list)
        and bool(arguments)
        and all(_has(each, ("role", "concept"), str) for each in arguments)
        and isinstance(evidence, list)
        and all(_has(each, ("quote",), str) and _has(each, ("start", "end"), int) for each in evidence)
    )
    if not sound:
        raise UsageError(
            "an edit needs a type, arguments with role and concept, and evidence with start, end and quote",
            where=where,
        )


def _has(value: object, keys: tuple[str, ...], kind: type) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(key), kind) for key in keys)


def _gist(decision: Decision) -> str:
    if decision.change is None:
        return decision.verdict
    return f"{decision.verdict} {key_of(decision.change)}"


def _says(decision: Decision) -> tuple[str, str, str]:
    return decision.verdict, json.dumps(decision.change, sort_keys=True), decision.note


def _decision(row: tuple[int, str, str, Action, str, str, str | None, str]) -> Decision:
    number, document, edge, verdict, reviewer, made, change, note = row
    return Decision(
        number, document, edge, verdict, reviewer, made, None if change is None else json.loads(change), note
    )
