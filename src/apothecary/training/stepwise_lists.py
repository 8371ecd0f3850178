"""What lists are worth: to an editor that learns, and over all weights of harm as an area. numpy alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apothecary.networks.list_editor import ListEditor, lists_after
from apothecary.networks.list_features import Harm, ListInputs, jaccard, pair_loads

__all__ = [
    "Judged",
    "Learnt",
    "ListRows",
    "Point",
    "Wanted",
    "attainable",
    "frontier",
    "pooled",
    "potential",
    "with_safety",
]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Wanted:
    """The lists that visits were given. Shapes: members (0.0 and 1.0) visits x drugs, sizes visits."""

    members: Floats
    sizes: Floats

    @classmethod
    def of(cls, given: NDArray[np.bool_], outside: NDArray[np.int64] | None = None) -> Wanted:
        """From the drugs of the vocabulary that were given, and how many `outside` of it were."""
        sizes = given.sum(axis=1) + (0 if outside is None else outside)
        return cls(given.astype(np.float32), sizes.astype(np.float32))

    def __len__(self) -> int:
        return len(self.sizes)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Wanted:
        """Some of the visits."""
        return Wanted(self.members[rows], self.sizes[rows])

    def overlap(self, members: Floats) -> Floats:
        """The Jaccard index of lists with these. Shapes: members visits x drugs, result visits."""
        shared = np.einsum("ij,ij->i", members, self.members)
        return jaccard(shared, members.sum(axis=1), self.sizes)


def potential(inputs: ListInputs, members: Floats, wanted: Wanted) -> Floats:
    """How good lists are, given the ones that are wanted: Jaccard index less safety x harm.

    Shapes: members (0.0 and 1.0) visits x drugs, result visits.
    """
    _, pairs = pair_loads(members, inputs.weights)
    harm = inputs.harm.of(pairs, members.sum(axis=1), wanted.sizes)
    found: Floats = wanted.overlap(members) - inputs.safety * harm
    return found


@dataclass(frozen=True)
class ListRows:
    """Visits to learn from. The scores of each come from a scorer that saw nothing of its patient.

    `parts` are the inner parts of the visits, those of one patient in the same one. Shapes: parts visits.
    """

    inputs: ListInputs
    wanted: Wanted
    parts: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> ListRows:
        """Some of the visits."""
        return ListRows(self.inputs.take(rows), self.wanted.take(rows), self.parts[rows])


@dataclass(frozen=True)
class Point:
    """Means over visits at one weight of harm; `rate` is that of interacting pairs, whatever harm is."""

    safety: float
    visits: int
    jaccard: float
    rate: float
    drugs: float
    edits: float


@dataclass(frozen=True)
class Judged:
    """What an editor was worth after so many steps, over the inner parts that were kept out of its training.

    No step is the greedy editor; `area` is what can be had between its rates of interactions.
    """

    steps: int
    area: float
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Learnt:
    """The editor, the number of its steps, and by what that number was chosen (empty: not chosen)."""

    editor: ListEditor
    steps: int
    judged: tuple[Judged, ...]


def frontier(
    editor: ListEditor, inputs: ListInputs, wanted: Wanted, safeties: Sequence[float]
) -> list[Point]:
    """The figures of an editor at each safety."""
    return [_point(editor, with_safety(inputs, safety), wanted, safety) for safety in safeties]


def with_safety(inputs: ListInputs, safety: float | Floats) -> ListInputs:
    """The same visits with another weight of harm, one for all or one for each."""
    asked = np.array(np.broadcast_to(np.asarray(safety, np.float32), len(inputs)))
    return replace(inputs, safety=asked)


def pooled(parts: Sequence[Sequence[Point]]) -> list[Point]:
    """The points of all visits of several parts, each judged at the same safeties in the same order."""
    return [_mean(points) for points in zip(*parts, strict=True)]


def attainable(points: Iterable[Point], low: float, high: float) -> float:
    """The Jaccard index that can be had at a rate of interactions between two bounds, on average.

    Drawing by lot between two lists lies on the line between their points, and an empty list has neither
    overlap nor interactions. So what can be had at a rate is the upper hull of the points and of (0, 0), and
    no less than what can be had at a lower rate.

    >>> points = [Point(0.0, 1, 0.4, 0.2, 1, 0), Point(1.0, 1, 0.3, 0.1, 1, 0)]
    >>> round(attainable(points, 0.1, 0.2), 6)
    0.35
    """
    hull = [(0.0, 0.0)]
    for rate, index in sorted((point.rate, point.jaccard) for point in points):
        if index <= hull[-1][1]:
            continue
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], (rate, index)):
            hull.pop()
        if rate == hull[-1][0]:
            hull.pop()
        hull.append((rate, index))
    rates, indices = zip(*hull, strict=True)
    if high <= low:
        return float(np.interp(high, rates, indices))
    grid = np.array(sorted({low, high, *(rate for rate in rates if low < rate < high)}))
    return float(np.trapezoid(np.interp(grid, rates, indices), grid) / (high - low))


def _turns_up(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether the middle point lies on or below the line between the others."""
    (a, b), (c, d), (e, f) = first, middle, last
    return (c - a) * (f - b) >= (d - b) * (e - a)


def _point(editor: ListEditor, inputs: ListInputs, wanted: Wanted, safety: float) -> Point:
    edits = editor.edit(inputs)
    members = lists_after(editor.terms.first_lists(inputs), edits).astype(np.float32)
    _, pairs = pair_loads(members, (inputs.weights > 0).astype(np.float32))
    sizes = members.sum(axis=1)
    return Point(
        safety,
        len(inputs),
        _average(wanted.overlap(members)),
        _average(Harm().of(pairs, sizes, wanted.sizes)),
        _average(sizes),
        float((edits >= 0).sum() / max(1, len(edits))),
    )


def _mean(points: Sequence[Point]) -> Point:
    visits = sum(point.visits for point in points)

    def mean(values: Iterable[float]) -> float:
        shares = (value * point.visits for value, point in zip(values, points, strict=True))
        return sum(shares) / max(1, visits)

    return Point(
        points[0].safety,
        visits,
        mean(point.jaccard for point in points),
        mean(point.rate for point in points),
        mean(point.drugs for point in points),
        mean(point.edits for point in points),
    )


def _average(values: Floats) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0
