"""Labels and answers that are right or wrong as a whole."""

import pytest

from apothecary.errors import DataError
from apothecary.metrics.labels import accuracy, label_figures


def test_micro_pools_labels_and_macro_averages_them() -> None:
    rows = [({"a"}, {"a", "b"}), ({"a", "c"}, {"a"}), ({"b"}, {"b"}), (set[str](), set[str]())]
    found = label_figures(rows)
    # a: 2 right; b: 1 right, 1 wrong; c: 1 missing.
    assert found["micro"]["f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert found["macro"]["f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_micro_f1_of_single_labels_is_accuracy() -> None:
    gold, said = list("aabbc"), list("abbcc")
    rows = [({g}, {s}) for g, s in zip(gold, said, strict=True)]
    assert label_figures(rows)["micro"]["f1"] == accuracy(gold, said) == 0.6


def test_no_answer_is_wrong_and_numbers_must_agree() -> None:
    assert accuracy(["a"], [None]) == 0.0
    assert accuracy([], []) == 0.0
    with pytest.raises(DataError, match="2 answers to 1 questions"):
        accuracy(["a"], ["a", "b"])
