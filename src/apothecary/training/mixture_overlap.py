"""What is to be learnt from, compared with what models are judged by.

Kept in memory is the side that models are judged by: about 12 bytes for each of its words, and its ids.

Source: n-gram overlap as it is used to look for test data in training data (Brown et al. 2020, appendix C,
13-grams). Departures: 1. 8-grams, and a share of the shorter text instead of a single one: abstracts quote
phrases, and a sentence may be learnt from an abstract that is judged by; 2. texts with fewer than `LEAST`
n-grams are compared as a whole only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from apothecary.corpora.held_out import HeldOut, identities
from apothecary.corpora.instruct_sets import SETS
from apothecary.examples import Annotated, Sourced
from apothecary.training.mixture_texts import digest, gram_hashes, normalised, text_of

__all__ = ["LEAST", "Evaluated", "Overlap", "listed_ids"]

LEAST = 5


@dataclass(frozen=True)
class Overlap:
    """Why an example is not to be learnt from: what it is the same as, and the share of n-grams."""

    why: str
    like: str
    share: float = 1.0


def listed_ids(sourced: Sourced) -> tuple[str, ...]:
    """The ids by which a list of documents may know an example; none where its ids are numbers of rows."""
    known = SETS.get(sourced.dataset)
    if known is not None and not known.listed_ids:
        return ()
    if isinstance(sourced.example, Annotated):
        return identities(sourced.example.document)
    return (sourced.example.id,) if known else ()


@dataclass
class Evaluated:
    """The examples that models are judged by: `add` them all, then ask for what is the same as one."""

    held_out: HeldOut = field(default_factory=HeldOut.none)
    containment: float = 0.8
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Examples by data set, split and task."""
    _names: list[str] = field(default_factory=list)
    _texts: dict[int, int] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)
    _parts: list[NDArray[np.uint64]] = field(default_factory=list)
    _grams: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    _owners: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, dtype=np.uint32))
    _sizes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def add(self, sourced: Sourced) -> None:
        """Know one more example."""
        self.counts[sourced.dataset, sourced.split, sourced.task] += 1
        text = normalised(text_of(sourced.example))
        key, place = digest(text), len(self._names)
        for each in listed_ids(sourced):
            self._ids.setdefault(each, self._texts.get(key, place))
        if key in self._texts:
            return
        self._texts[key] = place
        self._names.append(f"{sourced.dataset} {sourced.split} {sourced.example.id}")
        self._parts.append(gram_hashes(text))

    def close(self) -> None:
        """To be called when all are added."""
        self._sizes = np.array([len(each) for each in self._parts], dtype=np.int64)
        grams = np.concatenate([*self._parts, np.empty(0, dtype=np.uint64)])
        owners = np.repeat(np.arange(len(self._parts), dtype=np.uint32), self._sizes)
        order = np.argsort(grams, kind="stable")
        self._grams, self._owners = grams[order], owners[order]
        self._parts = []

    def found(self, sourced: Sourced, text: str) -> Overlap | None:
        """What an example, with its normalised text, is the same as; None when it may be learnt from."""
        ids = listed_ids(sourced)
        if self.held_out.holds(*ids):
            return Overlap("held out", "the list of held-out ids")
        place = self._texts.get(digest(text))
        if place is not None:
            return Overlap("same text", self._names[place])
        for each in ids:
            if each in self._ids:
                return Overlap("same id", self._names[self._ids[each]])
        return self._contained(gram_hashes(text)) if len(self._grams) else None

    def _contained(self, grams: NDArray[np.uint64]) -> Overlap | None:
        if len(grams) < LEAST:
            return None
        first = np.searchsorted(self._grams, grams, side="left")
        counts = np.searchsorted(self._grams, grams, side="right") - first
        if np.count_nonzero(counts) < LEAST * self.containment:
            return None
        starts = np.repeat(first, counts)
        within = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
        owners, shared = np.unique(self._owners[starts + within], return_counts=True)
        smaller = np.minimum(self._sizes[owners], len(grams))
        shares = np.where(smaller >= LEAST, shared / smaller, 0.0)
        best = int(np.argmax(shares))
        if shares[best] < self.containment:
            return None
        return Overlap("contained", self._names[int(owners[best])], round(float(shares[best]), 4))

    def splits(self) -> Iterator[dict[str, object]]:
        """How many examples of each data set, split and task there are."""
        for (dataset, split, task), count in self.counts.items():
            yield {"dataset": dataset, "split": split, "task": task, "examples": count}
