"""Where to cut a score, and how well a score ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from apothecary.errors import DataError, UsageError
from apothecary.metrics.counts import Counts

__all__ = ["Threshold", "fit_threshold", "roc_auc", "tied"]

Scored = Sequence[tuple[float, bool]]
"""A score, and whether the scored thing is truly positive."""


@dataclass(frozen=True)
class Threshold:
    """Accept what scores `value` or more; the figures are those on the data it was fitted to.

    `n` things were scored, `positives` of them are true. Positives that were never scored lower `recall`
    and `f1` but are in neither number. `value` is infinite when it is best to accept nothing.
    """

    value: float
    f1: float
    precision: float
    recall: float
    n: int
    positives: int


def fit_threshold(scored: Scored, *, extra_fn: int = 0, min_precision: float = 0.0) -> Threshold:
    """The threshold with the highest F1 of ``score >= threshold``, the higher one among equals.

    Only thresholds of at least `min_precision` count. `extra_fn` counts positives that never became a
    candidate and are missed at any threshold. The value lies midway between the lowest accepted score
    and the highest rejected one; when all are accepted it is the lowest score itself, which promises
    nothing below what was seen. Without a positive, without anything, or without such a precision it is
    infinite with all figures 0.0. O(n log n).

    >>> fit_threshold([(0.9, True), (0.6, False), (0.4, True), (0.2, False)])
    Threshold(value=0.30000000000000004, f1=0.8, precision=0.6666666666666666, recall=1.0, n=4, positives=2)

    Raises DataError for a score that is not finite, UsageError for a negative `extra_fn`.
    """
    if extra_fn < 0:
        raise UsageError(f"extra_fn is {extra_fn}", hint="it counts missed positives: 0 or more")
    groups = tied(scored)
    positives = sum(right for _, right, _ in groups)
    best, best_place = Counts(fn=positives + extra_fn), -1
    tp = fp = 0
    for place, (_, right, wrong) in enumerate(groups):
        tp, fp = tp + right, fp + wrong
        counts = Counts(tp, fp, positives + extra_fn - tp)
        if counts.f1 > best.f1 and counts.precision >= min_precision:
            best, best_place = counts, place
    value = math.inf if best_place < 0 else _cut([score for score, _, _ in groups], best_place)
    return Threshold(value, best.f1, best.precision, best.recall, n=len(scored), positives=positives)


def roc_auc(scored: Scored) -> float | None:
    """The probability that a random positive outscores a random negative, ties counted half.

    None when either class is absent. Equals the area under the ROC curve. Raises DataError for a score
    that is not finite.

    >>> roc_auc([(0.9, True), (0.5, True), (0.5, False), (0.1, False)])
    0.875
    """
    groups = tied(scored)
    positives = sum(right for _, right, _ in groups)
    negatives = len(scored) - positives
    if not positives or not negatives:
        return None
    doubled_wins = 0
    above = 0
    for _, right, wrong in groups:
        doubled_wins += wrong * (2 * above + right)
        above += right
    return doubled_wins / (2 * positives * negatives)


def tied(scored: Scored, what: str = "score") -> list[tuple[float, int, int]]:
    """(score, positives, negatives) for each distinct score, highest first.

    Raises DataError for a score that is not finite; `what` is what the message calls it.
    """
    for score, _ in scored:
        if not math.isfinite(score):
            raise DataError(f"{what} {score} cannot be ranked", hint="clip log-odds to a finite range first")
    ordered = sorted(scored, key=lambda each: each[0], reverse=True)
    groups = []
    for score, members in groupby(ordered, key=lambda each: each[0]):
        truths = [bool(truth) for _, truth in members]
        groups.append((score, sum(truths), len(truths) - sum(truths)))
    return groups


def _cut(scores: Sequence[float], place: int) -> float:
    accepted = scores[place]
    if place + 1 == len(scores):
        return accepted
    rejected = scores[place + 1]
    middle = rejected / 2 + accepted / 2
    # Between neighbouring floats the middle may round onto the rejected one.
    return middle if rejected < middle <= accepted else accepted
