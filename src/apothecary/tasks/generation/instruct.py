# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Free text as instructions: short answers, summaries, titles, translations, reports, dialogues.

Source: Taiyi's forms QA (without options), TT, MT and MRD. The answer is the text itself; a report is a line
``heading: text`` for each section. Departures: (1) blanks around an answer are none of it; (2) a section
of several lines is a JSON string; (3) further right answers are kept beside the gold as references; (4) of a
dialogue the last answer is the gold, what was said before is its history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from apothecary.errors import AnswerError, DataError
from apothecary.examples import Dialogue, Language, Question, Rewriting, Sourced
from apothecary.tasks.answers import split_thinking
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold, Prose, Sections
from apothecary.tasks.instruct_items import unquoted
from apothecary.tasks.instruct_replies import UNREAD, body_of, json_of, type_form, type_of, typed_lines
from apothecary.tasks.instruct_task import Asked, InstructTask, shown_list

__all__ = ["INSTRUCT", "parse", "render"]

_NAMES = {"en": {"en": "English", "zh": "Chinese"}, "zh": {"en": "英文", "zh": "中文"}}
_CODES = {
    "short": "QA_sqa",
    "context": "QA_cqa",
    "summary": "TT_ds",
    "title": "TT_ds",
    "question": "TT_ds",
    "report": "TT_ts",
    "tree": "TT_ts",
    "reply": "MRD",
}
_PLAIN = re.compile(r'[^\s"*_`“:：][^\x00-\x1f\x85\u2028\u2029]*(?<!\s)')


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    example = sourced.example
    if isinstance(example, Question):
        if example.options:
            raise DataError("a question with options is a choice", where=example.id)
        return _asked(example.kind, example.answers or example.long_answers, _question_slots(example))
    if isinstance(example, Rewriting):
        return _rewriting(example, sourced.language)
    if isinstance(example, Dialogue):
        return _dialogue(example)
    raise DataError("is no example of free text", where=f"{sourced.dataset} {example.id}")


def _asked(kind: str, answers: Sequence[str], slots: Mapping[str, str]) -> Asked:
    texts = [answer.strip() for answer in answers if answer.strip()]
    gold = Gold("generation", f"generation.{kind}", (), Prose(texts[0]), tuple(texts[1:]))
    return Asked(gold, slots, _CODES.get(kind, "MRD"))


def _question_slots(example: Question) -> dict[str, str]:
    return {"text": example.question} | ({"context": example.context} if example.kind == "context" else {})


def _rewriting(example: Rewriting, language: Language) -> Asked:
    slots = {"text": example.source}
    if example.kind == "translation":
        names = _NAMES[language]
        slots |= {"from": names[example.from_language], "to": names[example.to_language]}
        gold = _asked("translation", example.outputs, slots).gold
        way = (example.from_language, example.to_language)
        return Asked(gold, slots, f"MT-{way[0]}2{way[1]}", languages=f"{way[0]}-{way[1]}")
    sections = tuple((heading, text.strip()) for heading, text in example.sections.items() if text.strip())
    if not sections:
        return _asked(example.kind, example.outputs, slots)
    headings = tuple(heading for heading, _ in sections)
    slots["sections"] = shown_list(headings, language)
    gold = Gold("generation", "generation.sections", headings, Sections(sections))
    return Asked(gold, slots, "TT_ts")


def _dialogue(example: Dialogue) -> Asked:
    context = f"{example.context.strip()}\n\n" if example.context.strip() else ""
    slots = {"text": example.turns[0].asked, "context": context}
    asked = _asked("dialogue", (example.turns[-1].answered,), slots)
    turns = example.turns if len(example.turns) > 1 else ()
    return Asked(asked.gold, slots, asked.category, turns=turns)


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The text, or the lines of a report."""
    if isinstance(answer, Prose):
        return answer.text
    if not isinstance(answer, Sections):
        raise AnswerError("no answer of this task", where=gold.task)
    colon = "：" if language == "zh" else ": "
    return "\n".join(f"{type_form(heading)}{colon}{_one_line(text)}" for heading, text in answer.sections)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The text of a reply without its thinking, or its sections. Raises AnswerError for an empty one."""
    if gold.kind != "generation.sections":
        thinking, rest = split_thinking(reply)
        if not rest.strip():
            raise AnswerError("the reply is empty")
        return Parsed(Prose(rest.strip()), ("thinking removed",) if thinking else ())
    body, repairs = body_of(reply)
    value = json_of(body)
    found = [(str(k), str(v)) for k, v in value.items()] if isinstance(value, Mapping) else None
    if found is None:
        lines = typed_lines(body, gold.options)
        found = [(line.type, _joined(line.items)) for line in lines.lines]
        repairs += [UNREAD] * len(lines.others)
    sections: dict[str, str] = {}
    for heading, text in found:
        if (known := type_of(heading, gold.options)) is not None and text.strip():
            sections[known] = f"{sections[known]}\n{text.strip()}" if known in sections else text.strip()
    if not sections:
        raise AnswerError("the reply has none of the sections", hint="a line is HEADING: text")
    ordered = tuple((heading, sections[heading]) for heading in gold.options if heading in sections)
    return Parsed(Sections(ordered), tuple(repairs))


def _one_line(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _joined(items: Sequence[str]) -> str:
    return "\n".join(unquoted(item) if item.startswith('"') else item for item in items)


INSTRUCT = InstructTask(
    name="generation",
    serves=("generation", "dialogue"),
    kinds={
        **{f"generation.{kind}": frozenset({"text"}) for kind in (*_CODES, "dialogue") if kind != "context"},
        "generation.context": frozenset({"text", "context"}),
        "generation.translation": frozenset({"text", "from", "to"}),
        "generation.sections": frozenset({"text", "sections"}),
        "generation.dialogue": frozenset({"text", "context"}),
    },
    ask=_ask,
    render=render,
    parse=parse,
)
