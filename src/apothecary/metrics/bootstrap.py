"""Percentile bootstrap: how far a figure would move with another draw of documents.

The unit that is drawn is the document (or the patient), never the single prediction: errors of one
document are not independent. Source: Efron and Tibshirani 1993, chapter 13 (percentile interval).
Departure: quantiles are interpolated linearly between the neighbouring resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import TypeVar

from apothecary.errors import DataError, UsageError
from apothecary.metrics.counts import Counts, total

__all__ = [
    "CountIntervals",
    "Interval",
    "bootstrap",
    "bootstrap_counts",
    "paired_difference",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Interval:
    """A figure on all units and the bounds between which it fell in the resamples.

    `value` may lie outside the bounds when the units are few: a percentile interval is not
    centred on it.
    """

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """The form used in score files."""
        return asdict(self)


@dataclass(frozen=True)
class CountIntervals:
    """Intervals of the three figures of pooled counts."""

    precision: Interval
    recall: Interval
    f1: Interval

    def as_dict(self) -> dict[str, dict[str, float]]:
        """The form used in score files."""
        return asdict(self)


def bootstrap(
    units: Sequence[T],
    statistic: Callable[[Sequence[T]], float],
    *,
    resamples: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """The interval of `statistic`, which is called once on `units` and once per resample.

    Equal seeds and equally many units give equal resamples, whatever the units hold.
    Raises DataError without units, UsageError when `resamples` or `level` is out of range.
    """
    _check(resamples, level)
    if not units:
        raise DataError("no units to resample", hint="give at least one document")
    values = [
        statistic([units[position] for position in drawn])
        for drawn in _draws(len(units), resamples=resamples, seed=seed)
    ]
    return _interval(statistic(units), values, level)


def bootstrap_counts(
    columns: Mapping[str, Sequence[Counts]],
    *,
    resamples: int = 1000,
    seed: int,
    level: float = 0.95,
) -> dict[str, CountIntervals]:
    """The intervals of pooled precision, recall and F1, one result for each named column.

    A column holds one `Counts` per document, all columns in the same document order: every
    column is resampled with the same documents, so the results are paired. Without documents
    the intervals are 0.0. Raises DataError when columns differ in length, UsageError as `bootstrap`.
    """
    _check(resamples, level)
    sizes = {len(column) for column in columns.values()}
    if len(sizes) > 1:
        raise DataError(f"columns of {sorted(sizes)} documents cannot be resampled together")
    size = sizes.pop() if sizes else 0
    # Three integer columns each: a sum over looked-up integers is ten times faster than adding Counts.
    split = {
        name: tuple([getter(each) for each in column] for getter in (_tp, _fp, _fn))
        for name, column in columns.items()
    }
    samples: dict[str, list[Counts]] = {name: [] for name in columns}
    for drawn in _draws(size, resamples=resamples, seed=seed):
        for name, parts in split.items():
            sums = (sum(map(part.__getitem__, drawn)) for part in parts)
            samples[name].append(Counts(*sums))
    return {name: _count_intervals(total(columns[name]), samples[name], level) for name in columns}


def paired_difference(
    a: Sequence[T],
    b: Sequence[T],
    statistic: Callable[[Sequence[T]], float],
    *,
    resamples: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """The interval of ``statistic(a) - statistic(b)`` for two systems over the same documents.

    Position i of both is the same document, and each resample draws the same documents for both.
    For pooled F1: ``paired_difference(a, b, lambda units: total(units).f1)``.
    Raises DataError when the two differ in length, and whatever `bootstrap` raises.
    """
    if len(a) != len(b):
        raise DataError(
            f"{len(a)} and {len(b)} documents cannot be paired", hint="score both systems on the same gold"
        )

    def difference(pairs: Sequence[tuple[T, T]]) -> float:
        return statistic([left for left, _ in pairs]) - statistic([right for _, right in pairs])

    pairs = list(zip(a, b, strict=True))
    return bootstrap(pairs, difference, resamples=resamples, seed=seed, level=level)


def _tp(counts: Counts) -> int:
    return counts.tp


def _fp(counts: Counts) -> int:
    return counts.fp


def _fn(counts: Counts) -> int:
    return counts.fn


def _check(resamples: int, level: float) -> None:
    if resamples < 1:
        raise UsageError(f"{resamples} resamples give no interval", hint="use at least 1, normally 1000")
    if not 0 < level < 1:
        raise UsageError(f"an interval of level {level} does not exist", hint="use a level such as 0.95")


def _draws(size: int, *, resamples: int, seed: int) -> Iterator[list[int]]:
    """Document positions drawn with replacement, as many as there are documents."""
    random = Random(seed)  # noqa: S311 - resampling, not secrecy
    positions = range(size)
    for _ in range(resamples if size else 0):
        yield random.choices(positions, k=size)


def _count_intervals(pooled: Counts, samples: Sequence[Counts], level: float) -> CountIntervals:
    return CountIntervals(
        precision=_interval(pooled.precision, [each.precision for each in samples], level),
        recall=_interval(pooled.recall, [each.recall for each in samples], level),
        f1=_interval(pooled.f1, [each.f1 for each in samples], level),
    )


def _interval(value: float, values: Sequence[float], level: float) -> Interval:
    if not values:
        return Interval(value, value, value)
    ordered = sorted(values)
    tail = (1 - level) / 2
    return Interval(value, _quantile(ordered, tail), _quantile(ordered, 1 - tail))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    # Between equal neighbours no arithmetic: rounding must not push a bound past the largest value.
    return low if low == high else low + (high - low) * (place - below)
