# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""BLEU, chrF and ROUGE-L against published values, and by hand."""

from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError
from apothecary.metrics.text import bleu_counts, bleu_tokens, chrf_counts, rouge_l

# The example of sacrebleu's manual: BLEU 48.53, chrF2 59.73.
SAID = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
REFERENCES = [
    ("The dog bit the man.", "The dog had bit the man."),
    ("It was not unexpected.", "No one was surprised."),
    ("The man bit him first.", "The man had bitten the dog."),
]


def test_the_published_example_of_bleu_and_chrf() -> None:
    pairs = list(zip(REFERENCES, SAID, strict=True))
    bleu = reduce(add, (bleu_counts(references, said, "en") for references, said in pairs))
    assert (bleu.right, bleu.said) == ((14, 7, 5, 3), (17, 14, 11, 8))
    assert (bleu.length, bleu.reference_length) == (17, 18)
    assert bleu.score == pytest.approx(0.485308, abs=1e-6)
    chrf = reduce(add, (chrf_counts(references, said) for references, said in pairs))
    assert chrf.score == pytest.approx(0.597275, abs=1e-6)


def test_chinese_is_counted_by_characters() -> None:
    assert bleu_tokens("血压 120/80mmHg，“正常”。", "zh") == [
        *"血压",
        "120",
        "/",
        "80mmHg",
        "，",
        "“",
        *"正常",
        "”",
        "。",
    ]
    assert bleu_counts(["血压正常。"], "血压正常。", "zh").score == 1.0
    assert rouge_l(["血压正常"], "血 压高", "zh").recall == 0.5


@given(st.text("ab 血。.1", max_size=20), st.lists(st.text("ab 血。.1", max_size=20), min_size=1, max_size=3))
def test_scores_lie_between_0_and_1_and_a_text_is_like_itself(text: str, references: list[str]) -> None:
    for score in (
        bleu_counts(references, text, "zh").score,
        chrf_counts(references, text).score,
        rouge_l(references, text, "zh").f1,
    ):
        assert 0 <= score <= 1
    if text.strip():
        assert chrf_counts([text], text).score == rouge_l([text], text, "zh").f1 == 1


def test_nothing_said_scores_nothing_and_no_reference_is_refused() -> None:
    assert bleu_counts(["a b c d"], "", "en").score == chrf_counts(["a"], "").score == 0
    assert rouge_l(["a"], "", "en").f1 == 0
    with pytest.raises(DataError):
        rouge_l([], "a", "en")
