"""What a language model is asked about one pair: the same messages for training and extraction.

The text comes first and the pair last, so that all pairs of a text share all but the end. Examples are
earlier turns of the chat: as they are the same for a whole run, engines read them once. What is asked is
explained in the first turn; later ones say it briefly. Wording is our own.

Roles and markers tell a model which stretches name the pair. Roles go beside the prompt, for adapters that
take them; markers are text: ``[Drug] aspirin [/Drug]``. Answers are neither tagged nor marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from apothecary.align.roles import DISEASE, DRUG, ROLES, RoleSpan, Tagger
from apothecary.messages import Message
from apothecary.messages import RoleSpan as Role
from apothecary.tasks.conditions.answers import render_output
from apothecary.tasks.conditions.labels import TYPES
from apothecary.tasks.conditions.questions import Question
from apothecary.tasks.prompting import document_messages, fill, load_prompt

__all__ = ["PROMPTS", "Chat", "Shown", "chat", "marked", "unmarked"]

_FOLDER = "apothecary.tasks.conditions"
PROMPTS = {name: load_prompt(_FOLDER, name) for name in ("question.txt", "brief.txt", "pair.txt")}

_MARKS = {DRUG: "Drug", DISEASE: "Disease"}
_MARK = re.compile(r"\[(?:Drug|Disease)\] ?| ?\[/(?:Drug|Disease)\]")
_ROLE_NAMES = {number: name for name, number in ROLES.items()}


@dataclass(frozen=True)
class Shown:
    """How a question is put.

    `brief`: nothing is explained, for models that were trained on such questions. `marker`: mentions of the
    pair are marked in the text. `roles`: the tagger that finds roles; None for none.
    """

    brief: bool = False
    marker: bool = False
    roles: Tagger | None = None


@dataclass(frozen=True)
class Chat:
    """The messages of a question, and roles for stretches of them."""

    messages: tuple[Message, ...]
    roles: tuple[Role, ...] = ()


def chat(question: Question, shown: Shown) -> Chat:
    """The chat of one question, with the examples before it.

    Roles are given in text and pair of every turn that asks, each for its own pair.
    """
    messages: list[Message] = []
    roles: list[Role] = []
    examples = [(Question(each.text, each.drug, each.disease), each.conditions) for each in question.shots]
    for asked, answer in [*examples, (question, None)]:
        explained = not (shown.brief or messages)
        system, user, found = _turn(asked, shown, explained=explained)
        messages += [user] if messages else [system, user]
        roles += [Role(len(messages) - 1, each.start, each.end, _ROLE_NAMES[each.role]) for each in found]
        if answer is not None:
            messages.append(Message("assistant", render_output(answer)))
    return Chat(tuple(messages), tuple(roles))


def marked(text: str, mentions: tuple[RoleSpan, ...]) -> str:
    """The text with its mentions in markers."""
    for start, end, role in sorted(mentions, reverse=True):
        name = _MARKS[role]
        text = f"{text[:start]}[{name}] {text[start:end]} [/{name}]{text[end:]}"
    return text


def unmarked(span: str) -> str:
    """A span of a marked text as the text without markers has it."""
    return _MARK.sub("", span).strip()


def _turn(
    question: Question, shown: Shown, *, explained: bool
) -> tuple[Message, Message, tuple[RoleSpan, ...]]:
    """The system message and the message of the user, and the roles in the latter."""
    kind = "question.txt" if explained else "brief.txt"
    first, second, *_ = TYPES
    slots = {
        "types": "\n".join(f"- {name}: {meaning}" for name, meaning in TYPES.items()),
        "first": first,
        "second": second,
        "drug": " ".join(question.drug.split()),
        "disease": " ".join(question.disease.split()),
    }
    task, pair = (fill(PROMPTS[name], slots, where=name) for name in (kind, "pair.txt"))
    text = question.text
    if shown.marker:
        text = marked(text, question.tagged(text, "lemma"))
    system, user = document_messages(text, f"{task}\n{pair}")
    if shown.roles is None:
        return system, user, ()
    # What is asked stands at the end: so the places of text and pair are known, whatever they hold.
    end = len(user.content)
    begin = end - len(f"{text}\n\n{task}\n{pair}")
    shifted = [
        RoleSpan(shift + start, shift + stop, role)
        for shift, piece in ((begin, text), (end - len(pair), pair))
        for start, stop, role in question.tagged(piece, shown.roles)
    ]
    return system, user, tuple(shifted)
