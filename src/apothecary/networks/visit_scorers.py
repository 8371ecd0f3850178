"""Scorers: for every drug of a vocabulary the probability that it belongs to the list of a visit.

A visit comes as the set of features it has (`Rows`); what a feature means is not known here. Prediction needs
numpy alone; fitting stands elsewhere (`training.recommender`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError

__all__ = [
    "DrugScorer",
    "Earlier",
    "Logistic",
    "Neighbours",
    "Popularity",
    "Rows",
    "Scorer",
    "log_odds",
    "logistic",
]

Matrix = NDArray[np.float64]
Places = NDArray[np.int64]

_NEVER = 1e-6
"""A probability of 0 or 1 has no log-odds: this is the least, and 1 less it the most."""


@dataclass(frozen=True)
class Rows:
    """Sets of features, one for each visit: that of visit i is ``columns[starts[i] : starts[i + 1]]``.

    `earlier` is there for scorers that read the earlier visits one by one (`Scorer.reads_earlier`).
    Shapes: starts visits + 1, columns as many as all sets have; every column is below `width`.
    """

    starts: Places
    columns: Places
    width: int
    earlier: Earlier | None = None

    @classmethod
    def of(cls, sets: Sequence[Collection[int]], width: int) -> Rows:
        """Rows of sets of columns; repeats collapse. Raises DataError for a column beyond `width`."""
        ordered = [sorted(set(each)) for each in sets]
        starts = np.cumsum([0, *map(len, ordered)], dtype=np.int64)
        columns = np.array([column for each in ordered for column in each], dtype=np.int64)
        if len(columns) and not 0 <= columns.min() <= columns.max() < width:
            raise DataError(f"a visit has a feature beyond the {width} that are known")
        return cls(starts, columns, width)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, place: int) -> Places:
        """The features of one visit."""
        return self.columns[self.starts[place] : self.starts[place + 1]]

    def slice(self, start: int, end: int) -> Rows:
        """Visits `start` to `end` (or the last), without their earlier visits."""
        starts = self.starts[start : end + 1]
        return Rows(starts - starts[0], self.columns[starts[0] : starts[-1]], self.width)

    @property
    def owners(self) -> Places:
        """For each of `columns` its visit."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def dense(self) -> Matrix:
        """1.0 where a visit has a feature. Shapes: result visits x width."""
        filled = np.zeros((len(self), self.width))
        filled[self.owners, self.columns] = 1.0
        return filled


@dataclass(frozen=True)
class Earlier:
    """The earlier visits of visits, the oldest first: ``starts[i] : starts[i + 1]`` are those of visit i.

    `rows` have the features of each as it was then, `given` the drugs that it had.
    Shapes: starts visits + 1, given earlier visits x drugs.
    """

    starts: Places
    rows: Rows
    given: NDArray[np.bool_]


class Scorer(Protocol):
    """What gives every drug a probability, and can be written to a file as arrays.

    `reads_earlier` says that it needs `Rows.earlier`; one visit without any must do.
    """

    reads_earlier: ClassVar[bool]

    def probabilities(self, rows: Rows) -> Matrix:
        """Shapes: result visits x drugs."""
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What the scorer learnt."""
        ...


@dataclass(frozen=True)
class Popularity:
    """Every visit gets the shares of the training visits in which each drug was given."""

    shares: Matrix
    reads_earlier: ClassVar[bool] = False

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Popularity:
        """From `arrays`. Raises DataError for what is not its own."""
        return cls(_floats(arrays, "shares", 1))

    def probabilities(self, rows: Rows) -> Matrix:
        """The same row for each visit."""
        return np.tile(self.shares, (len(rows), 1))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The shares."""
        return {"shares": self.shares}


