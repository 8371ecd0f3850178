"""What became of the examples of a mixture, data set by data set: as JSON, and as tables made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Group", "GroupCounts", "Mixed"]


@dataclass(frozen=True)
class Group:
    """What shares a cap, a weight and a quota: a data set, a task and a language of one ``[[set]]``."""

    place: int
    dataset: str
    task: str
    language: str


@dataclass
class GroupCounts:
    """Of one group: examples read, those left out by the reason, those drawn, and their instructions.

    `listed` are examples with a reason to be left out that were kept. `available` are the instructions that
    the group could give after its cap.
    """

    read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    listed: Counter[str] = field(default_factory=Counter)
    available: int = 0
    examples: int = 0
    instructions: int = 0
    categories: Counter[str] = field(default_factory=Counter)

    def figures(self, group: Group) -> dict[str, object]:
        """Every figure by its name."""
        return {
            "dataset": group.dataset,
            "task": group.task,
            "language": group.language,
            "read": self.read,
            "left_out": dict(self.left_out),
            "listed": dict(self.listed),
            "available": self.available,
            "examples": self.examples,
            "instructions": self.instructions,
            "categories": dict(self.categories),
        }


@dataclass(frozen=True)
class Mixed:
    """A finished mixture.

    `evaluated` are the examples that it was compared with, `lacking` the floors that were not reached.
    `bad` rows are told in errors.jsonl.
    """

    groups: tuple[tuple[Group, GroupCounts], ...]
    evaluated: tuple[dict[str, object], ...]
    lacking: tuple[str, ...]
    bad: int

    @property
    def instructions(self) -> int:
        """How many instructions there are."""
        return sum(counts.instructions for _, counts in self.groups)

    @property
    def left_out(self) -> Counter[str]:
        """Examples that were left out, by the reason."""
        return sum((counts.left_out for _, counts in self.groups), Counter[str]())

    def figures(self) -> dict[str, object]:
        """As `counts.json` has it."""
        return {
            "instructions": self.instructions,
            "examples": sum(counts.examples for _, counts in self.groups),
            "bad": self.bad,
            "left_out": dict(self.left_out),
            "lacking": list(self.lacking),
            "sets": [counts.figures(group) for group, counts in self.groups],
            "evaluated": list(self.evaluated),
        }

    def by_task(self) -> list[list[str]]:
        """Rows of a table: for each task and language the data sets and their instructions, and the sums."""
        given = [(group, counts) for group, counts in self.groups if counts.instructions]
        languages = sorted({group.language for group, _ in given})
        rows = [["task", *(f"{name} sets / instructions" for name in languages), "all"]]
        for task in list(dict.fromkeys(group.task for group, _ in given)):
            own = [(group, counts) for group, counts in given if group.task == task]
            rows.append([task, *(_cell(own, name) for name in languages), _sum(own)])
        return [*rows, ["all", *(_cell(given, name) for name in languages), _sum(given)]]

    def by_set(self) -> list[list[str]]:
        """Rows of a table: for each data set and task what was read, left out, drawn and asked."""
        head = ["data set", "task", "language", "read", "left out", "examples", "instructions", "times"]
        rows = [head]
        for group, counts in self.groups:
            times = f"{counts.instructions / counts.examples:.2f}" if counts.examples else "-"
            numbers = (counts.read, counts.left_out.total(), counts.examples, counts.instructions)
            rows.append(
                [group.dataset, group.task, group.language, *(f"{each:,}" for each in numbers), times]
            )
        return rows


def _cell(given: Sequence[tuple[Group, GroupCounts]], language: str) -> str:
    own = [(group, counts) for group, counts in given if group.language == language]
    sets = {group.dataset for group, _ in own}
    return f"{len(sets)} / {_sum(own)}" if own else "-"


def _sum(given: Sequence[tuple[Group, GroupCounts]]) -> str:
    return f"{sum(counts.instructions for _, counts in given):,}"
