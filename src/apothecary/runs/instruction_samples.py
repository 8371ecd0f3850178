"""Samples of a file of instructions, or of typed examples, drawn in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from apothecary.errors import DataError, FormatError
from apothecary.formats.example_rows import from_record
from apothecary.formats.instruction_rows import Instruction, from_row
from apothecary.formats.jsonl import read_rows
from apothecary.formats.lines import printable
from apothecary.tasks.instruct_records import instructions

__all__ = ["Samples", "draw", "read_either"]

_TOLD = 3
"""Bad lines that are told one by one."""


@dataclass(frozen=True)
class Samples:
    """What was drawn, in the order of the file; of how many that fit; and the bad lines, some told."""

    drawn: tuple[Instruction, ...]
    fitting: int
    read: int
    bad: int
    errors: tuple[str, ...]


def draw(
    path: Path,
    *,
    count: int,
    task: str = "",
    language: str = "",
    seed: int = 0,
    encoding: str = "utf-8",
) -> Samples:
    """Draw `count` instructions by a seed, each with the same chance, from those that fit.

    `task` is a task (mentions) or a published code (NER), `language` that of the record; "" fits all.
    Memory holds what is drawn, not the file. Raises FormatError when the file cannot be read.
    """
    # A reservoir: the n-th that fits takes the place of another with the chance count / n.
    chooser = Random(seed)  # noqa: S311 (a sample to look at, not a secret)
    kept: list[tuple[int, Instruction]] = []
    fitting = read = bad = 0
    errors: list[str] = []
    for item in read_either(path, seed=seed, encoding=encoding):
        if isinstance(item, DataError):
            bad += 1
            errors += [str(item)] if bad <= _TOLD else []
            continue
        read += 1
        if not _fits(item, task, language):
            continue
        fitting += 1
        if len(kept) < count:
            kept.append((fitting, item))
        elif (place := chooser.randrange(fitting)) < count:
            kept[place] = (fitting, item)
    drawn = tuple(item for _, item in sorted(kept, key=lambda pair: pair[0]))
    return Samples(drawn, fitting, read, bad, tuple(errors))


def read_either(path: Path, *, seed: int, encoding: str = "utf-8") -> Iterator[Instruction | DataError]:
    """Instructions as they stand in a file; of a typed example those that are made of it with `seed`.

    A bad line, and an example without an instruction, come as DataError values.
    """
    for row in read_rows(path, encoding=encoding):
        if isinstance(row, FormatError):
            yield row
            continue
        where = f"{printable(path)}:{row[0]}"
        try:
            if "family" in row[1]:
                yield from instructions(from_record(row[1], where=where), seed)
            else:
                yield from_row(row[1], where=where)
        except DataError as error:
            yield error


def _fits(instruction: Instruction, task: str, language: str) -> bool:
    codes = {instruction.category.casefold(), str(instruction.gold.get("task", "")).casefold()}
    return (not task or task.casefold() in codes) and (not language or language == instruction.language)