@dataclass(frozen=True)
class Neighbours:
    """The drugs of the visits that are most alike: it keeps the training visits, that is data of patients.

    Likeness is the cosine of the sets of features, each feature with the weight ``log(visits / visits with
    it)``. The `count` nearest are averaged, each as its likeness weighs; those that tie for the last place
    share it, so that their order is nothing. `prior` neighbours with the shares of all visits are
    added, so that a visit that is like no other gets those.

    Shapes: given training visits x drugs, weights features, shares drugs.
    """

    known: Rows
    given: NDArray[np.bool_]
    weights: Matrix
    shares: Matrix
    count: int = 10
    prior: float = 0.5
    reads_earlier: ClassVar[bool] = False

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Neighbours:
        """From `arrays`. Raises DataError for what is not its own."""
        weights, numbers = _floats(arrays, "weights", 1), _floats(arrays, "numbers", 1)
        given = _array(arrays, "given", 2).astype(np.bool_)
        starts, columns = (_array(arrays, name, 1).astype(np.int64) for name in ("starts", "columns"))
        whole = len(starts) == len(given) + 1 and starts[0] == 0 and starts[-1] == len(columns)
        if not whole or (np.diff(starts) < 0).any() or len(numbers) != 2 or numbers[0] < 1:
            raise DataError("the training visits of a scorer do not fit together")
        if len(columns) and not 0 <= columns.min() <= columns.max() < len(weights):
            raise DataError("a training visit of a scorer has a feature that it does not know")
        known = Rows(starts, columns, len(weights))
        return cls(
            known, given, weights, _floats(arrays, "shares", 1), int(numbers[0]), max(0.0, float(numbers[1]))
        )

    def probabilities(self, rows: Rows) -> Matrix:
        """Visit by visit, through lists of the training visits that have each feature."""
        found = np.tile(self.shares, (len(rows), 1))
        for place in range(len(rows)):
            likeness = self._likeness(rows.row(place))
            near, weights = _nearest(likeness, self.count)
            total = weights.sum() + self.prior
            if total > 0:
                found[place] = (weights @ self.given[near] + self.prior * self.shares) / total
        # Means of shares: only rounding leads beyond.
        clipped: Matrix = np.clip(found, 0.0, 1.0)
        return clipped

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The training visits, as sets of features and of drugs."""
        return {
            "starts": self.known.starts,
            "columns": self.known.columns,
            "given": self.given,
            "weights": self.weights,
            "shares": self.shares,
            "numbers": np.array([self.count, self.prior]),
        }

    def _likeness(self, columns: Places) -> Matrix:
        """With each training visit, 0.0-1.0."""
        squares = self._squares[columns]
        having = [self._having[self._begins[column] : self._begins[column + 1]] for column in columns]
        sizes = [len(each) for each in having]
        if not sum(sizes):
            return np.zeros(len(self.known))
        shared = np.bincount(
            np.concatenate(having), weights=np.repeat(squares, sizes), minlength=len(self.known)
        )
        lengths = self._lengths * np.sqrt(squares.sum())
        alike: Matrix = np.divide(shared, lengths, out=np.zeros(len(shared)), where=lengths > 0)
        return alike

    @cached_property
    def _squares(self) -> Matrix:
        return self.weights**2

    @cached_property
    def _lengths(self) -> Matrix:
        of_each = self._squares[self.known.columns]
        lengths: Matrix = np.sqrt(np.bincount(self.known.owners, weights=of_each, minlength=len(self.known)))
        return lengths

    @cached_property
    def _having(self) -> Places:
        """The training visits with feature 0, then those with feature 1, ..."""
        return self.known.owners[np.argsort(self.known.columns, kind="stable")]

    @cached_property
    def _begins(self) -> Places:
        counts = np.bincount(self.known.columns, minlength=self.known.width)
        begins: Places = np.concatenate(([0], np.cumsum(counts)))
        return begins


@dataclass(frozen=True)
class Logistic:
    """One logistic regression for each drug. Shapes: weights features x drugs, intercepts drugs."""

    weights: Matrix
    intercepts: Matrix
    reads_earlier: ClassVar[bool] = False

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Logistic:
        """From `arrays`. Raises DataError for what is not its own."""
        weights, intercepts = _floats(arrays, "weights", 2), _floats(arrays, "intercepts", 1)
        if weights.shape[1] != len(intercepts):
            raise DataError("the weights of a scorer do not fit its intercepts")
        return cls(weights, intercepts)

    def probabilities(self, rows: Rows) -> Matrix:
        """The logistic function of the sums of weights."""
        return logistic(rows.dense() @ self.weights + self.intercepts)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Weights and intercepts."""
        return {"weights": self.weights, "intercepts": self.intercepts}


