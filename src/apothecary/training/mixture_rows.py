"""What is known of each example of a mixture while it is drawn: a table on disk, read in parts.

It takes `ROW.itemsize` bytes of disk for an example; in memory stand parts of it, whatever its length.
Which examples are taken depends on their own ranks alone, not on their order or on other files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["DUPLICATE", "LIVE", "REPEATED", "ROW", "RowWriter", "Rows"]

Labels = frozenset[str]

ROW = np.dtype(
    [
        ("file", "u2"),
        ("line", "u4"),
        ("group", "u2"),
        ("labels", "u2"),
        ("why", "u1"),
        ("take", "u4"),
        ("like", "i8"),
        ("rank", "u8"),
        ("text", "u8"),
    ]
)
"""`take` is how many of its instructions are taken, first all; `like` the row that it repeats."""
LIVE, REPEATED, DUPLICATE = 0, 1, 2
"""Of a row: it counts; its id was given before; its text was given before."""
CHUNK, WAITING = 1 << 16, 1 << 12
BINS_BITS = 12


class RowWriter:
    """Writes a table, row by row."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")
        self._waiting: list[tuple[int, ...]] = []

    def add(self, *values: int) -> None:
        """One more row, in the order of `ROW`."""
        self._waiting.append(values)
        if len(self._waiting) >= WAITING:
            self._write()

    def close(self) -> None:
        """The table is whole then."""
        self._write()
        self._stream.close()

    def _write(self) -> None:
        np.array(self._waiting, dtype=ROW).tofile(self._stream)
        self._waiting = []


