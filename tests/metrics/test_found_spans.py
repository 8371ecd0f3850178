"""Spans of names without offsets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from apothecary.metrics.found_spans import greedy_spans

NAMES = st.lists(st.tuples(st.sampled_from("DC"), st.text("ab 药", min_size=1, max_size=3)), max_size=5)


def test_every_occurrence_of_the_longest_name_is_taken() -> None:
    text = "IL-2 and IL-2R; il-2, IL-22"
    assert greedy_spans(text, [("G", "IL-2"), ("G", "IL-2R")]) == [(0, 4, "G"), (9, 14, "G")]


def test_nested_names_are_found_where_they_are_wanted() -> None:
    names = [("dis", "肺癌"), ("bod", "肺")]
    assert greedy_spans("肺癌", names) == [(0, 2, "dis")]
    assert greedy_spans("肺癌", names, nested=True) == [(0, 1, "bod"), (0, 2, "dis")]


def test_many_names_are_found_as_few_are() -> None:
    names = [("T", f"name{n}") for n in range(450)]
    text = " ".join(f"name{n}" for n in range(450))
    assert len(greedy_spans(text, names)) == 450
    assert greedy_spans(text, [*names, ("T", text)]) == [(0, len(text), "T")]


@given(st.text("ab 药", max_size=20), NAMES)
def test_spans_slice_to_their_names_and_do_not_overlap(text: str, names: list[tuple[str, str]]) -> None:
    found = greedy_spans(text, names)
    assert all((type_, text[start:end]) in names for start, end, type_ in found)
    places = sorted({(start, end) for start, end, _ in found})
    assert all(first[1] <= second[0] for first, second in pairwise(places))
