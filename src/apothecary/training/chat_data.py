"""Conversations for training: JSONL in, token numbers out, by the template of the model's own tokenizer.

A line is ``{"messages": [{"role", "content"}, ...], ...}``. To learn from written answers the last message
is the assistant's; to learn from rewards it is the user's, and every other key goes to the reward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from apothecary.adapters.role_tokens import encode_with_roles, rendered_spans
from apothecary.errors import DataError, FormatError
from apothecary.formats.jsonl import read_rows
from apothecary.messages import Message, RoleSpan
from apothecary.training.chat_templates import CHAT_TEMPLATES, TemplateName

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["Conversation", "Template", "Tokens", "read_conversations"]

Role = Literal["system", "user", "assistant"]
FORM = '{"messages": [{"role": "user", "content": "..."}, ...]}'


@dataclass(frozen=True)
class Conversation:
    """What is asked, what was answered ("" where rewards judge it), and the other columns of the line.

    `roles` are those of stretches of the prompt, for adapters that are conditioned on them.
    """

    where: str
    prompt: tuple[Message, ...]
    answer: str
    columns: Mapping[str, object]
    roles: tuple[RoleSpan, ...] = ()


@dataclass(frozen=True)
class Tokens:
    """A conversation as the model reads it; the loss is on `answer` alone, the end of the turn included.

    `roles` are those of the tokens of the prompt, empty where none is told; an answer has none.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    roles: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.answer)


def read_conversations(paths: Sequence[Path], *, answered: bool) -> list[Conversation]:
    """Every line of the files. Raises FormatError with file:line at the first that is of another form.

    A line with an answer, where none is wanted, is refused: a reward must not see it in the prompt.
    """
    found = []
    for path in paths:
        for item in read_rows(path):
            if isinstance(item, FormatError):
                raise item
            number, row = item
            found.append(_conversation(row, f"{path}:{number}", answered=answered))
    if not found:
        raise DataError("holds no conversation", where=", ".join(map(str, paths)), hint=f"lines: {FORM}")
    return found


def _conversation(row: Mapping[str, object], where: str, *, answered: bool) -> Conversation:
    given = row.get("messages")
    if not isinstance(given, list) or not given:
        raise FormatError("has no messages", where=where, hint=FORM)
    messages = tuple(_message(each, where) for each in given)
    last = "assistant" if answered else "user"
    if messages[-1].role != last or (answered and len(messages) < 2):
        raise FormatError(f"the last of its messages is not one of the {last}, after a question", where=where)
    if answered and not messages[-1].content.strip():
        raise FormatError("the answer is empty", where=where)
    columns = {key: value for key, value in row.items() if key != "messages"}
    prompt = messages[:-1] if answered else messages
    return Conversation(where, prompt, messages[-1].content if answered else "", columns)


def _message(given: object, where: str) -> Message:
    if isinstance(given, dict):
        role, content = given.get("role"), given.get("content")
        if role in get_args(Role) and isinstance(content, str):
            return Message(cast("Role", role), content)
    raise FormatError("holds a message without a known role or a text", where=where, hint=FORM)


class Template:
    """How a model reads a conversation: its tokenizer's chat template, and what ends a turn.

    Models that can think before they answer are told not to by the template, as the engines do: a
    reasoning trace is part of the answer here. `name` puts a well-known template in the place of its own.
    Raises DataError where there is none, or where the tokenizer does not know its marks.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, where: str, name: TemplateName = "") -> None:
        self._tokenizer = tokenizer
        self._where = where
        self._marks = CHAT_TEMPLATES[name].marks if name else ()
        if name:
            self._take(name)
        if not tokenizer.chat_template:
            hint = 'take a model that was tuned to follow instructions, or name one: chat_template = "chatml"'
            raise DataError("the model has no chat template", where=where, hint=hint)
        self.end = self._end()
        self.padding = cast(int, tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.end)

    def _take(self, name: TemplateName) -> None:
        known = CHAT_TEMPLATES[name]
        lacking = [mark for mark in known.marks if len(self._encode(mark)) != 1]
        if lacking:
            message = f"the tokenizer has no token {lacking[0]}, which the chat template {name} needs"
            raise DataError(message, where=self._where, hint="name another chat_template, or none")
        self._tokenizer.chat_template = known.text

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Tokens up to where the answer begins."""
        return self._encode(self._text(messages))

    def encode(self, conversation: Conversation) -> Tokens:
        """Prompt and answer, tokenised as one text where the prompt then keeps its tokens."""
        text = self._text(conversation.prompt)
        prompt, whole = self._encode(text), self._encode(text + conversation.answer)
        joined = whole[: len(prompt)] == prompt
        answer = whole[len(prompt) :] if joined else self._encode(conversation.answer)
        return Tokens(prompt, (*answer, self.end))

    def roles(self, conversation: Conversation, numbers: Mapping[str, int]) -> tuple[int, ...]:
        """The role of each token of a prompt, by the numbers of the roles' names.

        Raises ApothecaryError for a template that changes messages, or a span outside its message.
        """

        def render(contents: Sequence[str]) -> str:
            turns = zip(conversation.prompt, contents, strict=True)
            return self._text([Message(each.role, content) for each, content in turns])

        contents = [message.content for message in conversation.prompt]
        spans = rendered_spans(render, contents, conversation.roles, numbers)
        return encode_with_roles(self._tokenizer, render(contents), spans).roles

    def text(self, tokens: Sequence[int]) -> str:
        """What was written, without the end of the turn."""
        ended = list(tokens[:-1]) if tokens and tokens[-1] == self.end else list(tokens)
        return str(self._tokenizer.decode(ended, skip_special_tokens=False))

    def _text(self, messages: Sequence[Message]) -> str:
        return self._rendered([{"role": each.role, "content": each.content} for each in messages], ask=True)

    def _rendered(self, turns: list[dict[str, str]], *, ask: bool) -> str:
        import jinja2

        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=ask, enable_thinking=False
                )
            )
        except (jinja2.TemplateError, LookupError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:100]
            raise DataError(f"the chat template refuses the messages: {reason}", where=self._where) from error

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def _end(self) -> int:
        """The token that ends a turn: the first special one after an answer, else the tokenizer's own."""
        turns = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "ANSWER"}]
        rest = self._rendered(turns, ask=False).rpartition("ANSWER")[2]
        special = set(self._tokenizer.all_special_ids)
        # The marks of a template that was named need not be special to this tokenizer.
        marks = {self._encode(mark)[0] for mark in self._marks}
        after = [token for token in self._encode(rest) if token in special | marks]
        end = after[0] if after else self._tokenizer.eos_token_id
        if not isinstance(end, int):
            raise DataError("the tokenizer names no token that ends an answer", where=self._where)
        return end