class Rows:
    """A table that is whole: what repeats is found, then as much is taken as there is to be."""

    def __init__(self, path: Path, *, slice_rows: int = 1 << 20, chunk_rows: int = CHUNK) -> None:
        self._path = path
        self._chunk_rows = chunk_rows
        self._slice_rows = slice_rows
        self._count = path.stat().st_size // ROW.itemsize

    def __len__(self) -> int:
        return self._count

    def chunks(self, *, change: bool = False) -> Iterator[tuple[int, NDArray[np.void]]]:
        """The table in parts, each with the place of its first row; with `change` what is changed stays."""
        for start in range(0, self._count, self._chunk_rows):
            with self._path.open("r+b" if change else "rb") as stream:
                stream.seek(start * ROW.itemsize)
                part = np.fromfile(stream, dtype=ROW, count=min(self._chunk_rows, self._count - start))
                yield start, part
                if change:
                    stream.seek(start * ROW.itemsize)
                    part.tofile(stream)

    def find_repeated(self) -> None:
        """Mark rows whose rank was given before: they are the same example, given twice."""
        self._mark("rank", REPEATED, lambda kept, row: True)

    def find_duplicates(self, labels: Sequence[Labels], *, drop: bool = True) -> None:
        """Mark rows with the text of an earlier one that asks for all that they ask for; with `drop` none of
        their instructions is taken.

        `labels` are the closed lists of types that the column of that name points into: a text that is
        annotated with genes in one set and with drugs in another is no duplicate.
        """
        self._mark("text", DUPLICATE, lambda kept, row: labels[row] <= labels[kept], drop=drop)

    def _mark(self, column: str, why: int, same: Callable[[int, int], bool], *, drop: bool = True) -> None:
        slices = -(-self._count // self._slice_rows)
        for part in range(slices):
            places, keys, labels = self._slice(column, slices, part)
            order = np.argsort(keys, kind="stable")
            ordered = keys[order]
            runs = np.flatnonzero(ordered[1:] == ordered[:-1])
            found: dict[int, int] = {}
            kept: list[int] = []
            for run in runs:
                if not kept or ordered[kept[-1]] != ordered[run]:
                    kept = [int(run)]
                here = int(run) + 1
                first = next((k for k in kept if same(int(labels[order[k]]), int(labels[order[here]]))), None)
                if first is None:
                    kept.append(here)
                else:
                    found[int(places[order[here]])] = int(places[order[first]])
            self._set(found, why, drop=drop)

    def _slice(
        self, column: str, slices: int, part: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint16]]:
        """Places, keys and labels of the rows that count whose keys fall in one slice of all."""
        places, keys, labels = [], [], []
        for start, chunk in self.chunks():
            at = np.flatnonzero((chunk["why"] == LIVE) & (chunk[column] % np.uint64(slices) == part))
            places.append(at + start)
            keys.append(chunk[column][at])
            labels.append(chunk["labels"][at])
        return np.concatenate(places), np.concatenate(keys), np.concatenate(labels)

    def _set(self, found: Mapping[int, int], why: int, *, drop: bool) -> None:
        if not found:
            return
        places = np.array(sorted(found), dtype=np.int64)
        for start, chunk in self.chunks(change=True):
            own = places[np.searchsorted(places, start) : np.searchsorted(places, start + len(chunk))]
            chunk["why"][own - start] = why
            if drop:
                chunk["take"][own - start] = 0
            chunk["like"][own - start] = [found[int(each)] for each in own]

    def place_of(self, place: int) -> tuple[int, int]:
        """File and line of a row."""
        row = np.fromfile(self._path, dtype=ROW, count=1, offset=place * ROW.itemsize)[0]
        return int(row["file"]), int(row["line"])

    def sums(self, groups: int, *, examples: bool) -> list[int]:
        """Of each group how many examples, or instructions, are taken."""
        found = np.zeros(groups, dtype=np.int64)
        for _, chunk in self.chunks():
            found += _binned(chunk["group"], _measure(chunk, examples=examples), groups)
        return [int(each) for each in found]

    def take(self, limits: Sequence[int | None], *, examples: bool) -> None:
        """Take no more than so many examples, or instructions, of each group: those with the lowest ranks.

        Of the last example only some instructions may be taken.
        """
        groups, bins = len(limits), 1 << BINS_BITS
        counted = np.zeros(groups * bins, dtype=np.int64)
        for _, chunk in self.chunks():
            counted += _binned(_bin(chunk, bins), _measure(chunk, examples=examples), groups * bins)
        upto = np.cumsum(counted.reshape(groups, bins), axis=1)
        most = np.array([upto[g, -1] if limit is None else limit for g, limit in enumerate(limits)])
        # The bin in which the limit is passed, none where it is not.
        last = np.array([int(np.searchsorted(upto[g], most[g], side="right")) for g in range(groups)])
        left = {g: int(most[g] - (upto[g, last[g] - 1] if last[g] else 0)) for g in range(groups)}
        taken = self._within(last, left, bins, examples=examples)
        for start, chunk in self.chunks(change=True):
            own = _bin(chunk, bins) % bins
            chunk["take"][own >= last[chunk["group"]]] = 0
            for place in np.flatnonzero(own == last[chunk["group"]]):
                chunk["take"][place] = taken.get(start + int(place), 0)

    def _within(
        self, last: NDArray[np.int64], left: dict[int, int], bins: int, *, examples: bool
    ) -> dict[int, int]:
        """What is taken of the rows in the bins in which the limits are passed, by place."""
        rows: list[tuple[int, int, int, int]] = []
        for start, chunk in self.chunks():
            at = np.flatnonzero((_bin(chunk, bins) % bins == last[chunk["group"]]) & (chunk["take"] > 0))
            for at_place in at:
                row = chunk[at_place]
                rows.append((int(row["rank"]), int(row["group"]), int(row["take"]), start + int(at_place)))
        found: dict[int, int] = {}
        for _, group, take, place in sorted(rows):
            if left[group] <= 0:
                continue
            found[place] = take if examples else min(take, left[group])
            left[group] -= 1 if examples else found[place]
        return found


def _measure(chunk: NDArray[np.void], *, examples: bool) -> NDArray[np.int64]:
    take: NDArray[np.int64] = chunk["take"].astype(np.int64)
    return (take > 0).astype(np.int64) if examples else take


def _bin(chunk: NDArray[np.void], bins: int) -> NDArray[np.int64]:
    """The bin of each row: those of a group are in the order of the ranks."""
    within = (chunk["rank"] >> np.uint64(64 - BINS_BITS)).astype(np.int64)
    found: NDArray[np.int64] = chunk["group"].astype(np.int64) * bins + within
    return found


def _binned(places: NDArray[np.int64], values: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.bincount(places, weights=values, minlength=size).astype(np.int64)
