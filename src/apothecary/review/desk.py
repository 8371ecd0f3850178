"""The state behind the pages: a base, its log and its queue, and what is done with them.

The base is opened for each look and closed again, so that a build can go on while reviewers work; it is
written only when decisions are put into it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from apothecary.errors import UsageError
from apothecary.review.changing import Form, change_of
from apothecary.review.items import Detail, read_detail
from apothecary.review.queue import Item, Queue
from apothecary.store.deciding import fold
from apothecary.store.decisions import Action, Decision, DecisionLog, decisions_path
from apothecary.store.keys import key_of
from apothecary.store.opening import opened

__all__ = ["Desk", "Standing"]


@dataclass(frozen=True)
class Standing:
    """Decisions about an item: one's own that stands, those of others, and how many of these are hidden."""

    own: Decision | None
    others: tuple[Decision, ...]
    hidden: int
    history: tuple[Decision, ...]


@dataclass
class Desk:
    """One base under review. `blind` hides what others decided until one has decided oneself."""

    store: Path
    blind: bool = False
    log: DecisionLog = field(init=False)
    queue: Queue = field(init=False)

    def __post_init__(self) -> None:
        self._base = threading.Lock()
        path = decisions_path(self.store)
        self.log = DecisionLog(path)
        self.queue = Queue(path)

    def fill(self, on_progress: Callable[[int], None] = lambda count: None) -> bool:
        """Take the items from the base, if it has changed since."""
        with self._base:
            return self.queue.fill(self.store, on_progress)

    def detail(self, item: Item) -> Detail | None:
        """What the base has of an item. Raises RunError while another process writes it."""
        # One at a time: a base cannot be open for reading and for writing in one process.
        with self._base, opened(self.store) as connection:
            return read_detail(connection, item.document, item.edge)

    def standing(self, item: Item, reviewer: str) -> Standing:
        """What has been decided about an item, as far as this reviewer may see it."""
        standing = self.log.standing_of(item.document, item.edge)
        own = next((one for one in standing if one.reviewer == reviewer), None)
        others = tuple(one for one in standing if one.reviewer != reviewer)
        history = tuple(self.log.history(item.document, item.edge))
        if self.blind and own is None:
            mine = tuple(one for one in history if one.reviewer == reviewer)
            return Standing(None, (), len(others), mine)
        return Standing(own, others, 0, history)

    def decide(self, item: Item, action: Action, reviewer: str, form: Form) -> Decision:
        """Write a decision. Raises UsageError for one that makes no sense."""
        note = (form.get("note") or [""])[0].strip()
        change: Mapping[str, object] | None = self._change(item, form) if action == "edit" else None
        return self.log.append(
            Decision(
                0, item.document, item.edge, action, reviewer, "", change, "" if action == "undo" else note
            )
        )

    def note(self, decision: Decision, note: str) -> Decision:
        """The same decision with another note."""
        return self.log.append(replace(decision, number=0, made="", note=note.strip()))

    def undo(self, decision: Decision) -> str:
        """Take a decision back; gives the key of its item."""
        self.log.append(replace(decision, number=0, verdict="undo", made="", change=None, note=""))
        return key_of(decision.document, decision.edge)

    def put(self) -> int:
        """Bring the decisions into the base and take the items anew; gives how many edges were touched.

        Raises RunError when another process holds the base: the log keeps everything.
        """
        with self._base:
            with opened(self.store, write=True) as connection:
                touched = fold(connection, self.log)
            self.queue.fill(self.store)
        return len(touched)

    def pending(self) -> bool:
        """Whether the base has changed since the items were taken from it."""
        return self.queue.is_stale(self.store)

    def close(self) -> None:
        """Close the files."""
        self.queue.close()
        self.log.close()

    def _change(self, item: Item, form: Form) -> dict[str, object]:
        with self._base, opened(self.store) as connection:
            row = connection.execute(
                "SELECT text FROM documents WHERE document = ?", [item.document]
            ).fetchone()
            concepts = connection.execute(
                "SELECT concept FROM mentions WHERE document = ? UNION SELECT a.concept FROM arguments a"
                " JOIN relations r ON r.relation = a.relation WHERE r.document = ?",
                [item.document, item.document],
            ).fetchall()
        where = f"document {item.document}"
        if row is None:
            raise UsageError("is no longer in the base", where=where)
        return change_of(form, row[0], frozenset(concept for (concept,) in concepts), where)
