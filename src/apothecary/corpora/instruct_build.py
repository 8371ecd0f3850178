"""Copies of data sets to typed examples: a file for each set, counts, and a row for every bad record."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from apothecary.corpora.held_out import HeldOut, identities
from apothecary.corpora.instruct_set import InstructSet, Item, Place
from apothecary.errors import DataError, FormatError
from apothecary.examples import Annotated, Sourced
from apothecary.formats.example_rows import dumps
from apothecary.formats.lines import printable
from apothecary.formats.seen import Seen

__all__ = ["Built", "SplitCounts", "build"]

ERRORS = "errors.jsonl"
COUNTS = "counts.json"


@dataclass(frozen=True)
class SplitCounts:
    """A split of a set: examples by task, rows that are none, and examples that are held out, by task."""

    dataset: str
    split: str
    language: str
    examples: dict[str, int]
    bad: int
    held_out: dict[str, int]

    def figures(self) -> dict[str, object]:
        """Every figure by its name."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "language": self.language,
            "examples": self.examples,
            "bad": self.bad,
            "held_out": self.held_out,
        }


@dataclass(frozen=True)
class Built:
    """What was made: the counts of each split, and what could not be read at all, by set."""

    splits: tuple[SplitCounts, ...]
    failed: dict[str, str]

    @property
    def complete(self) -> bool:
        """No bad row and no set that failed."""
        return not self.failed and not any(split.bad for split in self.splits)

    def figures(self) -> dict[str, object]:
        """As `counts.json` has it."""
        return {
            "examples": sum(sum(split.examples.values()) for split in self.splits),
            "bad": sum(split.bad for split in self.splits),
            "held_out": sum(sum(split.held_out.values()) for split in self.splits),
            "splits": [split.figures() for split in self.splits],
            "failed": self.failed,
        }


@dataclass
class _Tally:
    """Counts of a split while it is read."""

    examples: Counter[str] = field(default_factory=Counter)
    held_out: Counter[str] = field(default_factory=Counter)
    bad: int = 0


def build(
    sets: Sequence[InstructSet],
    data: Path,
    out: Path,
    *,
    accepted: Iterable[str] = (),
    held_out: HeldOut | None = None,
) -> Built:
    """Write OUT/NAME.jsonl for each set, OUT/counts.json and OUT/errors.jsonl.

    Every split whose file is there is read, one record at a time. A record that is no example, or whose id
    was already given, is a row of errors.jsonl; so is a set that cannot be read, and the others go on.
    Documents that `held_out` lists are left out and counted. A file replaces one of that name when it is
    whole. Raises UsageError, before anything is read, where terms are not accepted; FormatError where none
    of the sets is there.
    """
    agreed = set(accepted)
    for each in sets:
        each.check_terms(agreed)
    folders = {each.name: _located(each, data) for each in sets}
    if all(isinstance(folder, FormatError) for folder in folders.values()):
        raise next(folder for folder in folders.values() if isinstance(folder, FormatError))
    out.mkdir(parents=True, exist_ok=True)
    splits: list[SplitCounts] = []
    failed: dict[str, str] = {}
    with _replacing(out / ERRORS) as errors:
        for each in sets:
            folder = folders[each.name]
            if isinstance(folder, FormatError):
                failed[each.name] = str(folder)
                _tell(errors, each.name, None, folder)
                continue
            with _replacing(out / f"{each.name}.jsonl") as stream:
                splits += _write_set(each, folder, held_out or HeldOut.none(), stream, errors)
    built = Built(tuple(splits), failed)
    with _replacing(out / COUNTS) as stream:
        json.dump(built.figures(), stream, indent=2, ensure_ascii=False)
    return built


def _located(each: InstructSet, data: Path) -> Path | FormatError:
    try:
        return each.locate(data)
    except FormatError as error:
        return error


def _write_set(
    each: InstructSet, folder: Path, held_out: HeldOut, stream: TextIO, errors: TextIO
) -> Iterator[SplitCounts]:
    for split, name in each.splits.items():
        file = folder / name
        if not file.exists():
            continue
        tally, seen = _Tally(), Seen()
        for item in _guarded(each.read(file, Place(each.name, split, each.language))):
            error = item if isinstance(item, DataError) else _write(item, each, held_out, stream, tally, seen)
            if error is not None:
                tally.bad += 1
                _tell(errors, each.name, split, error)
        yield SplitCounts(
            dataset=each.name,
            split=split,
            language=each.language,
            examples=dict(tally.examples),
            bad=tally.bad,
            held_out=dict(tally.held_out),
        )


def _guarded(items: Iterator[Item]) -> Iterator[Item]:
    """What ends a split is its last item."""
    try:
        yield from items
    except DataError as error:
        yield error


def _write(
    item: Sourced, each: InstructSet, held_out: HeldOut, stream: TextIO, tally: _Tally, seen: Seen
) -> DataError | None:
    if each.listed_ids and held_out.holds(*_listed(item)):
        tally.held_out[item.task] += 1
        return None
    if seen.add(f"{item.task}\0{item.example.id}", 0) is not None:
        return FormatError(f"example {item.example.id} was already given", where=f"{each.name} {item.split}")
    try:
        line = dumps(item)
    except DataError as error:
        return error
    stream.write(line + "\n")
    tally.examples[item.task] += 1
    return None


def _listed(item: Sourced) -> tuple[str, ...]:
    example = item.example
    return identities(example.document) if isinstance(example, Annotated) else (example.id,)


def _tell(errors: TextIO, name: str, split: str | None, error: DataError) -> None:
    row = {
        "dataset": name,
        "split": split,
        "where": error.where,
        "error": type(error).__name__,
        "message": str(error),
    }
    errors.write(json.dumps(row, ensure_ascii=False) + "\n")


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file that takes its name when it is whole. Raises FormatError when it cannot be written."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise FormatError(f"cannot be written: {error.strerror}", where=printable(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
