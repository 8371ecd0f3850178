"""Examples to instructions, and replies to instructions back to answers.

Everything depends on the seed and the ids of an example alone: its wording, whether it is asked again, and
about which of its types. Every target is read back before it is given out; an example whose answer does not
survive that is refused. Source: Taiyi's data (PromptCBLUE's way of wording, its "task splitting"); in which
shares examples were repeated there is not published, see `Policy`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from apothecary.errors import AnswerError, DataError, UsageError
from apothecary.examples import Sourced, Turn
from apothecary.formats.instruction_rows import Instruction
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold, gold_from_row, gold_to_row
from apothecary.tasks.instruct_task import Asked, InstructTask, load_instruct, serving
from apothecary.tasks.instruct_templates import chance, choose, fill_template, templates

__all__ = ["AS_IT_IS", "Policy", "SplitTypes", "gold_of", "instructions", "parse_reply"]

SplitTypes = Literal["never", "extra", "each", "only"]
"""never: ask about all types at once; extra: what is asked again is about one type; each: about all and about
each alone; only: about each alone."""


@dataclass(frozen=True)
class Policy:
    """How many instructions an example gives.

    `expand` is the mean number of times it is asked, 1 or more: 1.3 asks three examples of ten again, in
    another wording. Inferred from published sizes: 1.0 for mentions of one type, 1.1 classification, choice
    and pairs, 1.3 mentions and 1.6 relations of several types.
    """

    expand: float = 1.0
    split_types: SplitTypes = "never"

    def __post_init__(self) -> None:
        if not math.isfinite(self.expand) or not 1 <= self.expand <= 100:
            raise UsageError(f"expand = {self.expand:g} is not from 1 to 100")


AS_IT_IS = Policy()
"""Every example once, about all its types."""


def instructions(sourced: Sourced, seed: int, policy: Policy = AS_IT_IS) -> Iterator[Instruction]:
    """The instructions of an example.

    Raises DataError for an example that has no question in its task, or whose answer cannot be read back.
    """
    task = serving(sourced.task)
    key = (sourced.dataset, sourced.example.id, sourced.task)
    whole = sourced.labels
    single = [(label,) for label in whole] if task.splits and len(whole) > 1 else []
    split = policy.split_types if single else "never"
    asked: dict[str, list[tuple[str, ...]]] = {"each": [whole, *single], "only": [*single]}
    for labels in asked.get(split, [whole]):
        yield _instruction(sourced, task, labels, seed, 0)
    again: Sequence[tuple[str, ...]] = single if split in ("extra", "only") else [whole]
    start = int(chance(seed, "type", *key) * len(again))
    copies = int(policy.expand) + (chance(seed, "copies", *key) < policy.expand % 1)
    for copy in range(1, copies):
        yield _instruction(sourced, task, again[(start + copy) % len(again)], seed, copy)


def gold_of(instruction: Instruction) -> Gold:
    """The gold of an instruction. Raises DataError for a record without, as the published ones are."""
    where = f"{instruction.dataset} {instruction.source_id}".strip()
    return gold_from_row(instruction.gold, where=where)


def parse_reply(gold: Gold, reply: str) -> Parsed[Answer]:
    """What a reply to an instruction says, in the canonical form of its gold, and the repairs.

    Repairs may be counted: one for each unknown type that was dropped, each repeat that was merged, each part
    that could not be read. Raises AnswerError for a reply that is no answer, UsageError for an unknown task.
    """
    return load_instruct(gold.task).parse(reply, gold)


def _instruction(
    sourced: Sourced, task: InstructTask, labels: Sequence[str], seed: int, copy: int
) -> Instruction:
    where = f"{sourced.dataset} {sourced.example.id}"
    asked = task.ask(sourced, labels)
    group = templates(f"apothecary.tasks.{task.name}", sourced.language)[asked.gold.kind]
    chosen = choose(group, seed, sourced.dataset, sourced.example.id, *labels)
    # Asked again means another wording, as long as there is one.
    template = group[(group.index(chosen) + copy) % len(group)]
    filled = fill_template(template, asked.slots)
    target = task.render(asked.gold.answer, asked.gold, sourced.language)
    _survives(task, asked, target, where)
    gold = asked.gold if asked.turns else replace(asked.gold, text=filled.text)
    return Instruction(
        category=asked.category,
        dataset=sourced.dataset,
        language=asked.languages or sourced.language,
        conversation=_conversation(asked, filled.prompt, target),
        split=sourced.split,
        template_id=template.id,
        source_id=sourced.example.id,
        gold=gold_to_row(gold),
    )


def _conversation(asked: Asked, prompt: str, target: str) -> tuple[Turn, ...]:
    if not asked.turns:
        return (Turn(prompt, target),)
    first, *between, last = asked.turns
    return (Turn(prompt, first.answered), *between, Turn(last.asked, target))


def _survives(task: InstructTask, asked: Asked, target: str, where: str) -> None:
    try:
        read = task.parse(target, asked.gold).value
    except AnswerError as error:
        raise DataError(f"its answer cannot be read back: {error.message}", where=where) from error
    if read != asked.gold.answer:
        raise DataError("its answer reads back as another one", where=where)
