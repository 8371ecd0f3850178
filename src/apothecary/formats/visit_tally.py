"""What an import counts: rows read and lost, by table and reason, and remarks on patients and visits."""

from __future__ import annotations

from collections import Counter

__all__ = ["Tally"]


class Tally:
    """Counts that grow while a source is read. Nothing of a patient is kept, only how often."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        """Rows by table."""
        self.losses: Counter[tuple[str, str]] = Counter()
        """Rows by table and reason."""
        self.remarks: Counter[str] = Counter()
        """What was found and mended, or could not be known."""

    def lose(self, table: str, reason: str, count: int = 1) -> None:
        """Count rows of a table that are left out."""
        if count:
            self.losses[table, reason] += count

    def lost(self, table: str) -> dict[str, int]:
        """The rows of a table that were left out, by reason."""
        return {reason: count for (name, reason), count in sorted(self.losses.items()) if name == table}

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that was read or lost a row, sorted."""
        return tuple(sorted(self.read.keys() | {table for table, _ in self.losses}))
