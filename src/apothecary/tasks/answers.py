"""Reply text -> answer: JSON, one of several codes, lines, or thinking followed by an answer.

Nothing is guessed in silence: every function returns the value together with the repairs that were
needed, and raises AnswerError when no honest reading is left. A truncated list keeps its complete
items and says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from apothecary.errors import AnswerError
from apothecary.tasks.flow import Parsed

__all__ = ["choice_answer", "json_answer", "line_answer", "split_thinking"]

# Only where no string of the JSON can hold it: before any bracket, or at the start of a line.
FENCE = re.compile(r"(?:\A[^{\[]*?|^[ \t]*)```[a-zA-Z]*\s*", re.MULTILINE)
FENCE_END = re.compile(r"\n[ \t]*```")
THINKING = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>", re.DOTALL)
TRAILING_COMMA = re.compile(r",(\s*[}\]])")
CHOICE_FRAME = re.compile(
    r"^(?:(?:the\s+)?(?:final\s+)?(?:answer|code|choice)(?:\s+is)?\s*[:=]?\s*)", re.IGNORECASE
)
_Open = tuple[str, "_Open | None"]
"""An open bracket: what closes it, and the one around it."""
QUOTES = "`'\"*()[]. \t"


def split_thinking(text: str) -> tuple[str, str]:
    """The thinking that precedes an answer ("" when there is none), and the rest.

    An opened but never closed block is all thinking: the answer is then empty. One that is closed and was
    never opened was opened by the prompt, as some chat templates do.
    """
    match = THINKING.match(text)
    if match:
        return match.group(1).strip(), text[match.end() :].lstrip()
    if re.match(r"\s*<think(?:ing)?>", text):
        return text.split(">", 1)[1].strip(), ""
    thinking, closed, rest = text.partition("</think>")
    return (thinking.strip(), rest.lstrip()) if closed else ("", text)


def json_answer(text: str) -> Parsed[object]:
    """The JSON value of a reply. Raises AnswerError when there is none.

    Repairs, in this order and only as far as needed: thinking removed, code fence removed, prose
    around the value removed, trailing commas removed, a cut-off value closed after its last
    complete item.
    """
    repairs: list[str] = []
    thinking, rest = split_thinking(text)
    if thinking:
        repairs.append("thinking removed")
    fence = FENCE.search(rest)
    if fence:
        rest = FENCE_END.split(rest[fence.end() :], maxsplit=1)[0]
        repairs.append("code fence removed")
    starts = [index for index in (rest.find("{"), rest.find("[")) if index >= 0]
    if not starts:
        raise AnswerError("the reply holds no JSON value")
    body = rest[min(starts) :]
    if rest[: min(starts)].strip():
        repairs.append("text before the JSON removed")
    try:
        value, end = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        # A ValueError that is no JSONDecodeError: a number of more than 4300 digits.
        return _mended(body, repairs)
    if (body[end:].partition("```")[0] if fence else body[end:]).strip():
        repairs.append("text after the JSON removed")
    return Parsed(value, tuple(repairs))


def _mended(body: str, repairs: list[str]) -> Parsed[object]:
    for name, candidate in (
        ("trailing comma removed", TRAILING_COMMA.sub(r"\1", body)),
        ("cut-off JSON closed", _closed(body)),
    ):
        try:
            value, _ = json.JSONDecoder().raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        return Parsed(value, (*repairs, name))
    raise AnswerError("the reply is not valid JSON")


def _closed(body: str) -> str:
    """Cut a truncated JSON text after its last complete list item or member and close what is open."""
    # The open brackets are a linked list, so that remembering the best cut costs nothing: a hostile
    # reply of a million commas stays linear.
    stack: _Open | None = None
    cut: tuple[int, _Open | None] = (0, None)
    in_string = escaped = False
    for index, char in enumerate(body):
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{[":
            stack = ("}" if char == "{" else "]", stack)
            cut = (index + 1, stack)
        elif char in "}]" and stack:
            stack = stack[1]
            cut = (index + 1, stack)
        elif char == ",":
            cut = (index, stack)
    end, node = cut
    closers = []
    while node:
        closers.append(node[0])
        node = node[1]
    return body[:end] + "".join(closers)


def choice_answer(text: str, options: Sequence[str]) -> Parsed[str]:
    """The option a reply names. Raises AnswerError when it names none, or more than one.

    Repairs: thinking, quotes, markdown and a lead-in such as "Answer:" removed; last line taken.
    """
    thinking, rest = split_thinking(text)
    repairs = ["thinking removed"] if thinking else []
    stripped = rest.strip()
    if stripped in options:
        return Parsed(stripped, tuple(repairs))
    lines = [line for line in stripped.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if len(lines) > 1:
        repairs.append("last line taken")
    for candidate in (last, CHOICE_FRAME.sub("", last.strip(QUOTES)), last.split("|")[0].strip()):
        bare = candidate.strip(QUOTES) if candidate.strip() not in options else candidate.strip()
        if bare in options:
            return Parsed(bare, (*repairs, "decoration removed"))
    raise AnswerError(f"the reply names none of the codes {' '.join(options)}")


def line_answer(text: str) -> Parsed[tuple[str, ...]]:
    """The lines of a reply without bullets and numbering; a lone "none" is an empty answer."""
    thinking, rest = split_thinking(text)
    repairs = ["thinking removed"] if thinking else []
    lines = [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line).strip() for line in rest.splitlines()]
    kept = tuple(line for line in lines if line)
    if len(kept) == 1 and kept[0].strip(QUOTES).casefold() == "none":
        return Parsed((), tuple(repairs))
    return Parsed(kept, tuple(repairs))
