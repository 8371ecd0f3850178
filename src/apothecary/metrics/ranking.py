"""How well scores rank what is wanted: average precision, for many rankings at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError

__all__ = ["average_precision", "average_precisions"]


def average_precision(wanted: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The area under the steps of precision over recall of one ranking, highest score first.

    Items of one score are taken together, so their order does not matter. 0.0 where nothing is wanted.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7])).__round__(4)
    0.8333

    Raises DataError as `average_precisions`.
    """
    sizes = np.array([len(scores)])
    return float(average_precisions(wanted, scores, sizes, np.array([wanted.sum()]))[0])


def average_precisions(
    wanted: NDArray[np.bool_],
    scores: NDArray[np.float64],
    sizes: NDArray[np.int64],
    wanted_in_all: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The average precision of many rankings that stand one after another.

    ``AP = sum over distinct scores of (recall gained) * precision``: steps, not trapezoids. `wanted_in_all`
    counts what each ranking should hold: what is wanted and has no score is never found, which lowers recall.
    0.0 where nothing is wanted. Peers (GAMENet, SafeDrug) call the mean over visits PRAUC.

    Shapes: wanted and scores items; sizes, wanted_in_all and result rankings; the sizes add up to the items.

    Raises DataError when lengths do not agree or a score is not finite.
    """
    if len(wanted) != len(scores) or int(sizes.sum()) != len(scores) or len(sizes) != len(wanted_in_all):
        raise DataError("scores, wanted items and rankings differ in number")
    if not np.isfinite(scores).all():
        raise DataError("a score is not finite")
    found = np.zeros(len(sizes))
    if not len(scores):
        return found
    owners = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-scores, owners))
    # Owners stay as they are: they are the first key, and were in order.
    hits, ranked = np.cumsum(wanted[order]), scores[order]
    starts = np.cumsum(sizes) - sizes
    # What stands before the ranking does not count.
    before = np.concatenate(([0], hits))[starts][owners]
    hits = hits - before
    precision = hits / (np.arange(len(scores)) - starts[owners] + 1)
    last = np.append((ranked[1:] != ranked[:-1]) | (owners[1:] != owners[:-1]), True)
    ends, owner = np.flatnonzero(last), owners[last]
    gained = hits[ends] - np.where(np.append(-1, owner[:-1]) == owner, np.append(0, hits[ends][:-1]), 0)
    np.add.at(found, owner, gained * precision[ends])
    result: NDArray[np.float64] = found / np.maximum(wanted_in_all, 1)
    return result
