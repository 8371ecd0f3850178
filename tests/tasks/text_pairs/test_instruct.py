"""Replies about pairs of texts."""

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks.instruct_answers import Gold, Labels, Score
from apothecary.tasks.text_pairs.instruct import parse

PAIR = Gold("text_pairs", "text_pairs.similarity", ("same", "different"), Labels(("same",)))
SCORE = Gold("text_pairs", "text_pairs.score", (), Score(0.0))


def test_a_label_is_read_and_two_are_no_answer() -> None:
    assert parse("They are the same.", PAIR).value == Labels(("same",))
    for reply in ("same; different", "hard to say"):
        with pytest.raises(AnswerError):
            parse(reply, PAIR)


def test_a_number_is_read() -> None:
    assert parse("Similarity score: 3.5 out of 5", SCORE).value == Score(3.5)
    for reply in ("very similar", "1e999"):
        with pytest.raises(AnswerError):
            parse(reply, SCORE)
