"""Events of many patients, in any order, grouped by patient on disk.

Tables of hospital records are larger than memory (four million prescriptions) and rarely sorted alike. Every
event goes into a temporary SQLite file, is sorted there by patient, and comes back one patient at a time; so
the memory is that of one patient and of SQLite's page cache. The file lies in a folder of its own that only
its user can read, beside the output, and is removed in the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from apothecary.errors import DataError
from apothecary.formats.lines import printable

__all__ = ["EventStore", "PatientEvents"]

PatientEvents = dict[str, list[tuple[str, ...]]]
"""The events of one patient by kind, each kind in the order in which they were added."""

_BETWEEN = "\x1f"


class EventStore:
    """A temporary file of events below `folder`; use it in a ``with`` statement.

    Everything raises DataError where the disk is full or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> EventStore:
        try:
            self._place = TemporaryDirectory(prefix=".visits-", dir=self._folder)
            self._file = sqlite3.connect(Path(self._place.name) / "events.sqlite", isolation_level=None)
            self._file.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
                "CREATE TABLE event (patient TEXT NOT NULL, kind TEXT NOT NULL, fields TEXT NOT NULL)"
            )
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._place.cleanup()

    def add(self, kind: str, rows: Iterable[tuple[str, ...]]) -> None:
        """Add events of one kind; the first field of each is its patient, and not part of the event."""
        packed = (
            (row[0], kind, _BETWEEN.join([field.replace(_BETWEEN, " ") for field in row[1:]])) for row in rows
        )
        try:
            self._file.execute("BEGIN")
            self._file.executemany("INSERT INTO event VALUES (?, ?, ?)", packed)
            self._file.execute("COMMIT")
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise self._error(error) from error

    def patients(self) -> Iterator[tuple[str, PatientEvents]]:
        """Each patient with all events: numbers in their order, other ids by length and alphabet.

        The order does not depend on that of the files.
        """
        query = "SELECT patient, kind, fields FROM event ORDER BY length(patient), patient, rowid"
        try:
            for patient, rows in groupby(self._file.execute(query), key=lambda row: str(row[0])):
                events: PatientEvents = {}
                for _, kind, fields in rows:
                    events.setdefault(kind, []).append(tuple(fields.split(_BETWEEN)))
                yield patient, events
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> DataError:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        hint = "it needs about as much free space as the tables have"
        return DataError(f"cannot sort the rows there: {reason}", where=printable(self._folder), hint=hint)
