# ruff: noqa: RUF001 (the full-width characters are those of the data)
"""PromptCBLUE, the small sample: 16 Chinese tasks as prompts and answers, taken apart into typed examples.

Source: Zhu et al. 2023, github.com/michael-wzhu/PromptCBLUE, datasets; academic use only. JSON Lines under
the name .json: input, target, answer_choices, task_dataset, sample_id.

1. The prompts are made from templates that the rows do not name. What is instruction is told by patterns of
   the sample (`instruct_prompt_frames`); an input that fits none is an error, not a text with a prompt.
2. A target "非上述类型" or "没有对应的标准化实体" (none of these) is no label.
3. Mentions and triples come as names without places (as CMeIE does); a name that the text does not hold is a
   concept without mentions, or for mentions among the unlocated.
4. Names are joined by a comma that they may hold themselves. In CHIP-CDN the options decide where to part.
5. The status of findings (IMCS-V2-SR, CHIP-MDCFNPC) is a report with a section for each finding; a finding
   that is told twice, with two states, is an error.
6. An event (CHIP-CDEE) is a finding with its state, descriptions and sites; its trigger need not stand in
   the text.
7. Options that a prompt lists twice (four rows) are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from apothecary.corpora.instruct_cblue import PREDICATES
from apothecary.corpora.instruct_prompt_frames import pair_of, text_of
from apothecary.corpora.instruct_set import InstructSet, Item, Place, objects
from apothecary.corpora.instruct_triples import Name, Triple, concepts_of, located, triples_document
from apothecary.documents import Argument, Document, Mention, Relation, Unlocated
from apothecary.errors import FormatError
from apothecary.examples import (
    Annotated,
    Dialogue,
    Example,
    Labelled,
    Rewriting,
    Sourced,
    TaskName,
    TextPair,
    Turn,
)
from apothecary.formats.fields import Fields

__all__ = ["PROMPTCBLUE"]

NONE = ("非上述类型", "没有对应的标准化实体")
EVENT = "临床发现事件"
_EVENT_ROLES = ("发生状态", "描述词", "解剖部位")
_TRIPLE_LINE = re.compile(r"具有(.+?)关系的头尾实体对如下：(.*)")
_TRIPLE = re.compile(r"头实体为(.*?)，尾实体为(.*?)。(?=头实体为|$)")
_MENTION_LINE = re.compile(r"(.+?)实体：(.*)")
_SPEECH = re.compile(r"(患者|医生)：", re.MULTILINE)
_SECTION = re.compile(r"([^：\n]{1,12})：(.*)")
_STATUS = re.compile(r"(.+)：([^：]+)")


def _labelled(fields: Fields) -> Example:
    options = _options(fields)
    target = fields.text("target").strip()
    labels = () if target in NONE else _parted(target, options)
    return Labelled(_id(fields), text_of(fields.text("input")), labels, options)


def _parted(target: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options that a target is made of, joined by commas; an option may hold a comma itself."""
    found, rest = [], target
    while rest:
        fitting = [each for each in options if rest == each or rest.startswith(f"{each}，")]
        # What is none of the options is left for the example to refuse.
        longest = max(fitting, key=len, default=rest)
        found.append(longest)
        rest = rest[len(longest) + 1 :]
    return tuple(dict.fromkeys(found))


def _pair(fields: Fields) -> Example:
    first, second = pair_of(fields.text("input"))
    options = _options(fields)
    return TextPair(_id(fields), first, second, "similarity", fields.text("target").strip(), options)


def _mentions(fields: Fields) -> Example:
    text = text_of(fields.text("input"))
    mentions: list[Mention] = []
    lost: list[Unlocated] = []
    for line in _answer_lines(fields):
        if not (match := _MENTION_LINE.fullmatch(line)):
            raise fields.error("target", f"has a line that is no list of mentions: {line!r}")
        kind, names = match[1], dict.fromkeys(name for name in match[2].split("，") if name.strip())
        for name in names:
            places = located(text, name)
            mentions.extend(Mention((place,), name, kind) for place in places)
            if not places:
                lost.append(Unlocated(name, kind, "the text does not hold it"))
    mentions.sort(key=lambda mention: (mention.start, -mention.end))
    return Annotated(Document(_id(fields), text, mentions=tuple(mentions), unlocated=tuple(lost)))


def _triples(fields: Fields) -> Example:
    triples = []
    for line in fields.text("target").splitlines():
        if not (match := _TRIPLE_LINE.fullmatch(line.strip())):
            raise fields.error("target", f"has a line that is no list of triples: {line!r}")
        found = [Triple(match[1], head, "", tail, "") for head, tail in _TRIPLE.findall(match[2])]
        if match[2].strip() and not found:
            raise fields.error("target", f"has a list of triples that cannot be read: {match[2]!r}")
        triples += found
    return Annotated(triples_document(_id(fields), text_of(fields.text("input")), triples))


