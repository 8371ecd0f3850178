# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies with triples as models write them."""

import pytest

from apothecary.errors import AnswerError
from apothecary.tasks.instruct_answers import Facts, Gold
from apothecary.tasks.instruct_replies import UNKNOWN
from apothecary.tasks.triples.instruct import parse

GOLD = Gold("triples", "triples", ("临床表现", "treats"), Facts(()))


@pytest.mark.parametrize(
    "reply",
    [
        "[肺炎; 临床表现; 发热]\n[zinc; treats; flu]",
        "三元组如下：\n1. 【肺炎；临床表现；发热】\n2. (zinc, treats, flu)",
        "[肺炎 | 临床表现 | 发热]\n[zinc; Treats; flu]",
        '[{"predicate": "临床表现", "subject": "肺炎", "object": "发热"},'
        ' {"relation": "treats", "h": "zinc", "t": "flu"}]',
    ],
)
def test_ways_to_write_one_answer(reply: str) -> None:
    answer = parse(reply, GOLD).value
    assert isinstance(answer, Facts)
    assert [(f.type, *f.names) for f in answer.facts] == [
        ("临床表现", "肺炎", "发热"),
        ("treats", "zinc", "flu"),
    ]


def test_unknown_types_are_counted_and_alone_no_answer() -> None:
    assert UNKNOWN in parse("[a; treats; b]\n[a; kills; b]", GOLD).repairs
    for reply in ("[a; kills; b]", "a treats b", "[a; treats]"):
        with pytest.raises(AnswerError):
            parse(reply, GOLD)
