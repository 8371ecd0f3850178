# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""What a folder of `tasks` exports as ``INSTRUCT`` in its ``instruct.py``, and where it is found.

An instruction task makes questions of examples and answers of replies. Its templates are files beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.resources import files

from apothecary.errors import DataError, UsageError
from apothecary.examples import Annotated, Language, Sourced, TaskName, Turn
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold
from apothecary.tasks.instruct_items import quoted
from apothecary.tasks.instruct_replies import type_form

__all__ = [
    "Asked",
    "InstructTask",
    "annotated",
    "instruct_names",
    "load_instruct",
    "serving",
    "shown_list",
    "shown_types",
]


@dataclass(frozen=True)
class Asked:
    """A question before it has words: what fills the slots of its templates, and the right answer.

    `gold.kind` says which templates fit. `category` is the published code, `languages` those of the record
    where they are not that of the question. `turns` is a dialogue of several turns, whole: the template
    stands for its first question, the gold for its last answer.
    """

    gold: Gold
    slots: Mapping[str, str]
    category: str
    turns: tuple[Turn, ...] = ()
    languages: str = ""


@dataclass(frozen=True)
class InstructTask:
    """A task that models are instructed in.

    `serves` are the tasks of `Sourced` that come here. `kinds` are the groups of templates, each with the
    slots that a wording must have. `ask` makes a question of an example, about all its types or only those
    given; it raises DataError. `render` writes an answer as a perfect model would; `parse` reads a reply
    to a question, of which it sees all of `Gold` but the answer, and raises AnswerError where there is none.
    """

    name: str
    serves: tuple[TaskName, ...]
    kinds: Mapping[str, frozenset[str]]
    ask: Callable[[Sourced, Sequence[str]], Asked]
    render: Callable[[Answer, Gold, Language], str]
    parse: Callable[[str, Gold], Parsed[Answer]]
    splits: bool = field(default=False)
    """Whether a question about several types can be asked about each of them alone."""


@lru_cache(maxsize=1)
def instruct_names() -> tuple[str, ...]:
    """Every folder that has an instruction task, in alphabetical order."""
    folder = files("apothecary.tasks")
    return tuple(sorted(e.name for e in folder.iterdir() if e.joinpath("instruct.py").is_file()))


@lru_cache(maxsize=32)
def load_instruct(name: str) -> InstructTask:
    """The instruction task of a folder. Raises UsageError with the names there are."""
    if name not in instruct_names():
        raise UsageError(
            f"there is no instruction task '{name}'", hint=f"tasks: {', '.join(instruct_names())}"
        )
    task: InstructTask = import_module(f"apothecary.tasks.{name}.instruct").INSTRUCT
    return task


@lru_cache(maxsize=32)
def serving(task: TaskName) -> InstructTask:
    """The instruction task that examples of a task come to. Raises UsageError."""
    for name in instruct_names():
        if task in (found := load_instruct(name)).serves:
            return found
    raise UsageError(f"no instruction task serves {task}")


def annotated(sourced: Sourced) -> Annotated:
    """The annotated document of an example. Raises DataError for an example of another kind."""
    if not isinstance(sourced.example, Annotated):
        raise DataError("is no annotated document", where=f"{sourced.dataset} {sourced.example.id}")
    return sourced.example


def shown_list(items: Sequence[str], language: Language) -> str:
    """Labels as they stand in a question: as they would in an answer."""
    return _mark(language).join(quoted(item) for item in items)


def shown_types(types: Sequence[str], language: Language) -> str:
    """Types as they stand in a question: as before the colon of an answer, unless a list hides them."""
    return _mark(language).join(
        json.dumps(type_, ensure_ascii=False) if _HIDDEN.search(type_) else type_form(type_)
        for type_ in types
    )


def _mark(language: Language) -> str:
    return "、" if language == "zh" else ", "


_HIDDEN = re.compile("[,;，、；]")
