"""Gold lists with the errors that a scorer makes: what an editor of lists learns from.

A visit is drawn, and the numbers of missed and extra drugs of a visit whose gold list is about as long; so
many drugs of its own gold list are dropped and so many others added, each as often as the scorer errs on
it.

Source: FLAME (arXiv 2505.20218), the data of its second stage. Departures:
1. Both numbers are those of one visit; there, each is drawn alone, and lists both too long and too short
   come out more often than the scorer makes them.
2. Of the visits the `NEAREST` in length count, as a length may be rare; there, those of the same length
   alone.
3. Every drug may be dropped or added, as if the scorer had erred on it once more; there, drawing fails
   where it erred on fewer drugs than are asked for.
4. A seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError

__all__ = ["Corrupted", "Errors", "corrupted"]

NEAREST = 10


@dataclass(frozen=True)
class Errors:
    """What a scorer got wrong in training visits.

    `gold` and `listed` are sets of drugs for each visit, drugs being places in a vocabulary of `size`.
    Raises DataError without a visit.
    """

    gold: Sequence[frozenset[int]]
    listed: Sequence[frozenset[int]]
    size: int

    def __post_init__(self) -> None:
        if not self.gold or len(self.gold) != len(self.listed):
            raise DataError("there is no visit to learn errors from")

    @property
    def counts(self) -> NDArray[np.int64]:
        """Missed and extra drugs. Shapes: result visits x 2."""
        pairs = zip(self.gold, self.listed, strict=True)
        return np.array([(len(gold - listed), len(listed - gold)) for gold, listed in pairs], dtype=np.int64)

    @property
    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """In how many visits each drug was missed, and extra; one more of each. Shapes: drugs."""
        pairs = list(zip(self.gold, self.listed, strict=True))
        missed = Counter(drug for gold, listed in pairs for drug in gold - listed)
        extra = Counter(drug for gold, listed in pairs for drug in listed - gold)
        return (
            np.array([1.0 + missed[drug] for drug in range(self.size)]),
            np.array([1.0 + extra[drug] for drug in range(self.size)]),
        )


@dataclass(frozen=True)
class Corrupted:
    """A visit by its place among those that errors were learnt from, and its list with errors."""

    visit: int
    listed: tuple[int, ...]
    dropped: tuple[int, ...]
    added: tuple[int, ...]


def corrupted(errors: Errors, draws: int, *, seed: int = 0) -> Iterator[Corrupted]:
    """Lists with errors; the same seed gives the same ones. Drugs come in the order of the vocabulary."""
    draw = np.random.default_rng(seed)
    counts, (missed, extra) = errors.counts, errors.weights
    lengths = np.array([len(gold) for gold in errors.gold])
    for _ in range(draws):
        visit = int(draw.integers(len(lengths)))
        gold = errors.gold[visit]
        gaps = np.abs(lengths - lengths[visit])
        # Those that tie for the last place count, too.
        near = np.flatnonzero(gaps <= np.sort(gaps)[:NEAREST][-1])
        misses, extras = counts[draw.choice(near)]
        dropped = _drawn(draw, sorted(gold), missed, int(misses))
        added = _drawn(draw, sorted(set(range(errors.size)) - gold), extra, int(extras))
        listed = (gold - set(dropped)) | set(added)
        yield Corrupted(visit, tuple(sorted(listed)), dropped, added)


def _drawn(
    draw: np.random.Generator, drugs: Sequence[int], weights: NDArray[np.float64], count: int
) -> tuple[int, ...]:
    """So many different drugs, or all where there are fewer."""
    count = min(count, len(drugs))
    if not count:
        return ()
    own = weights[list(drugs)]
    return tuple(sorted(draw.choice(drugs, count, replace=False, p=own / own.sum()).tolist()))
