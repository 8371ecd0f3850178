"""Replies kept on disk, by everything that determines them. A token that was paid for is never paid again."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

from apothecary.engines.home import home_folder
from apothecary.engines.wire import reply_from_json, reply_to_json, request_to_json
from apothecary.errors import EngineError, FormatError
from apothecary.messages import Done, Engine, EngineInfo, Outcome, Reply, Request, nothing

__all__ = ["Cached", "default_cache_path", "reply_key"]

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file raises: the library quotes bytes of it, which may be no text."""
POLL_SECONDS = 0.02
LOOKUP_BATCH = 500
HINT = "delete it, or go without by --no-cache"


def default_cache_path() -> Path:
    """``replies.sqlite`` in APOTHECARY_HOME, else in the user's cache folder."""
    return home_folder() / "replies.sqlite"


def reply_key(info: EngineInfo, request: Request) -> str:
    """SHA-256 over the engine's digests and all of the request."""
    text = "\n".join((info.digest, info.adapter_digest, request_to_json(request)))
    # The digest of a replayed run is whatever its manifest says, half a surrogate pair included.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cached:
    """An engine with a memory. Failures and replies in breach of their form are not kept: they may pass.

    Safe for threads (one connection, one lock) and processes (write-ahead log, busy time-out). What is
    stored is the reply, never the prompt. Raises EngineError when the file is damaged or cannot be written.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error
        try:
            self._prepare()
        except BROKEN as error:
            self._database.close()
            raise self._broken(error) from error
        except EngineError:
            self._database.close()
            raise

    @property
    def info(self) -> EngineInfo:
        """That of the engine inside."""
        return self._engine.info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Known replies from the file, the others from the engine in one group, equal ones once.

        A reply is stored as soon as the engine tells of it.
        """
        keys = [reply_key(self._engine.info, request) for request in requests]
        outcomes: dict[str, Outcome] = dict(self._look_up(keys))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in outcomes}
        if missing:
            outcomes |= self._ask(missing)
        repeated: set[str] = set()
        result: list[Outcome] = []
        for key in keys:
            outcome = outcomes[key]
            if key in repeated and isinstance(outcome, Reply):
                outcome = _free(outcome)
            repeated.add(key)
            result.append(outcome)
        return result

    def _ask(self, missing: Mapping[str, Request]) -> dict[str, Outcome]:
        keys = list(missing)
        stored: set[str] = set()

        def keep(place: int, outcome: Outcome) -> None:
            if _lasting(outcome):
                self._store({keys[place]: outcome})
                stored.add(keys[place])

        answered = dict(zip(keys, self._engine.answer(list(missing.values()), keep), strict=True))
        untold = {key: out for key, out in answered.items() if key not in stored}
        self._store({key: out for key, out in untold.items() if _lasting(out)})
        return answered

    def _look_up(self, keys: Sequence[str]) -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), LOOKUP_BATCH):
            batch = unique[start : start + LOOKUP_BATCH]
            marks = ",".join("?" * len(batch))
            # Only question marks are put into the statement; the keys are bound.
            query = f"SELECT key, reply FROM replies WHERE key IN ({marks})"  # noqa: S608
            try:
                with self._lock:
                    rows = self._database.execute(query, batch).fetchall()
                found |= {key: _free(reply_from_json(text)) for key, text in rows}
            except (*BROKEN, FormatError) as error:
                raise self._broken(error) from error
        return found

    def _store(self, replies: dict[str, Reply]) -> None:
        rows = [(key, reply_to_json(reply)) for key, reply in replies.items()]
        if not rows:
            return
        try:
            # Leaving the connection commits, or rolls back: a failure must not leave the file locked.
            with self._lock, self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?)", rows)
        except BROKEN as error:
            raise self._broken(error) from error

    def _prepare(self) -> None:
        self._write_ahead()
        # A reply lost to a power cut is asked for again: no need to wait for the disk on each one.
        self._database.execute("PRAGMA synchronous=NORMAL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise EngineError("the reply cache is newer than this version", where=str(self._path), hint=HINT)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID"
        )
        self._database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _write_ahead(self) -> None:
        """Turn the write-ahead log on. SQLite does not wait here when several processes open a new file."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def _broken(self, error: Exception) -> EngineError:
        return EngineError(f"the reply cache cannot be used: {error}", where=str(self._path), hint=HINT)

    def close(self) -> None:
        """Close the file and the engine inside."""
        with self._lock:
            self._database.close()
        self._engine.close()


def _lasting(outcome: Outcome) -> TypeGuard[Reply]:
    return isinstance(outcome, Reply) and outcome.finish != "breach"


def _free(reply: Reply) -> Reply:
    return replace(reply, usage=replace(reply.usage, from_cache=True))