def _events(fields: Fields) -> Example:
    text = text_of(fields.text("input"))
    found = []
    for line in _answer_lines(fields):
        parts = dict(part.split("：", 1) for part in line.split("；") if "：" in part)
        trigger = parts.get("主体词", "").strip()
        if not trigger or not parts.keys() <= {"主体词", *_EVENT_ROLES}:
            raise fields.error("target", f"has a line that is no event: {line!r}")
        arguments = [
            (role, Name(value, role))
            for role in _EVENT_ROLES
            for value in parts.get(role, "").split("，")
            if value.strip()
        ]
        found.append([(EVENT, Name(trigger, EVENT)), *arguments])
    mentions, concepts, ids = concepts_of(_id(fields), text, [name for event in found for _, name in event])
    relations = tuple(
        Relation(f"e{number}", EVENT, tuple(Argument(role, ids[name]) for role, name in event))
        for number, event in enumerate(found, start=1)
    )
    return Annotated(Document(_id(fields), text, mentions=mentions, concepts=concepts, relations=relations))


def _status(fields: Fields) -> Example:
    sections: dict[str, str] = {}
    options = _options(fields)
    for line in _answer_lines(fields):
        match = _STATUS.fullmatch(line)
        if not match or match[2] not in options:
            raise fields.error("target", f"has a line that is no finding with one of the options: {line!r}")
        if sections.setdefault(match[1], match[2]) != match[2]:
            raise fields.error("target", f"tells two states of {match[1]!r}")
    source = text_of(fields.text("input"), whole=True)
    return Rewriting(_id(fields), source, (), "report", "zh", "zh", sections)


def _report(fields: Fields) -> Example:
    sections: dict[str, str] = {}
    for line in _answer_lines(fields):
        if match := _SECTION.fullmatch(line):
            sections[match[1]] = match[2].strip()
        elif sections:
            last = next(reversed(sections))
            sections[last] = f"{sections[last]}\n{line}"
    source = text_of(fields.text("input"), whole=True)
    return Rewriting(_id(fields), source, (), "report", "zh", "zh", sections)


def _dialogue(fields: Fields) -> Example:
    """The history in turns; what one side says in several messages is one text."""
    parts = _SPEECH.split(text_of(fields.text("input"), whole=True))
    said: list[tuple[str, str]] = []
    for speaker, text in zip(parts[1::2], parts[2::2], strict=True):
        lines = "\n".join(line.strip() for line in text.splitlines() if line.strip())
        if said and said[-1][0] == speaker:
            said[-1] = (speaker, f"{said[-1][1]}\n{lines}")
        else:
            said.append((speaker, lines))
    if not said or said[0][0] != "患者":
        raise fields.error("input", "does not begin with the patient")
    answer = fields.text("target").strip()
    if said[-1][0] == "医生":
        # The doctor goes on: what was just said and what comes now answer the same message.
        answer = f"{said.pop()[1]}\n{answer}"
    texts = [text for _, text in said] + [answer]
    turns = tuple(Turn(asked, told) for asked, told in zip(texts[0::2], texts[1::2], strict=True))
    return Dialogue(_id(fields), turns)


def _answer_lines(fields: Fields) -> list[str]:
    """The lines of a target after its first, which only leads in; none where there is nothing to tell."""
    lines = [line.strip() for line in fields.text("target").splitlines() if line.strip()]
    if not lines:
        raise FormatError("field target is empty")
    return lines[1:]


def _options(fields: Fields) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fields.texts("answer_choices")))


def _id(fields: Fields) -> str:
    return fields.text("sample_id")


_Made = tuple[TaskName, Callable[[Fields], Example]]
_TASKS: Mapping[str, _Made] = {
    "CHIP-CTC": ("classification", _labelled),
    "KUAKE-QIC": ("classification", _labelled),
    "IMCS-V2-DAC": ("classification", _labelled),
    "CHIP-CDN": ("classification", _labelled),
    "CHIP-STS": ("text_pairs", _pair),
    "KUAKE-QQR": ("text_pairs", _pair),
    "KUAKE-QTR": ("text_pairs", _pair),
    "KUAKE-IR": ("text_pairs", _pair),
    "CMeEE-V2": ("mentions", _mentions),
    "IMCS-V2-NER": ("mentions", _mentions),
    "CMeIE": ("triples", _triples),
    "CHIP-CDEE": ("events", _events),
    "IMCS-V2-SR": ("generation", _status),
    "CHIP-MDCFNPC": ("generation", _status),
    "IMCS-V2-MRG": ("generation", _report),
    "MedDG": ("dialogue", _dialogue),
}


def _read(file: Path, place: Place) -> Iterator[Item]:
    def example(fields: Fields, key: str) -> Sourced:
        name = fields.text("task_dataset")
        if name not in _TASKS:
            raise fields.error("task_dataset", f"is {name!r}, none of {', '.join(_TASKS)}")
        task, make = _TASKS[name]
        choices = _options(fields)
        # The question lists some of the types of the data set: for this example the list is closed by it.
        labels = {"mentions": choices, "triples": choices or PREDICATES, "events": (EVENT,)}.get(task, ())
        return place.sourced(task, make(fields), labels)

    return objects(file, example)


PROMPTCBLUE = InstructSet(
    name="promptcblue_toy",
    title="PromptCBLUE, small sample of 16 tasks",
    language="zh",
    tasks=tuple(dict.fromkeys(task for task, _ in _TASKS.values())),
    licence="academic use only",
    source="Zhu et al. 2023; github.com/michael-wzhu/PromptCBLUE, datasets",
    folders=("promptcblue_toy",),
    splits={"train": "train.json", "dev": "dev.json"},
    traps=("Prompts, not data: instructions are taken off by patterns. Names without places.",),
    read=_read,
    terms="academic use only",
)
