"""Instruction records: questions with the answers a model is to give, one JSON object a line.

The form is the published one, ``conversation_id, category, dataset, language, conversation``, and each turn
``{"human", "assistant"}``. Departure: four keys beside it, ``split, template_id, source_id, gold``, so that a
record can be scored again and looked for in another set; a reader of the published form ignores them, and
records without them are read. `gold` is JSON here; tasks give it a meaning.

Source: Taiyi (Luo et al. 2024, JAMIA 31(9)), the examples in its repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from apothecary.errors import DataError, FormatError
from apothecary.examples import Turn
from apothecary.formats.fields import Fields
from apothecary.formats.jsonl import read_rows
from apothecary.formats.lines import printable

__all__ = ["ExportForm", "Instruction", "exported", "from_row", "read", "to_row", "write"]

ExportForm = Literal["messages", "sharegpt"]
"""messages: ``{"role", "content"}`` (TRL, ms-swift); sharegpt: ``{"from", "value"}`` (LLaMA-Factory)."""


@dataclass(frozen=True)
class Instruction:
    """One conversation to learn or to be judged by.

    `category` is the published code of its task (NER, MT-en2zh), `language` en, zh, en-zh or zh-en,
    `template_id` the template with its version, `source_id` the example it was made of. `number` is the
    published ``conversation_id``: its place in the file. Raises DataError where nothing is asked or answered.
    """

    category: str
    dataset: str
    language: str
    conversation: tuple[Turn, ...]
    split: str = ""
    template_id: str = ""
    source_id: str = ""
    gold: Mapping[str, object] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        where = f"{self.dataset} {self.source_id}".strip()
        if not self.category.strip():
            raise DataError("an instruction without a category", where=where)
        if not self.conversation:
            raise DataError("an instruction without a turn", where=where)
        for turn in self.conversation:
            if not turn.asked.strip() or not turn.answered.strip():
                raise DataError("a turn that asks or answers nothing", where=where)


def to_row(instruction: Instruction) -> dict[str, object]:
    """The JSON object of an instruction."""
    row: dict[str, object] = {
        "conversation_id": instruction.number,
        "category": instruction.category,
        "dataset": instruction.dataset,
        "language": instruction.language,
        "conversation": [
            {"human": turn.asked, "assistant": turn.answered} for turn in instruction.conversation
        ],
    }
    more = {
        "split": instruction.split,
        "template_id": instruction.template_id,
        "source_id": instruction.source_id,
        "gold": dict(instruction.gold),
    }
    return row | {key: value for key, value in more.items() if value}


def from_row(row: Mapping[str, object], *, where: str) -> Instruction:
    """The instruction of a JSON object; unknown keys are ignored. Raises DataError that names the field."""
    fields = Fields(row, where)
    number = row.get("conversation_id", 0)
    if isinstance(number, bool) or not isinstance(number, int):
        raise fields.error("conversation_id", "is not a whole number")
    turns = tuple(Turn(turn.text("human"), turn.text("assistant")) for turn in fields.objects("conversation"))
    try:
        return Instruction(
            fields.text("category"),
            fields.text("dataset", ""),
            fields.text("language", ""),
            turns,
            fields.text("split", ""),
            fields.text("template_id", ""),
            fields.text("source_id", ""),
            fields.mapping("gold"),
            number,
        )
    except FormatError:
        raise
    except DataError as error:
        raise FormatError(error.message, where=where) from error


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Instruction | FormatError]:
    """Instructions of a file, one by one; a bad line comes as a FormatError value with file and line.

    Raises FormatError when the file cannot be read.
    """
    for row in read_rows(path, encoding=encoding):
        if isinstance(row, FormatError):
            yield row
            continue
        try:
            yield from_row(row[1], where=f"{printable(path)}:{row[0]}")
        except FormatError as error:
            yield error


def write(path: Path, instructions: Iterable[Instruction]) -> int:
    """Write instructions, numbered from 0, and return how many; what is written first stays in no memory.

    Raises FormatError when the file cannot be written.
    """
    count = 0
    try:
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            for instruction in instructions:
                row = to_row(replace(instruction, number=count))
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
    except OSError as error:
        raise FormatError(f"cannot be written: {error.strerror}", where=printable(path)) from error
    return count


def exported(instruction: Instruction, form: ExportForm) -> dict[str, object]:
    """An instruction as a trainer reads it: the conversation, and where it comes from."""
    turns: list[dict[str, str]] = []
    for turn in instruction.conversation:
        if form == "messages":
            turns += [
                {"role": "user", "content": turn.asked},
                {"role": "assistant", "content": turn.answered},
            ]
        else:
            turns += [{"from": "human", "value": turn.asked}, {"from": "gpt", "value": turn.answered}]
    told = {
        "category": instruction.category,
        "dataset": instruction.dataset,
        "language": instruction.language,
        "source_id": instruction.source_id,
    }
    return {"messages" if form == "messages" else "conversations": turns, **told}
