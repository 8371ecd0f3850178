"""Examples as training data: chats with an answer to imitate, and chats with a solution to be rewarded by.

The messages are those of extraction, so that a model is trained on what it will be asked. Departure from
the source: the answer always comes from the example, never from the writer of a trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from apothecary.errors import DataError, UsageError
from apothecary.messages import Message
from apothecary.tasks.combinations.answers import (
    Completion,
    read_completion,
    render_answer,
    render_completion,
)
from apothecary.tasks.combinations.candidates import around
from apothecary.tasks.combinations.examples import Example, read_example
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.combinations.prompting import messages
from apothecary.tasks.combinations.trace_rules import rule_trace

__all__ = ["Chats", "grpo_of_trace", "read_grpo", "read_sft", "sft_of_trace", "to_grpo", "to_sft"]


@dataclass(frozen=True)
class Chats:
    """What the chats of a training ask for: settings of extraction by the same names.

    Other than there, reasoning is the default. Without it the answer is the list alone.
    """

    reasoning: bool = True
    drugs: Literal["given", "found"] = "given"
    context: bool = True
    window: Annotated[int, Field(ge=1)] = 6000
    prompt: Literal["full", "brief"] = "full"

    def ask(self, example: Example) -> tuple[Message, ...]:
        """What extraction with these settings asks about the example."""
        shown = replace(example, paragraph=around(example.paragraph, example.sentence, self.window))
        return messages(
            shown,
            reasoning=self.reasoning,
            drugs_given=self.drugs == "given",
            context=self.context,
            brief=self.prompt == "brief",
        )


ALL = Chats()


def to_sft(example: Example, think: str | None, chats: Chats = ALL) -> dict[str, object]:
    """``{"id", "messages": [system, user, assistant], "corpus"}``; without reasoning the bare list.

    Raises UsageError where reasoning is wanted and there is none.
    """
    labels = label_set(example.corpus)
    if chats.reasoning and think is None:
        raise UsageError(f"example {example.id} has no reasoning", hint="set reasoning=false")
    text = (
        render_completion(think, example.gold, labels)
        if chats.reasoning
        else render_answer(example.gold, labels)
    )
    chat = (*chats.ask(example), Message("assistant", text))
    return {"id": example.id, "messages": _rows(chat), "corpus": example.corpus}


def to_grpo(example: Example, chats: Chats = ALL) -> dict[str, object]:
    """``{"id", "messages": [system, user], "solution", "sentence", "corpus"}``; the solution has its tags."""
    return {
        "id": example.id,
        "messages": _rows(chats.ask(example)),
        "solution": render_completion(None, example.gold, label_set(example.corpus)),
        "sentence": example.sentence,
        "corpus": example.corpus,
    }


def sft_of_trace(
    record: Mapping[str, object], chats: Chats = ALL, *, fallback: bool = False
) -> dict[str, object] | None:
    """`to_sft` of what the flow ``traces`` leaves; None for an example that did not pass.

    With `fallback` such an example gets a trace of the offline writer instead, so that the hard ones are not
    the ones that are lost. The row says which: ``"trace": "model" | "rules"``. Without reasoning every
    example is taken: its answer is the corpus'. Raises DataError.
    """
    example, think = read_example(record), record.get("think")
    if not chats.reasoning:
        return to_sft(example, None, chats)
    if record.get("passed") and isinstance(think, str):
        origin = "rules" if record.get("writer") == "rules" else "model"
        return {**to_sft(example, think, chats), "trace": origin}
    return {**to_sft(example, rule_trace(example), chats), "trace": "rules"} if fallback else None


def grpo_of_trace(record: Mapping[str, object], chats: Chats = ALL) -> dict[str, object]:
    """`to_grpo` of what the flow ``traces`` leaves, passed or not. Raises DataError."""
    return to_grpo(read_example(record), chats)


def read_sft(row: Mapping[str, object]) -> Completion:
    """The thinking and the combinations that a row of `to_sft` teaches. Raises DataError."""
    chat = row.get("messages")
    last = chat[-1] if isinstance(chat, list) and chat else None
    if not isinstance(last, Mapping) or last.get("role") != "assistant":
        raise DataError("has no assistant message at the end of its messages", where=_where(row))
    return _completion(last.get("content"), row)


def read_grpo(row: Mapping[str, object]) -> Completion:
    """The combinations of the solution of a row of `to_grpo`. Raises DataError."""
    return _completion(row.get("solution"), row)


def _completion(text: object, row: Mapping[str, object]) -> Completion:
    corpus = row.get("corpus")
    if not isinstance(text, str) or not isinstance(corpus, str):
        raise DataError("holds no text with an answer, or no corpus", where=_where(row))
    read = read_completion(text, label_set(corpus))
    if read.errors:
        raise DataError(f"holds an answer that cannot be read: {', '.join(read.errors)}", where=_where(row))
    return read


def _rows(chat: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in chat]


def _where(row: Mapping[str, object]) -> str:
    return f"row {row.get('id')}"
