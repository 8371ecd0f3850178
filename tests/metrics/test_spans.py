"""Strict span matching."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apothecary.metrics.counts import Counts, total
from apothecary.metrics.spans import TypedSpan, strict_span_counts

SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(4, 6), st.sampled_from(["Chemical", "Disease"])))


def test_a_shifted_end_and_a_wrong_type_are_errors_on_both_sides() -> None:
    counts = strict_span_counts(
        [(0, 7, "Chemical"), (9, 12, "Disease")], [(0, 7, "Disease"), (9, 11, "Disease")]
    )
    assert counts == {"Chemical": Counts(fn=1), "Disease": Counts(fp=2, fn=1)}


@given(SPANS)
def test_gold_against_gold_is_perfect(spans: list[TypedSpan]) -> None:
    counts = total(strict_span_counts(spans, spans).values())
    assert counts == Counts(tp=len(set(spans)))


@given(SPANS, SPANS)
def test_swapping_the_sides_swaps_the_errors(gold: list[TypedSpan], predicted: list[TypedSpan]) -> None:
    there, back = strict_span_counts(gold, predicted), strict_span_counts(predicted, gold)
    assert there == {type_: Counts(each.tp, each.fn, each.fp) for type_, each in back.items()}


@given(SPANS, SPANS)
def test_order_and_repetition_do_not_matter(gold: list[TypedSpan], predicted: list[TypedSpan]) -> None:
    assert strict_span_counts(gold, predicted) == strict_span_counts(gold[::-1] * 2, predicted[::-1] * 2)
