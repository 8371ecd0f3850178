"""Typed examples of many data sets to one mixture of instructions.

The files are read twice: first every example is checked, compared with what models are judged by, and noted
in a table on disk; then the examples that are drawn are read again and worded. Memory does not grow with
what is learnt from: 10 million examples need as much as ten thousand, and disk beside the mixture itself.

An example is drawn by its rank, a number that depends on the seed and its own ids alone; so is its place in
the mixture. Another set, another order of the lines or a larger total changes neither.

Source: the sizes of Taiyi's published mixture; its repository says neither how it was drawn nor in which
order, nor does it look for test data.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO, TypeVar

from apothecary.corpora.held_out import HeldOut
from apothecary.corpora.instruct_sets import SETS
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.examples import Sourced
from apothecary.formats.example_rows import from_record
from apothecary.formats.instruction_rows import Instruction
from apothecary.formats.jsonl import read_rows
from apothecary.formats.lines import printable, read_lines
from apothecary.tasks.instruct_records import instructions
from apothecary.training.mixture_counts import Group, GroupCounts, Mixed
from apothecary.training.mixture_overlap import Evaluated, Overlap
from apothecary.training.mixture_quotas import Floor, quotas
from apothecary.training.mixture_rows import DUPLICATE, LIVE, REPEATED, Rows, RowWriter
from apothecary.training.mixture_settings import MixtureSettings, SetSettings, cap_of, policy_of
from apothecary.training.mixture_shuffle import Shuffled
from apothecary.training.mixture_texts import digest, kind_of, normalised, text_of

__all__ = ["ERRORS", "LEFT_OUT", "MIXTURE", "SFT", "mix"]

MIXTURE, SFT, COUNTS = "mixture.jsonl", "sft.jsonl", "counts.json"
ERRORS, LEFT_OUT = "errors.jsonl", "left_out.jsonl"
JUDGES = frozenset(each.name for each in SETS.values() if each.judges)
MOST = 1 << 16
"""Files, groups, and closed lists of labels, at most."""
K = TypeVar("K")
Say = Callable[[str], None]


def mix(settings: MixtureSettings, folder: Path, out: Path, say: Say = lambda line: None) -> Mixed:
    """Write OUT/mixture.jsonl, sft.jsonl, counts.json, left_out.jsonl and errors.jsonl; all or none of them.

    `folder` is what the paths in the settings are relative to. A row that is no example, or has no
    instruction, is a row of errors.jsonl and costs itself only. Raises FormatError for a file that cannot be
    read, UsageError and DataError where nothing comes of it.
    """
    if len(settings.set) >= MOST:
        raise UsageError(f"more than {MOST - 1} sets", hint="mix them in parts")
    out.mkdir(parents=True, exist_ok=True)
    work = out / ".mixing"
    # What a mixing that was killed left behind.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        with (
            (work / ERRORS).open("w", encoding="utf-8", errors="backslashreplace") as errors,
            (work / LEFT_OUT).open("w", encoding="utf-8") as left_out,
        ):
            mixing = _Mixing(settings, folder, work, errors, left_out)
            mixed = mixing.run(say)
        text = json.dumps({**mixed.figures(), "settings": asdict(settings)}, indent=2, ensure_ascii=False)
        (work / COUNTS).write_text(text + "\n", encoding="utf-8")
        for name in (MIXTURE, SFT, LEFT_OUT, ERRORS, COUNTS):
            (work / name).replace(out / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return mixed


@dataclass
class _Mixing:
    """A mixture while it is made."""

    settings: MixtureSettings
    folder: Path
    work: Path
    errors: TextIO
    left_out: TextIO
    bad: int = 0
    first: str = ""
    groups: dict[Group, GroupCounts] = field(default_factory=dict)
    places: dict[Group, int] = field(default_factory=dict)
    labels: dict[frozenset[str], int] = field(default_factory=dict)

    def run(self, say: Say) -> Mixed:
        """Both passes. Raises ApothecaryError."""
        files = [self.folder / each.file for each in self.settings.set]
        stamps = [_stamp(path) for path in files]
        evaluated = self._evaluated()
        rows = self._noted(evaluated)
        rows.find_repeated()
        rows.find_duplicates(list(self.labels), drop=self.settings.duplicates == "drop")
        lacking = self._allotted(rows)
        total = sum(rows.sums(len(self.groups), examples=False))
        if not total:
            told = f"{self.bad} bad rows, the first: {self.first}" if self.bad else ""
            hint = told or f"splits: {', '.join(self.settings.splits)}; left out: {_reasons(self.groups)}"
            raise DataError("no example to learn from", where=str(self.folder), hint=hint)
        compared = f"{evaluated.counts.total():,} examples to compare with"
        say(f"{compared}, {len(rows):,} to draw from; drawing {total:,} instructions")
        with closing(Shuffled(self.work / "order", total)) as shuffled:
            for place, path in enumerate(files):
                self._draw(rows, place, shuffled)
                if _stamp(path) != stamps[place]:
                    raise DataError("changed while it was read", where=printable(path), hint="mix again")
        shuffled.write(self.work / MIXTURE, self.work / SFT)
        groups = tuple(self.groups.items())
        return Mixed(groups, tuple(evaluated.splits()), tuple(lacking), self.bad)

    def _evaluated(self) -> Evaluated:
        """What models are judged by, all of it read."""
        settings = self.settings
        held_out = self.folder / settings.held_out if settings.held_out else None
        found = Evaluated(HeldOut.read(held_out) if held_out else HeldOut.none(), settings.containment)
        for against in settings.against:
            learnt = () if against.splits else settings.splits
            for item in self._examples(self.folder / against.file, against.splits, learnt):
                found.add(item)
        for each in settings.set if settings.own_splits else ():
            for item in self._examples(self.folder / each.file, (), settings.splits_of(each), own=True):
                found.add(item)
        found.close()
        return found

    def _examples(
        self, path: Path, only: tuple[str, ...], never: tuple[str, ...], *, own: bool = False
    ) -> Iterator[Sourced]:
        """The examples of some splits; of an `own` file bad lines are told when it is learnt from."""
        for row in read_rows(path):
            if isinstance(row, FormatError):
                self._tell(row, skip=own)
                continue
            split = row[1].get("split")
            if not isinstance(split, str) or split in never or (only and split not in only):
                continue
            try:
                yield from_record(row[1], where=f"{printable(path)}:{row[0]}")
            except DataError as error:
                self._tell(error)

    def _noted(self, evaluated: Evaluated) -> Rows:
        """The first pass: a row of the table for each example that may be drawn."""
        path = self.work / "rows"
        with closing(RowWriter(path)) as writer:
            for place, each in enumerate(self.settings.set):
                for number, sourced in self._of_set(each):
                    row = self._row(place, number, sourced, evaluated)
                    if row:
                        writer.add(*row)
        return Rows(path)

    def _row(self, place: int, number: int, sourced: Sourced, evaluated: Evaluated) -> tuple[int, ...] | None:
        """What the table says of an example; None where it is not to be drawn."""
        each = self.settings.set[place]
        try:
            times = len(self._worded(each, sourced))
        except DataError as error:
            self._tell(error, f"{printable(self.folder / each.file)}:{number}")
            return None
        group = Group(place, sourced.dataset, sourced.task, sourced.language)
        counts = self.groups.setdefault(group, GroupCounts())
        number_of_group = _numbered(self.places, group, "groups")
        counts.read += 1
        text = normalised(text_of(sourced.example))
        overlap = evaluated.found(sourced, text)
        if overlap and self._leave_out(sourced, overlap, counts):
            return None
        types = frozenset(label.casefold() for label in sourced.labels)
        labels = _numbered(self.labels, types, "lists of labels")
        rank = digest(self.settings.seed, "rank", *_key(sourced))
        return (
            *(place, number, number_of_group, labels, LIVE, times, -1, rank),
            digest(kind_of(sourced), text),
        )

    def _worded(self, each: SetSettings, sourced: Sourced) -> list[Instruction]:
        return list(instructions(sourced, self.settings.seed, policy_of(self.settings, each, sourced)))

    def _of_set(self, each: SetSettings) -> Iterator[tuple[int, Sourced]]:
        """The examples of a set that may be learnt from, with their lines."""
        path, splits = self.folder / each.file, self.settings.splits_of(each)
        for row in read_rows(path):
            if isinstance(row, FormatError):
                self._tell(row)
                continue
            number, record = row
            if record.get("dataset") in JUDGES and (not each.datasets or record["dataset"] in each.datasets):
                message = f"{record['dataset']} holds questions of a published test part"
                where = f"{printable(path)}:{number}"
                raise UsageError(message, where=where, hint="name it under [[against]], not under [[set]]")
            split = record.get("split")
            if isinstance(split, str) and split not in splits:
                continue
            try:
                sourced = from_record(record, where=f"{printable(path)}:{number}")
            except DataError as error:
                self._tell(error)
                continue
            if (not each.tasks or sourced.task in each.tasks) and (
                not each.datasets or sourced.dataset in each.datasets
            ):
                yield number, sourced

    def _allotted(self, rows: Rows) -> list[str]:
        """Take what caps, shares and floors allow; the floors that were not reached."""
        settings, groups = self.settings, list(self.groups)
        rows.take([cap_of(settings, settings.set[group.place]) for group in groups], examples=True)
        available = rows.sums(len(groups), examples=False)
        for group, count in zip(groups, available, strict=True):
            self.groups[group].available = count
        if settings.total is None:
            return []
        weights = [
            settings.set[group.place].weight * count**settings.power if count else 0.0
            for group, count in zip(groups, available, strict=True)
        ]
        floors = [
            Floor(
                floor.least,
                tuple(
                    place
                    for place, group in enumerate(groups)
                    if floor.task in ("", group.task) and floor.language in ("", group.language)
                ),
            )
            for floor in settings.floor
        ]
        given = quotas(settings.total, weights, available, floors)
        rows.take(given, examples=False)
        told = []
        for each, floor in zip(settings.floor, floors, strict=True):
            reached = sum(given[place] for place in floor.places)
            if reached < floor.least:
                told.append(
                    f"{each.task or 'any task'} {each.language}".strip() + f": {reached} of {each.least}"
                )
        if sum(given) < settings.total:
            told.append(f"all: {sum(given)} of {settings.total}")
        return told

    def _draw(self, rows: Rows, place: int, shuffled: Shuffled) -> None:
        """The second pass over a file: word what is drawn, list what is not because it is a repetition."""
        each = self.settings.set[place]
        path = self.folder / each.file
        wanted = _wanted(rows, place)
        row = next(wanted, None)
        for number, line in read_lines(path):
            if row is None:
                return
            if number != row["line"] or isinstance(line, FormatError):
                continue
            where = f"{printable(path)}:{number}"
            sourced = from_record(json.loads(line), where=where)
            counts = self.groups[Group(place, sourced.dataset, sourced.task, sourced.language)]
            if row["why"] != LIVE:
                self._tell_repeated(sourced, row, rows, counts)
            if row["take"]:
                for copy, instruction in enumerate(self._worded(each, sourced)[: row["take"]]):
                    order = digest(self.settings.seed, "order", *_key(sourced), copy)
                    shuffled.add(order, instruction, sourced.task)
                    counts.categories[instruction.category] += 1
                    counts.instructions += 1
                counts.examples += 1
            row = next(wanted, None)

    def _tell_repeated(self, sourced: Sourced, row: dict[str, int], rows: Rows, counts: GroupCounts) -> None:
        file, line = rows.place_of(row["like"])
        like = f"{printable(self.folder / self.settings.set[file].file)}:{line}"
        if row["why"] == REPEATED:
            here = f"{printable(self.folder / self.settings.set[row['file']].file)}:{row['line']}"
            self._tell(FormatError(f"example {sourced.example.id} was already given at {like}", where=here))
            counts.read -= 1
        elif row["why"] == DUPLICATE:
            self._list(
                sourced, Overlap("duplicate", like), counts, dropped=self.settings.duplicates == "drop"
            )

    def _leave_out(self, sourced: Sourced, overlap: Overlap, counts: GroupCounts) -> bool:
        # What a list holds out is held out, whatever is done with the rest.
        dropped = self.settings.contamination == "drop" or overlap.why == "held out"
        self._list(sourced, overlap, counts, dropped=dropped)
        return dropped

    def _list(self, sourced: Sourced, overlap: Overlap, counts: GroupCounts, *, dropped: bool) -> None:
        (counts.left_out if dropped else counts.listed)[overlap.why] += 1
        row = {
            "dataset": sourced.dataset,
            "split": sourced.split,
            "task": sourced.task,
            "id": sourced.example.id,
            **asdict(overlap),
            "dropped": dropped,
        }
        self.left_out.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _tell(self, error: DataError, where: str = "", *, skip: bool = False) -> None:
        if skip:
            return
        self.bad += 1
        self.first = self.first or str(error)
        row = {"where": where or error.where, "error": type(error).__name__, "message": str(error)}
        self.errors.write(json.dumps(row, ensure_ascii=False) + "\n")


def _key(sourced: Sourced) -> tuple[str, str, str, str]:
    """What tells an example from all others."""
    return (sourced.dataset, sourced.split, sourced.task, sourced.example.id)


def _numbered(known: dict[K, int], key: K, what: str) -> int:
    """The number of a key, counted from 0 as they come."""
    if key not in known and len(known) >= MOST:
        raise DataError(f"more than {MOST} {what}", hint="mix the sets in parts")
    return known.setdefault(key, len(known))


def _wanted(rows: Rows, place: int) -> Iterator[dict[str, int]]:
    """The rows of a file that are drawn, or to be told as repetitions, in the order of its lines."""
    for _, chunk in rows.chunks():
        own = chunk[(chunk["file"] == place) & ((chunk["take"] > 0) | (chunk["why"] != LIVE))]
        for row in own:
            yield {name: int(row[name]) for name in ("file", "line", "why", "take", "like")}


def _reasons(groups: Mapping[Group, GroupCounts]) -> str:
    found = sum((counts.left_out for counts in groups.values()), Counter[str]())
    return ", ".join(f"{why} {count}" for why, count in found.items()) or "none"


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; what differs has changed. Raises FormatError where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FormatError(f"cannot be read: {reason}", where=printable(path)) from error
    return found.st_size, found.st_mtime_ns
