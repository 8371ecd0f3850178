"""Is one system better than another on the same documents, or could the difference be chance?"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from apothecary.errors import DataError, UsageError
from apothecary.metrics.bootstrap import paired_difference
from apothecary.metrics.counts import Counts, total

__all__ = ["compare", "randomization_test"]

NEARLY = 1e-12
"""Two F1 of different counts can be equal and differ in the last bit; such a difference is none."""


def randomization_test(
    a: Sequence[Counts], b: Sequence[Counts], *, seed: int, resamples: int = 1000
) -> float:
    """The two-sided p of the difference of pooled (micro) F1, by approximate randomization over documents.

    If both systems were alike, it would not matter which of the two counts of a document is whose.
    So the two are exchanged with a chance of one half in each document, `resamples` times; with n
    differences at least as large as the observed one, in either direction, p = (n + 1) / (resamples + 1).
    The 1 stands for the observed assignment, which is one of the possible ones: p is never 0.

    Source: Noreen 1989, chapter 2; Yeh 2000 for F1. Without a document p is 1. Raises DataError when
    the two differ in length, UsageError for fewer than one resample.
    """
    if len(a) != len(b):
        raise DataError(
            f"{len(a)} and {len(b)} documents cannot be paired", hint="score both systems on the same gold"
        )
    if resamples < 1:
        raise UsageError(f"{resamples} resamples give no p", hint="use at least 1, normally 1000")
    left, right = total(a), total(b)
    observed = abs(left.f1 - right.f1)
    # A document on which both count alike changes nothing when it is exchanged.
    gaps = [(y.tp - x.tp, y.fp - x.fp, y.fn - x.fn) for x, y in zip(a, b, strict=True) if x != y]
    random = Random(seed)  # noqa: S311 - resampling, not secrecy
    as_large = 0
    for _ in range(resamples):
        chosen = random.getrandbits(len(gaps)) if gaps else 0
        moved = [gap for place, gap in enumerate(gaps) if chosen >> place & 1]
        tp, fp, fn = (sum(column) for column in zip(*moved, strict=True)) if moved else (0, 0, 0)
        first = Counts(left.tp + tp, left.fp + fp, left.fn + fn)
        second = Counts(right.tp - tp, right.fp - fp, right.fn - fn)
        as_large += abs(first.f1 - second.f1) >= observed - NEARLY
    return (as_large + 1) / (resamples + 1)


def compare(
    a: Sequence[Counts], b: Sequence[Counts], *, seed: int, resamples: int = 1000
) -> dict[str, object]:
    """``{"f1": {"value", "low", "high"}, "p": ...}``: micro F1 of `a` less that of `b`.

    Position i of both is the same document. The bounds are a paired bootstrap's, p is that of
    `randomization_test`; the two answer different questions and may disagree at the border. Raises as
    `randomization_test` does, and DataError without documents.
    """
    interval = paired_difference(a, b, lambda counts: total(counts).f1, resamples=resamples, seed=seed)
    return {"f1": interval.as_dict(), "p": randomization_test(a, b, seed=seed, resamples=resamples)}
