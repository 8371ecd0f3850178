"""Examples that a prompt shows before its question: read from a file, drawn once for a run.

All questions of a run see the same examples, so that engines read them once. One exception: an example
never comes from the document that is asked about; for such a document the next ones in line move up.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.condition_rows import read_rows
from apothecary.formats.condition_text import text_key
from apothecary.tasks.conditions.instances import Instance, instance_of_row

__all__ = ["Choice", "Examples", "draw", "read_examples"]

Choice = Literal["random", "balanced"]


@dataclass(frozen=True)
class Examples:
    """Instances in the order in which they are taken, and how many a question shows.

    `keys` say of each by what its document is known.
    """

    drawn: tuple[Instance, ...] = ()
    keys: tuple[frozenset[str], ...] = ()
    shots: int = 0
    choice: Choice = "random"

    def of(self, document: Document) -> tuple[Instance, ...]:
        """The examples for a document: fewer than asked for where too few come from others."""
        if not self.shots:
            return ()
        own = _keys(document.text, document.id, document.attributes.get("pmid", ""))
        others = [each for each, keys in zip(self.drawn, self.keys, strict=True) if own.isdisjoint(keys)]
        return tuple(others[: self.shots]) if self.choice == "random" else _balanced(others, self.shots)


def read_examples(file: str, shots: int) -> tuple[Instance, ...]:
    """The instances of a file, in its order.

    Raises UsageError when there are fewer than shots, and FormatError, with file and line, for a row that
    cannot be read or does not say its conditions in full.
    """
    found: list[Instance] = []
    for row in read_rows(Path(file)):
        if isinstance(row, DataError):
            # --encoding is that of the inputs.
            hint = "examples are read as UTF-8: convert the file" if "--encoding" in row.hint else row.hint
            raise FormatError(row.message, where=row.where, hint=hint)
        found.append(instance_of_row(row, strict=True))
    if len(found) < shots:
        hint = f"--set shots={len(found)}, or a larger file"
        raise UsageError(f"{shots} shots, but {len(found)} examples", where=file, hint=hint)
    return tuple(found)


def draw(instances: Sequence[Instance], shots: int, choice: Choice, seed: int) -> Examples:
    """Draw the order by lot. ``balanced`` takes from it one with conditions, one without, then rare types."""
    drawn = list(instances)
    random.Random(seed).shuffle(drawn)  # noqa: S311 - a draw, not secrets
    keys = tuple(_keys(each.text, each.pmid) for each in drawn)
    return Examples(tuple(drawn), keys, shots, choice)


def _keys(text: str, *identities: str) -> frozenset[str]:
    """By what a document is known: ids that may be those of PubMed, and its letters and digits."""
    return frozenset({text_key(text), *identities} - {""})


def _balanced(drawn: Sequence[Instance], shots: int) -> tuple[Instance, ...]:
    """One with conditions, one without, then always the one whose rarest type was shown least so far."""
    left, taken = list(drawn), list[Instance]()
    seen: Counter[str] = Counter()
    while left and len(taken) < shots:
        wants_empty = len(taken) == 1
        fitting = [each for each in left if bool(each.conditions) != wants_empty] or left
        best = min(fitting, key=lambda each: min((seen[c.type] for c in each.conditions), default=0))
        left.remove(best)
        taken.append(best)
        seen.update({condition.type for condition in best.conditions})
    return tuple(taken)
