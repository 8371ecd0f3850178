"""Labels of a text, and answers that are right or wrong as a whole."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from apothecary.errors import DataError
from apothecary.metrics.counts import Counts, by_label, macro, total

__all__ = ["accuracy", "label_counts", "label_figures"]


def label_counts(gold: Iterable[str], predicted: Iterable[str]) -> dict[str, Counts]:
    """The counts of one text by label; repeats count once, a label on neither side is absent.

    >>> label_counts(["a", "b"], ["b", "c"])
    {'a': Counts(tp=0, fp=0, fn=1), 'b': Counts(tp=1, fp=0, fn=0), 'c': Counts(tp=0, fp=1, fn=0)}
    """
    expected, found = set(gold), set(predicted)
    return {
        label: Counts(
            int(label in expected & found), int(label in found - expected), int(label in expected - found)
        )
        for label in sorted(expected | found)
    }


def label_figures(rows: Iterable[tuple[Iterable[str], Iterable[str]]]) -> dict[str, dict[str, float]]:
    """Micro and macro precision, recall and F1 of texts with several labels, each as (gold, predicted).

    Macro is over labels that occur on either side of any text. A text without labels on both sides adds
    nothing. Of texts with exactly one label on each side, micro F1 is the accuracy.

    >>> label_figures([({"a"}, {"a"}), ({"a", "b"}, {"a"})])["macro"]["f1"]
    0.5
    """
    counts = by_label(label_counts(gold, predicted) for gold, predicted in rows)
    return {"micro": total(counts.values()).figures(), "macro": macro(counts.values())}


def accuracy(gold: Sequence[Hashable], predicted: Sequence[Hashable | None]) -> float:
    """The share of answers that equal gold; None is no answer, and wrong. 0.0 of nothing.

    Raises DataError when there are not as many answers as gold.

    >>> accuracy(["yes", "no", "yes", "maybe"], ["yes", "yes", None, "maybe"])
    0.5
    """
    if len(gold) != len(predicted):
        raise DataError(f"{len(predicted)} answers to {len(gold)} questions")
    right = sum(said is not None and said == expected for expected, said in zip(gold, predicted, strict=True))
    return right / len(gold) if gold else 0.0
