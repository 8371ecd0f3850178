# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Instruction records: the published form, and what is kept beside it."""

import json
from pathlib import Path

import pytest

from apothecary.errors import DataError, FormatError
from apothecary.examples import Turn
from apothecary.formats.instruction_rows import Instruction, exported, from_row, read, to_row, write

ONE = Instruction("NER", "set", "zh", (Turn("问？", "答"),), "train", "m.zh.1@1", "7", {"task": "mentions"})


def test_the_published_keys_come_first_and_the_others_only_where_they_are_known() -> None:
    bare = to_row(Instruction("NER", "set", "en", (Turn("a", "b"),)))
    assert list(bare) == ["conversation_id", "category", "dataset", "language", "conversation"]
    assert bare["conversation"] == [{"human": "a", "assistant": "b"}]
    assert list(to_row(ONE))[5:] == ["split", "template_id", "source_id", "gold"]
    assert from_row(to_row(ONE), where="") == ONE


def test_a_file_is_numbered_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert write(path, iter([ONE, ONE])) == 2
    found = [each for each in read(path) if isinstance(each, Instruction)]
    assert [each.number for each in found] == [0, 1]
    assert "问？" in path.read_text(encoding="utf-8")


def test_a_bad_line_costs_itself_and_says_where_it_is(tmp_path: Path) -> None:
    lines = ['{"category": "NER"}', '{"category": 1}', "{", json.dumps(to_row(ONE))]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = list(read(tmp_path / "x.jsonl"))
    assert [type(each) for each in found] == [FormatError, FormatError, FormatError, Instruction]
    assert "x.jsonl:1: an instruction without a turn" in str(found[0])


def test_a_turn_that_asks_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="asks or answers nothing"):
        Instruction("NER", "set", "en", (Turn("a", " "),))


def test_trainers_get_their_forms() -> None:
    assert exported(ONE, "messages")["messages"] == [
        {"role": "user", "content": "问？"},
        {"role": "assistant", "content": "答"},
    ]
    assert exported(ONE, "sharegpt")["conversations"] == [
        {"from": "human", "value": "问？"},
        {"from": "gpt", "value": "答"},
    ]
