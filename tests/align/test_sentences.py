"""Sentences of English and Chinese."""

import pytest
from hypothesis import example, given, settings

from apothecary.align.sentences import sentences
from tests.strategies import texts


def pieces(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


@settings(deadline=None)
@given(texts)
@example("A. (b. C. D")
def test_sentences_and_the_blanks_between_them_rebuild_the_text(text: str) -> None:
    rebuilt, end = "", 0
    for span in sentences(text):
        assert span.start >= end
        assert not text[end : span.start].strip()
        rebuilt += text[end : span.end]
        end = span.end
    assert rebuilt + text[end:] == text
    assert not text[end:].strip()


@pytest.mark.parametrize(
    "text",
    [
        "Some drugs, e.g. lithium, vs. Placebo were given.",
        "Seen by Dr. Smith in Fig. 2 and Figs. 3A.",
        "A dose of 2.5 mg of E. coli toxin.",
        "It was isolated from E. Coli by J. Smith.",
        "Rats (5 mg i.v. Daily. Then none) slept.",
        "Wang et al. 2003 saw no. 5 first.",
        "The mutation p.V600E is known.",
        "药物剂量为2.5毫克。",
    ],
)
def test_one_sentence_stays_one(text: str) -> None:
    assert pieces(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four.", ["One.", "Two!", "Three?", "Four."]),
        ("He had hepatitis B. Patients slept.", ["He had hepatitis B.", "Patients slept."]),
        ("It fell. mRNA rose. p53 too.", ["It fell.", "mRNA rose.", "p53 too."]),
        ("It fell (see below.) Then it rose.", ["It fell (see below.)", "Then it rose."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("A title\n\nand a text", ["A title", "and a text"]),
        ("患者头痛。好转\uff01为什么\uff1f不明", ["患者头痛。", "好转\uff01", "为什么\uff1f", "不明"]),
        ("Unclosed (one. Two.", ["Unclosed (one.", "Two."]),
    ],
)
def test_sentences_end_where_they_should(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_spans_are_shifted_by_the_start() -> None:
    assert [span.start for span in sentences(" One. Two.", 100)] == [101, 106]


def test_hostile_punctuation_takes_linear_time() -> None:
    assert len(sentences("." * 100_000 + "x" + "(" * 100_000 + " A. B" * 1000)) > 0
