"""What there is to review, in the order it is worth it: a table beside the log, filled from the base.

An item is an edge in a document: what the runs state there. Pages go by key and never by offset, and counts
are kept, so that a queue of a hundred thousand items opens as fast as one of ten.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeGuard, get_args
from urllib.parse import urlencode

from apothecary.errors import RunError
from apothecary.store.keys import key_of
from apothecary.store.opening import opened

if TYPE_CHECKING:
    import duckdb

__all__ = ["PAGE", "Item", "Order", "Page", "Queue", "State", "View", "is_order", "is_state"]

Order = Literal["unsure", "conflict", "newest", "document"]
State = Literal["open", "decided", "differ", "skipped", "any"]

PAGE = 50
BATCH = 10_000
LONGEST = 300
"""Characters of a title and of a label that a list shows."""
RANKS: dict[Order, str] = {
    "unsure": "unsure",
    "conflict": "conflict",
    "newest": "newest",
    "document": "document",
}
COLUMNS = (
    "key, document, edge, task, type, label, title, confidence, belief, contradicted, disagree, retracted, "
    "unsure, conflict, newest"
)
SCHEMA = """
CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (
    reviewer TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (reviewer, key)
) WITHOUT ROWID;
-- Where the open items of a reviewer begin: all before is decided or skipped, until something is undone.
CREATE TABLE IF NOT EXISTS begun (
    reviewer TEXT NOT NULL, rank TEXT NOT NULL, key TEXT NOT NULL, undone INTEGER NOT NULL,
    PRIMARY KEY (reviewer, rank)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS decisions_undone ON decisions (reviewer, number) WHERE verdict = 'undo';
"""
ITEMS = """
CREATE TABLE items (
    key TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    edge TEXT NOT NULL,
    task TEXT NOT NULL,
    type TEXT NOT NULL,
    label TEXT NOT NULL,        -- the names of its arguments
    title TEXT NOT NULL,
    confidence REAL,
    belief REAL,
    contradicted INTEGER NOT NULL,
    disagree INTEGER NOT NULL,  -- a run of the task read the document and does not state it, or denies it
    retracted INTEGER NOT NULL,
    unsure REAL NOT NULL,       -- distance of the confidence, else the belief, from one half
    conflict REAL NOT NULL,     -- less is worse
    newest REAL NOT NULL,       -- less is newer
    words TEXT NOT NULL         -- to search in
) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX items_unsure ON items (unsure, key, document, edge);
CREATE INDEX items_conflict ON items (conflict, key, document, edge);
CREATE INDEX items_newest ON items (newest, key, document, edge);
CREATE INDEX items_type ON items (type, unsure, key, document, edge);
CREATE UNIQUE INDEX items_document ON items (document, edge);
"""
# Names of arguments and runs of the same task are gathered once for each edge and document.
FILL = """
WITH stated AS (
    SELECT r.document, r.edge, min(s.task) AS task, min(r.type) AS type, max(r.confidence) AS confidence,
        count(DISTINCT r.run) AS runs, count(DISTINCT r.polarity = 'negated') AS polarities,
        max(u.added) AS added
    FROM relations r JOIN runs u ON u.run = r.run JOIN sources s ON s.source = u.source
    GROUP BY r.document, r.edge
), readings AS (
    SELECT x.document, s.task, count(DISTINCT x.run) AS runs
    FROM extractions x JOIN runs u ON u.run = x.run JOIN sources s ON s.source = u.source
    WHERE NOT starts_with(x.run, 'review')
    GROUP BY x.document, s.task
), labels AS (
    SELECT a.edge, string_agg(coalesce(c.name, a.concept), ' + ' ORDER BY a.position) AS label
    FROM edge_arguments a LEFT JOIN concepts c ON c.concept = a.concept GROUP BY a.edge
)
SELECT t.document, t.edge, t.task, t.type, coalesce(l.label, ''), d.title, t.confidence, e.belief,
    coalesce(e.contradicted, false), t.polarities > 1 OR coalesce(g.runs, 0) > t.runs, d.retracted,
    coalesce(epoch(try_cast(t.added AS TIMESTAMPTZ)), 0)
FROM stated t JOIN documents d ON d.document = t.document LEFT JOIN edges e ON e.edge = t.edge
    LEFT JOIN readings g ON g.document = t.document AND g.task = t.task LEFT JOIN labels l ON l.edge = t.edge
"""


@dataclass(frozen=True)
class Item:
    """One row of the queue."""

    key: str
    document: str
    edge: str
    task: str
    type: str
    label: str
    title: str
    confidence: float | None
    belief: float | None
    contradicted: bool
    disagree: bool
    retracted: bool
    unsure: float
    conflict: float
    newest: float

    def rank(self, order: Order) -> float | str:
        """What it is ordered by."""
        ranks: dict[Order, float | str] = {
            "unsure": self.unsure,
            "conflict": self.conflict,
            "newest": self.newest,
            "document": self.document,
        }
        return ranks[order]


@dataclass(frozen=True)
class View:
    """Which items, and in which order."""

    order: Order = "unsure"
    state: State = "open"
    type: str = ""
    document: str = ""
    text: str = ""

    def query(self) -> str:
        """As the query of an address: what says nothing is left out."""
        given = {
            "order": self.order if self.order != "unsure" else "",
            "state": self.state if self.state != "open" else "",
            "type": self.type,
            "document": self.document,
            "q": self.text,
        }
        return urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Page:
    """Items of a view, and whether there are more after them."""

    items: tuple[Item, ...]
    more: bool


def is_order(text: str) -> TypeGuard[Order]:
    """Whether it is the name of an order."""
    return text in get_args(Order)


def is_state(text: str) -> TypeGuard[State]:
    """Whether it is the name of a state."""
    return text in get_args(State)


class Queue:
    """The queue of one base, in the file of its log (which is opened first). Raises RunError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        with self._told():
            self._database.executescript(SCHEMA)

    def fill(self, store: Path, on_progress: Callable[[int], None] = lambda count: None) -> bool:
        """Take the items from the base, unless they are of the base as it is now; gives whether it did."""
        if not self.is_stale(store):
            return False
        stamp = _stamp(store)
        with opened(store) as connection, self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._refill(connection, on_progress)
                self._database.execute("INSERT OR REPLACE INTO tally VALUES ('base', ?)", (stamp,))
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
        return True

    def is_stale(self, store: Path) -> bool:
        """Whether the base is another than the one the items were taken from."""
        return self._tallied("base") != _stamp(store)

    def page(self, view: View, reviewer: str, after: str = "", size: int = PAGE) -> Page:
        """The items of a view from the one after `after` (a key; "" from the beginning)."""
        start = self.item(after) if after else None
        if start is not None or view.state != "open":
            found = self._find(view, reviewer, start, size + 1)
        else:
            found = self._from_where_open(view, reviewer, size + 1)
        return Page(tuple(found[:size]), len(found) > size)

    def item(self, key: str) -> Item | None:
        """The item of that key."""
        rows = self._rows(f"SELECT {COLUMNS} FROM items WHERE key = ?", (key,))  # noqa: S608 - constants
        return rows[0] if rows else None

    def following(self, view: View, reviewer: str, item: Item) -> Item | None:
        """The next one of a view."""
        found = self._find(view, reviewer, item, 1)
        return found[0] if found else None

    def preceding(self, view: View, reviewer: str, item: Item) -> Item | None:
        """The one before, decided or not: it is where one came from."""
        wide = replace(view, state="any") if view.state == "open" else view
        found = self._find(wide, reviewer, item, 1, back=True)
        return found[0] if found else None

    def skip(self, reviewer: str, key: str) -> None:
        """Put an item aside for a reviewer: no decision, and out of the open ones."""
        with self._lock, self._told():
            self._database.execute("INSERT OR IGNORE INTO skipped VALUES (?, ?)", (reviewer, key))

    def total(self) -> int:
        """How many items there are."""
        return int(self._tallied("items") or 0)

    def types(self) -> list[tuple[str, int]]:
        """The types there are, with how many items each has."""
        query = (
            "SELECT substr(name, 6), CAST(value AS INTEGER) FROM tally WHERE name GLOB 'type *' ORDER BY 1"
        )
        with self._lock, self._told():
            return self._database.execute(query).fetchall()

    def decided(self, reviewer: str) -> int:
        """How many items a reviewer has decided."""
        with self._lock, self._told():
            (count,) = self._database.execute(
                "SELECT count(*) FROM standing WHERE reviewer = ?", (reviewer,)
            ).fetchone()
        return int(count)

    def verdicts(self) -> list[tuple[str, str, str]]:
        """Item, reviewer and verdict of every standing decision, items together."""
        query = "SELECT document || char(31) || edge, reviewer, verdict FROM standing ORDER BY document, edge"
        with self._lock, self._told():
            return self._database.execute(query).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _from_where_open(self, view: View, reviewer: str, size: int) -> list[Item]:
        """The first open items. Those decided before are most often on top: they are walked over once."""
        with self._lock, self._told():
            (undone,) = self._database.execute(
                "SELECT coalesce(max(number), 0) FROM decisions WHERE reviewer = ? AND verdict = 'undo'",
                (reviewer,),
            ).fetchone()
            known = self._database.execute(
                "SELECT key FROM begun WHERE reviewer = ? AND rank = ? AND undone = ?",
                (reviewer, view.order, undone),
            ).fetchone()
        start = self.item(known[0]) if known else None
        found = self._find(view, reviewer, start, size, among=True)
        if found and view == View(order=view.order):
            with self._lock, self._told():
                self._database.execute(
                    "INSERT OR REPLACE INTO begun VALUES (?, ?, ?, ?)",
                    (reviewer, view.order, found[0].key, undone),
                )
        return found

    def _find(
        self,
        view: View,
        reviewer: str,
        start: Item | None,
        size: int,
        *,
        back: bool = False,
        among: bool = False,
    ) -> list[Item]:
        """Items after `start` (before it: `back`; with it: `among`)."""
        rank = RANKS[view.order]
        where, values = _conditions(view, reviewer)
        if start is not None:
            where.append(f"({rank}, key) {'<' if back else '>=' if among else '>'} (?, ?)")
            values += [start.rank(view.order), start.key]
        way = "DESC" if back else "ASC"
        clause = f"WHERE {' AND '.join(where)} " if where else ""
        # Conditions and columns are constants of this file; every value is bound.
        query = f"SELECT {COLUMNS} FROM items i {clause}ORDER BY {rank} {way}, key {way} LIMIT ?"  # noqa: S608
        return self._rows(query, (*values, size))

    def _rows(self, query: str, values: tuple[str | float, ...]) -> list[Item]:
        with self._lock, self._told():
            rows = self._database.execute(query, values).fetchall()
        return [Item(*row[:9], *map(bool, row[9:12]), *row[12:]) for row in rows]

    def _refill(self, connection: duckdb.DuckDBPyConnection, on_progress: Callable[[int], None]) -> None:
        self._database.execute("DROP TABLE IF EXISTS items")
        self._database.execute("DELETE FROM begun")
        self._database.execute(ITEMS)
        count = 0
        cursor = connection.execute(FILL)
        marks = ",".join("?" * 16)
        while batch := cursor.fetchmany(BATCH):
            rows = [_row(*row) for row in batch]
            self._database.executemany(f"INSERT INTO items VALUES ({marks})", rows)  # noqa: S608
            count += len(rows)
            on_progress(count)
        for statement in INDEXES.strip().split(";\n"):
            self._database.execute(statement)
        self._database.execute("DELETE FROM tally")
        self._database.execute("INSERT INTO tally VALUES ('items', ?)", (str(count),))
        self._database.execute("INSERT INTO tally SELECT 'type ' || type, count(*) FROM items GROUP BY type")

    def _tallied(self, name: str) -> str:
        with self._lock, self._told():
            row = self._database.execute("SELECT value FROM tally WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _told(self) -> _Told:
        return _Told(self._path)


class _Told:
    """Errors of the library as ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise RunError(f"the queue cannot be used: {error}", where=str(self._path)) from error


def _conditions(view: View, reviewer: str) -> tuple[list[str], list[str | float]]:
    mine = "SELECT 1 FROM standing s WHERE s.document = i.document AND s.edge = i.edge AND s.reviewer = ?"
    aside = "SELECT 1 FROM skipped k WHERE k.reviewer = ? AND k.key = i.key"
    states: dict[State, tuple[list[str], list[str | float]]] = {
        "open": ([f"NOT EXISTS ({mine})", f"NOT EXISTS ({aside})"], [reviewer, reviewer]),
        "decided": ([f"EXISTS ({mine})"], [reviewer]),
        "skipped": ([f"EXISTS ({aside})", f"NOT EXISTS ({mine})"], [reviewer, reviewer]),
        "differ": (
            ["(i.document, i.edge) IN (SELECT document, edge FROM standing GROUP BY document, edge"
             " HAVING min(says) <> max(says))"],
            [],
        ),
        "any": ([], []),
    }  # fmt: skip
    where, values = states[view.state]
    for column, value in (("type", view.type), ("document", view.document)):
        if value:
            where.append(f"i.{column} = ?")
            values.append(value)
    for word in view.text.casefold().split():
        where.append("instr(i.words, ?) > 0")
        values.append(word)
    return where, values


def _row(
    document: str, edge: str, task: str, type: str, label: str, title: str, *rest: object
) -> tuple[object, ...]:
    """The row of an item: what the base tells, and what follows from it."""
    confidence, belief, contradicted, disagree, retracted, added = rest
    told = confidence if isinstance(confidence, float) else belief if isinstance(belief, float) else 0.5
    unsure = abs(told - 0.5)
    conflict = unsure - 2 * bool(contradicted) - bool(disagree)
    words = " ".join((document, type, label, title)).casefold()
    flags = [int(bool(flag)) for flag in (contradicted, disagree, retracted)]
    names = (key_of(document, edge), document, edge, task, type, label[:LONGEST], title[:LONGEST])
    return (*names, confidence, belief, *flags, unsure, conflict, -float(str(added)), words)


def _stamp(store: Path) -> str:
    """What changes whenever the base does."""
    state = store.stat()
    return f"1 {state.st_mtime_ns} {state.st_size}"
