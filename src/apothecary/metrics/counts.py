"""True positives, false positives, false negatives, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Counts", "by_label", "macro", "of_sets", "total"]


@dataclass(frozen=True)
class Counts:
    """How often a prediction was right (`tp`), wrong (`fp`) or missing (`fn`).

    Figures lie in 0-1 and are never rounded. A zero denominator gives 0.0, so that nothing is
    gained by silence: without predictions precision is 0.0, without gold recall is 0.0, and with
    neither all three are 0.0. Averages that should pass over such a case ask `empty` first.

    >>> pooled = Counts(tp=2, fp=1, fn=2) + Counts(tp=1, fp=0, fn=0)
    >>> pooled
    Counts(tp=3, fp=1, fn=2)
    >>> pooled.precision, pooled.recall, round(pooled.f1, 4)
    (0.75, 0.6, 0.6667)
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def empty(self) -> bool:
        """True when there was nothing to find and nothing was predicted."""
        return not (self.tp or self.fp or self.fn)

    @property
    def precision(self) -> float:
        """Share of the predictions that are right."""
        predicted = self.tp + self.fp
        return self.tp / predicted if predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold that was found."""
        gold = self.tp + self.fn
        return self.tp / gold if gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, computed from the counts: 2tp / (2tp + fp + fn)."""
        doubled = 2 * self.tp
        return doubled / (doubled + self.fp + self.fn) if doubled else 0.0

    def figures(self) -> dict[str, float]:
        """Counts and figures under the names used in score files: tp, fp, fn, precision, recall, f1."""
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn} | {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


def total(counts: Iterable[Counts]) -> Counts:
    """The sum; its figures are the micro average."""
    tp = fp = fn = 0
    for each in counts:
        tp, fp, fn = tp + each.tp, fp + each.fp, fn + each.fn
    return Counts(tp, fp, fn)


def of_sets(gold: Iterable[object], predicted: Iterable[object]) -> Counts:
    """Compare by equality; repeated members count once.

    >>> of_sets(["a", "b", "b"], ["b", "c"])
    Counts(tp=1, fp=1, fn=1)
    """
    expected, found = set(gold), set(predicted)
    return Counts(len(expected & found), len(found - expected), len(expected - found))


def by_label(rows: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Sum label by label over documents, each given as label -> counts; labels come out sorted."""
    sums: dict[str, Counts] = {}
    for row in rows:
        for label, counts in row.items():
            sums[label] = sums.get(label, Counts()) + counts
    return dict(sorted(sums.items()))


def macro(counts: Iterable[Counts]) -> dict[str, float]:
    """The unweighted means of precision, recall and F1.

    Members that are `Counts.empty` are passed over: they ask for nothing and got nothing. A label
    that was only ever predicted stays and counts 0.0. The mean over no member is 0.0. F1 is the mean of
    the F1s, not the F1 of the two other means.

    >>> macro([Counts(tp=1, fp=1), Counts(fn=3), Counts()])["precision"]
    0.25
    """
    members = [each for each in counts if not each.empty]
    size = len(members) or 1
    return {
        "precision": sum(each.precision for each in members) / size,
        "recall": sum(each.recall for each in members) / size,
        "f1": sum(each.f1 for each in members) / size,
    }
