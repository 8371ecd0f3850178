"""What every data set says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.documents import Document
from apothecary.errors import UsageError

__all__ = ["Corpus", "split_file"]


@dataclass(frozen=True)
class Corpus:
    """A data set that a user has on disk.

    `splits` maps a split to its file below the corpus folder, `traps` says what a reader of the
    files must know, and `read(folder, split)` yields the documents of a split; it raises
    UsageError for an unknown split and DataError for a missing or damaged file.
    """

    name: str
    title: str
    licence: str
    source: str
    splits: Mapping[str, str]
    traps: tuple[str, ...]
    read: Callable[[Path, str], Iterator[Document]]


def split_file(splits: Mapping[str, str], folder: Path, split: str) -> Path:
    """The file of a split. Raises UsageError when the corpus has no split of that name."""
    if split not in splits:
        raise UsageError(f"no split {split!r}", where=str(folder), hint=f"splits: {', '.join(splits)}")
    return folder / splits[split]
