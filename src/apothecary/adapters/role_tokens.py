"""Roles of characters -> roles of tokens: one whole number a token, 0 where it plays none."""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from apothecary.errors import DataError, OffsetError, UsageError
from apothecary.messages import RoleSpan

__all__ = ["RoleTokens", "drawn_roles", "encode_with_roles", "random_roles", "rendered_spans", "token_roles"]

Span = tuple[int, int, int]
"""Start and end in code points, end-exclusive, and the role."""


@dataclass(frozen=True)
class RoleTokens:
    """The tokens of a text, and the role of each."""

    ids: tuple[int, ...]
    roles: tuple[int, ...]


def token_roles(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> tuple[int, ...]:
    """The role of each token: that of the first span, in the order given, that shares a character with it.

    A token without characters (special ones have the offsets (0, 0)) plays none. Offsets rise, as those of
    a tokenizer do. Raises OffsetError for a span without characters, UsageError for a role below 1.

    >>> token_roles([(0, 0), (0, 5), (5, 9), (9, 10)], [(6, 9, 2)])
    (0, 0, 2, 0)
    """
    places = [place for place, (start, end) in enumerate(offsets) if end > start]
    starts, ends = [offsets[place][0] for place in places], [offsets[place][1] for place in places]
    if starts != sorted(starts) or ends != sorted(ends):
        raise DataError("the offsets of the tokens do not rise", hint="give them in the order of the text")
    found = [0] * len(offsets)
    for start, end, role in reversed(spans):
        if not 0 <= start < end:
            raise OffsetError(f"the span {start}-{end} holds no character")
        if role < 1:
            raise UsageError(f"the span {start}-{end} has the role {role}", hint="roles begin at 1")
        for place in places[bisect_right(ends, start) : bisect_left(starts, end)]:
            found[place] = role
    return tuple(found)


def encode_with_roles(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: Sequence[Span], *, special: bool = False
) -> RoleTokens:
    """Tokenise a text and tell the role of each token. `special` adds the tokenizer's own marks.

    Raises UsageError for a tokenizer that does not tell the offsets of its tokens, OffsetError for a span
    beyond the text.
    """
    if not tokenizer.is_fast:
        hint = "take a fast tokenizer (tokenizer.json)"
        raise UsageError("the tokenizer does not tell where its tokens stand", hint=hint)
    beyond = [span for span in spans if span[1] > len(text)]
    if beyond:
        raise OffsetError(f"the span {beyond[0][0]}-{beyond[0][1]} ends beyond the text of {len(text)}")
    encoded = tokenizer(text, add_special_tokens=special, return_offsets_mapping=True, truncation=False)
    offsets = [(int(start), int(end)) for start, end in encoded["offset_mapping"]]
    return RoleTokens(tuple(encoded["input_ids"]), token_roles(offsets, spans))


def rendered_spans(
    render: Callable[[Sequence[str]], str],
    contents: Sequence[str],
    spans: Sequence[RoleSpan],
    numbers: Mapping[str, int],
) -> list[Span]:
    """Where the spans of messages stand in the text that a chat template makes of the messages.

    `render` makes the text from the contents of the messages; `numbers` gives the number of each role. The
    template may strip a message at its ends, nothing else. Raises DataError when it does, OffsetError for a
    span outside its message or in what was stripped, UsageError for a role without a number.
    The lowest role number comes first, so that it has the tokens which two spans share (`token_roles`).
    """
    text = render(contents)
    begins = _begins(render, contents, text)
    found = []
    for span in spans:
        if not 0 <= span.message < len(contents):
            raise OffsetError(f"there is no message {span.message}")
        if span.role not in numbers:
            raise UsageError(f"the role {span.role!r} has no number", hint=", ".join(numbers))
        content, begin = contents[span.message], begins[span.message]
        place = (begin + span.start, begin + span.end, numbers[span.role])
        if not 0 <= span.start < span.end <= len(content):
            raise OffsetError(f"the span {span.start}-{span.end} lies outside message {span.message}")
        if text[place[0] : place[1]] != content[span.start : span.end]:
            raise OffsetError(f"the span {span.start}-{span.end} is stripped from message {span.message}")
        found.append(place)
    return sorted(found, key=lambda place: place[2])


def _begins(render: Callable[[Sequence[str]], str], contents: Sequence[str], text: str) -> list[int]:
    """Where each message begins in the text; before that where its stripped beginning would."""
    # What the template says around the messages shows when their place is taken by what it cannot know.
    digest = hashlib.sha256("\0".join(contents).encode("utf-8", "surrogatepass")).hexdigest()
    marks = [f"{digest}-{place}-" for place in range(len(contents))]
    around = [render(marks)]
    for mark in marks:
        around[-1:] = around[-1].split(mark)
    refused = DataError("the chat template changes the messages: their roles cannot be placed")
    if len(around) != len(contents) + 1 or not text.startswith(around[0]):
        raise refused
    position, begins = len(around[0]), []
    for content, after in zip(contents, around[1:], strict=True):
        forms = (content, content.strip(), content.lstrip(), content.rstrip())
        form = next((each for each in forms if text.startswith(each + after, position)), None)
        if form is None:
            raise refused
        begins.append(position - (content.find(form) if form else len(content)))
        position += len(form) + len(after)
    if position != len(text):
        raise refused
    return begins


def random_roles(
    tokens: int, *, example: str, seed: int, num_roles: int = 3, step: int | None = None
) -> tuple[int, ...]:
    """Roles drawn evenly for each token of a prompt: the control ``random``.

    Without `step` an example keeps what was drawn for it, in training and in evaluation; with it, each step
    draws anew. What is padded or generated has the role 0 as ever.
    """
    drawn = random.Random(f"{seed} {example} {step}")  # noqa: S311 - a control, no secret
    return tuple(drawn.randrange(num_roles) for _ in range(tokens))


def drawn_roles(prompt: Sequence[int], *, num_roles: int = 3, step: int | None = None) -> tuple[int, ...]:
    """The roles of a prompt for an adapter that learns from roles drawn at random.

    They hang on its tokens alone, so training, evaluation and every engine draw the same; with `step`, a
    number of a training step, each step draws anew.
    """
    return random_roles(
        len(prompt), example=" ".join(map(str, prompt)), seed=0, num_roles=num_roles, step=step
    )
