# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies with labels as models write them."""

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks.classification.instruct import parse
from apothecary.tasks.instruct_answers import Gold, Labels
from apothecary.tasks.instruct_labels import UNKNOWN_LABEL

GOLD = Gold("classification", "c", ("病因", "治疗", "Cell Death", "Death", "症状(患者感受)"), Labels(()))


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ("治疗; 病因", ("病因", "治疗")),
        ("这句话的类别是：治疗。", ("治疗",)),
        ("**Label:** cell death", ("Cell Death",)),
        ("- 病因\n- Death", ("病因", "Death")),
        ("The text is about cell death in mice.", ("Cell Death",)),
        ('{"labels": ["治疗"]}', ("治疗",)),
        ("症状(患者感受)", ("症状(患者感受)",)),
        ("none", ()),
        ("以上都不是。", ()),
    ],
)
def test_ways_to_name_labels(reply: str, labels: tuple[str, ...]) -> None:
    assert parse(reply, GOLD).value == Labels(labels)


def test_an_unknown_label_is_dropped_and_counted_and_alone_no_answer() -> None:
    assert UNKNOWN_LABEL in parse("治疗; 手术", GOLD).repairs
    for reply in ("手术", "I do not know", ""):
        with pytest.raises(AnswerError):
            parse(reply, GOLD)


def test_a_label_that_is_the_word_for_nothing_is_a_label() -> None:
    gold = Gold("classification", "c", ("none", "some"), Labels(()))
    assert parse("none", gold).value == Labels(("none",))
    assert parse("[]", gold).value == Labels(())
