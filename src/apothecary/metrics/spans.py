"""Strict matching of typed spans."""

from __future__ import annotations

from collections.abc import Iterable

from apothecary.metrics.counts import Counts, of_sets

__all__ = ["TypedSpan", "strict_span_counts"]

TypedSpan = tuple[int, int, str]
"""Start, end (exclusive) and type."""


def strict_span_counts(gold: Iterable[TypedSpan], predicted: Iterable[TypedSpan]) -> dict[str, Counts]:
    """Counts for each type of one document: right means the same start, end and type.

    Repeated spans count once on either side; overlap without equality counts as one false positive
    and one false negative. Types come out sorted; a type on neither side is absent.

    >>> strict_span_counts([(0, 7, "Chemical"), (9, 12, "Disease")], [(0, 7, "Chemical"), (9, 11, "Disease")])
    {'Chemical': Counts(tp=1, fp=0, fn=0), 'Disease': Counts(tp=0, fp=1, fn=1)}
    """
    expected, found = set(gold), set(predicted)
    types = sorted({type_ for _, _, type_ in expected | found})
    return {
        each: of_sets(
            (span for span in expected if span[2] == each), (span for span in found if span[2] == each)
        )
        for each in types
    }