@dataclass(frozen=True)
class DrugScorer:
    """A scorer with all that its use needs, as `networks.scorer_files` keeps it.

    `features` name the columns, `titles` some of them in words. `shares` are those of the training visits in
    which each drug was given. Probabilities are ``logistic(slope * log-odds + intercept)`` of the scorer's
    own; from `threshold` on a drug is in the first list. `about` tells of the training.
    Raises DataError when sizes do not fit.
    """

    kind: str
    vocabulary: tuple[str, ...]
    features: tuple[str, ...]
    scorer: Scorer
    shares: Matrix
    slope: float = 1.0
    intercept: float = 0.0
    threshold: float = 0.5
    titles: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # One visit without a feature shows whether all sizes fit.
        none, width = np.zeros(0, dtype=np.int64), len(self.features)
        starts, given = np.zeros(2, dtype=np.int64), np.zeros((0, len(self.vocabulary)), dtype=np.bool_)
        earlier = Earlier(starts, Rows(starts[:1], none, width), given)
        empty = Rows(starts, none, width, earlier if self.scorer.reads_earlier else None)
        fits = len(self.shares) == len(self.vocabulary)
        if isinstance(self.scorer, Logistic):
            fits = fits and len(self.scorer.weights) == len(self.features)
        if isinstance(self.scorer, Neighbours):
            fits = fits and self.scorer.known.width == len(self.features)
            fits = fits and self.scorer.given.shape[1] == len(self.scorer.shares) == len(self.vocabulary)
        if not fits or self.scorer.probabilities(empty).shape != (1, len(self.vocabulary)):
            raise DataError("a scorer does not fit its vocabulary or its features")

    def probabilities(self, rows: Rows) -> Matrix:
        """Calibrated. Shapes: result visits x drugs."""
        found = self.scorer.probabilities(rows)
        if (self.slope, self.intercept) == (1.0, 0.0):
            return found
        return logistic(self.slope * log_odds(found) + self.intercept)

    def evidence(self, columns: Places, drugs: Sequence[int]) -> Matrix | None:
        """What each feature of a visit adds to the log-odds of each drug; None where scores are no sums.

        Shapes: result features of the visit x drugs.
        """
        if not isinstance(self.scorer, Logistic):
            return None
        return self.slope * self.scorer.weights[np.ix_(columns, np.asarray(drugs, dtype=np.int64))]


def logistic(values: Matrix) -> Matrix:
    """``1 / (1 + exp(-value))``, without overflow."""
    small = np.exp(-np.abs(values))
    found: Matrix = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return found


def log_odds(probabilities: Matrix) -> Matrix:
    """The inverse of `logistic`; 0 and 1 count as a millionth more and less."""
    kept = np.clip(probabilities, _NEVER, 1 - _NEVER)
    found: Matrix = np.log(kept) - np.log1p(-kept)
    return found


def _nearest(likeness: Matrix, count: int) -> tuple[Places, Matrix]:
    """The `count` largest above 0 with their weights; those equal to the last share what is left for them."""
    if len(likeness) > count:
        last = np.partition(likeness, len(likeness) - count)[len(likeness) - count]
        above, equal = np.flatnonzero(likeness > last), np.flatnonzero(likeness == last)
        shares = np.append(np.ones(len(above)), np.full(len(equal), (count - len(above)) / len(equal)))
        places = np.append(above, equal)
        weights = likeness[places] * shares
    else:
        places, weights = np.arange(len(likeness)), likeness
    return places[weights > 0], weights[weights > 0]


def _array(arrays: Mapping[str, NDArray[np.generic]], name: str, dimensions: int) -> NDArray[np.generic]:
    found = arrays.get(name)
    if found is None or found.ndim != dimensions or found.dtype.kind not in "biuf":
        raise DataError(f"the array {name} of a scorer is missing or of another form")
    return found


def _floats(arrays: Mapping[str, NDArray[np.generic]], name: str, dimensions: int) -> Matrix:
    found = _array(arrays, name, dimensions).astype(np.float64)
    if not np.isfinite(found).all():
        raise DataError(f"the array {name} of a scorer holds what is not finite")
    return found
