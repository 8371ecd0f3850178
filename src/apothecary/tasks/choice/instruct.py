# ruff: noqa: RUF001, RUF003 (full-width characters are those of the answers)
"""Questions with options as instructions: ``B. text of the option``, or the bare option of a yes/no question.

Source: Taiyi's QA form of the types multiple_choice and yesno. Departures: the answer says letter and text,
so that a reply with either can be read, and one whose letter and text disagree is refused; several right
options stand one a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from apothecary.errors import AnswerError, DataError
from apothecary.examples import Language, Question, Sourced
from apothecary.tasks.flow import Parsed
from apothecary.tasks.instruct_answers import Answer, Gold, Labels
from apothecary.tasks.instruct_items import unquoted
from apothecary.tasks.instruct_labels import found_in_prose, in_order, read_labels
from apothecary.tasks.instruct_replies import body_of, type_of
from apothecary.tasks.instruct_task import Asked, InstructTask, shown_list

__all__ = ["INSTRUCT", "letter", "parse", "render"]

_LETTER = re.compile(r"[*_(（\[]*([A-Z]{1,2})[)）\]*_]*\s*(?:[.．、:：)）][*_]*\s*|\Z)")
_LEAD = re.compile(
    # "The correct answer is: ", "因此，正确答案为："
    r"[*_]*(?:so\s+|therefore,?\s+)?(?:the\s+)?(?:(?:correct|right|best|final)\s+)*(?:answer|option|choice)(?:\s+is)?"
    r"[*_]*\s*[:：]?\s*(?:option\s+)?[*_]*|[*_]*(?:因此|所以)?，?(?:正确|最终)?(?:答案|选项)(?:是|为|选)?[*_]*\s*[:：]?\s*|(?:应?选择?)\s*[:：]?\s*",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(
    r"(?:answer|option|choice)\s*(?:is|:)\s*[*_(\[]*([A-Z])\b|(?:答案|选项?)(?:是|为|：|:)?\s*[*_(（\[]*([A-Z])(?![A-Za-z])"
)
_PLAIN = re.compile(r'[^\s"\x00-\x1f][^\x00-\x1f\x85\u2028\u2029]*(?<!\s)')


def letter(place: int) -> str:
    """The letter of an option: A to Z, then AA, AB, ..."""
    return chr(65 + place) if place < 26 else chr(64 + place // 26) + chr(65 + place % 26)


def _ask(sourced: Sourced, labels: Sequence[str]) -> Asked:
    example = sourced.example
    if not isinstance(example, Question) or not example.options:
        raise DataError("is no question with options", where=f"{sourced.dataset} {example.id}")
    if len(example.options) > 26 * 26:
        raise DataError("more options than there are letters", where=example.id)
    yesno = example.kind == "yesno"
    if yesno:
        options = shown_list(example.options, sourced.language)
    else:
        options = "\n".join(f"{letter(place)}. {_shown(o)}" for place, o in enumerate(example.options))
    answer = Labels(in_order(example.answers, example.options))
    kind = f"choice.{example.kind}"
    context = f"{example.context}\n\n" if example.context.strip() else ""
    slots = {"question": example.question, "options": options, "context": context}
    gold = Gold("choice", kind, example.options, answer)
    return Asked(gold, slots, "QA_yesno" if yesno else "QA_choice")


def render(answer: Answer, gold: Gold, language: Language) -> str:
    """The right options, one a line, with letters unless the question is one of yes and no."""
    if not isinstance(answer, Labels):
        raise AnswerError("no answer of this task", where=gold.task)
    if gold.kind == "choice.yesno":
        return "\n".join(map(_shown, answer.labels))
    return "\n".join(f"{letter(gold.options.index(label))}. {_shown(label)}" for label in answer.labels)


def parse(reply: str, gold: Gold) -> Parsed[Answer]:
    """The options that a reply names. Raises AnswerError for none, and for a letter of another option."""
    strict = [unquoted_option(line) for line in reply.strip().split("\n")]
    if gold.kind == "choice.yesno" and all(line in gold.options for line in strict):
        return Parsed(Labels(in_order(strict, gold.options)))
    body, repairs = body_of(reply)
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    if gold.kind == "choice.yesno":
        return _yesno(lines, gold.options, repairs)
    concluded = [line for line in lines if _LEAD.match(line)]
    read = [_lettered(line, gold.options) for line in concluded[-1:] or lines]
    found = [option for option in read if option is not None]
    if found and read[0] is not None and all(option is not None for option in read):
        return Parsed(Labels(in_order(found, gold.options)), tuple(repairs))
    # An explanation stands before or behind: the first line if it is an answer, else the last one that is.
    if found:
        option = read[0] or found[-1]
        return Parsed(Labels((option,)), (*repairs, "explanation removed"))
    said = {a or b for a, b in _ANYWHERE.findall(body)}
    if len(said) == 1 and (place := _place(said.pop())) < len(gold.options):
        return Parsed(Labels((gold.options[place],)), (*repairs, "letter found in prose"))
    labels = read_labels(reply, gold.options)
    if len(labels.value) != 1:
        raise AnswerError("the reply names none of the options, or several in prose")
    return Parsed(Labels(labels.value), labels.repairs)


def unquoted_option(line: str) -> str:
    """An option as `render` writes it: a JSON string, or the text as it is."""
    return unquoted(line) if line.startswith('"') and line.endswith('"') else line


def _yesno(lines: Sequence[str], options: Sequence[str], repairs: list[str]) -> Parsed[Answer]:
    """The answer of a reply to a yes/no question: how it begins, else what it says of one option alone."""
    longest = sorted(options, key=len, reverse=True)
    for line in (lines[0], lines[-1]):
        for candidate in (line, _LEAD.sub("", line, count=1)):
            bare = unquoted(candidate).strip("*_ ")
            if (option := type_of(bare, options)) is not None:
                return Parsed(Labels((option,)), tuple(repairs))
            for option in longest:
                rest = bare[len(option) :]
                if bare.casefold().startswith(option.casefold()) and not rest[:1].isalnum():
                    return Parsed(Labels((option,)), (*repairs, "explanation removed"))
                if bare.startswith(option) and not option.isascii():
                    return Parsed(Labels((option,)), (*repairs, "explanation removed"))
    said = found_in_prose("\n".join(lines), options)
    if len(said) != 1:
        raise AnswerError("the reply names none of the options, or several")
    return Parsed(Labels(tuple(said)), (*repairs, "labels found in prose"))


def _lettered(line: str, options: Sequence[str]) -> str | None:
    """The option of a line that begins with its letter, or is its text; None for another line.

    Raises AnswerError when letter and text name two options.
    """
    candidates = dict.fromkeys((line, _LEAD.sub("", line, count=1)))
    for candidate in candidates:
        match = _LETTER.match(candidate)
        if match and (place := _place(match.group(1))) < len(options):
            text = unquoted_option(candidate[match.end() :].strip())
            other = type_of(text, options)
            if other is not None and other != options[place] and text.casefold() != options[place].casefold():
                raise AnswerError("letter and text of the reply name two options")
            return options[place]
    for candidate in candidates:
        if (option := type_of(unquoted(candidate), options)) is not None:
            return option
    return None


def _place(name: str) -> int:
    return ord(name) - 65 if len(name) == 1 else (ord(name[0]) - 64) * 26 + ord(name[1]) - 65


def _shown(option: str) -> str:
    return option if _PLAIN.fullmatch(option) else json.dumps(option, ensure_ascii=False)


INSTRUCT = InstructTask(
    name="choice",
    serves=("choice",),
    kinds={
        "choice.choice": frozenset({"question", "options", "context"}),
        "choice.yesno": frozenset({"question", "options", "context"}),
    },
    ask=_ask,
    render=render,
    parse=parse,
)
