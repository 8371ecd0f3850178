"""An engine that answers from a script: for tests, demonstrations and replies made elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.errors import FormatError, UsageError
from apothecary.messages import Done, EngineInfo, Failure, Outcome, Reply, Request, Usage, nothing

__all__ = ["Scripted", "read_script"]

CHARACTERS_PER_TOKEN = 4
LARGEST = 1e9


@dataclass(frozen=True)
class Line:
    """One line of a script: the strings that must all occur in the prompt, and what is then answered."""

    contains: tuple[str, ...]
    outcome: Outcome


class Scripted:
    """An engine over a function from requests to outcomes; a string is the text of a reply.

    Usage is made up and always the same: a token for every four characters, no time. `digest` stands
    for the function in the reply cache: two functions of one digest share their replies there.
    """

    def __init__(
        self, answer: Callable[[Request], Outcome | str], *, name: str = "scripted", digest: str = "function"
    ) -> None:
        self._answer = answer
        self._info = EngineInfo(name, digest)

    @property
    def info(self) -> EngineInfo:
        """Serves every step."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """One outcome for each request."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Outcome:
        outcome = self._answer(request)
        reply = Reply(outcome) if isinstance(outcome, str) else outcome
        if not isinstance(reply, Reply):
            return reply
        prompt = sum(len(message.content) for message in request.messages)
        usage = Usage(prompt // CHARACTERS_PER_TOKEN, 0, len(reply.text) // CHARACTERS_PER_TOKEN)
        return Reply(reply.text, reply.value, reply.logprobs, usage, reply.finish)

    def close(self) -> None:
        """Nothing to free."""


def read_script(path: Path) -> Scripted:
    """An engine from a JSONL file of ``{"contains": ["..."], "reply": "..."}``.

    The first line whose strings all occur in the prompt answers; a line without ``contains`` answers
    the rest; without either the request fails. A reply may be a string or a JSON value (sent as its
    text). Further keys: ``logprobs`` (option -> number), ``finish`` ("length"), and ``failure``
    ("TimedOut: late") instead of a reply. Raises UsageError or FormatError with the line.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read the script: {reason}", where=str(path)) from error
    # Not splitlines: JSON strings may hold line separators of Unicode as they are.
    numbered = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
    lines = [_line(line, f"{path}:{number}") for number, line in numbered if line.strip()]

    def answer(request: Request) -> Outcome:
        prompt = "\n".join(message.content for message in request.messages)
        for line in lines:
            if all(part in prompt for part in line.contains):
                return line.outcome
        return Failure("AnswerError", f"no line of {path.name} answers this {request.step} request")

    return Scripted(answer, name=f"scripted:{path}", digest=hashlib.sha256(data).hexdigest())


def _line(text: str, where: str) -> Line:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = (
            error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep, or a number too long"
        )
        raise FormatError(f"is not valid JSON: {reason}", where=where) from error
    if not isinstance(row, dict) or not ("reply" in row or "failure" in row):
        raise FormatError(
            "is not an object with a reply", where=where, hint='{"contains": [...], "reply": "..."}'
        )
    contains = row.get("contains", [])
    if not isinstance(contains, list) or not all(isinstance(part, str) for part in contains):
        raise FormatError("'contains' is not a list of strings", where=where)
    return Line(tuple(contains), _outcome(row, where))


def _outcome(row: Mapping[str, object], where: str) -> Outcome:
    failure, reply, logprobs = row.get("failure"), row.get("reply"), row.get("logprobs")
    if failure is not None:
        kind, colon, message = failure.partition(":") if isinstance(failure, str) else ("", "", "")
        if not colon:
            raise FormatError("'failure' is not a string such as \"TimedOut: late\"", where=where)
        return Failure(kind.strip(), message.strip())
    if row.get("finish", "stop") not in ("stop", "length"):
        raise FormatError('\'finish\' is neither "stop" nor "length"', where=where)
    if logprobs is not None and not (
        isinstance(logprobs, dict) and all(_is_logprob(value) for value in logprobs.values())
    ):
        raise FormatError("'logprobs' is not an object of numbers", where=where)
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    return Reply(text, logprobs=logprobs, finish="length" if row.get("finish") == "length" else "stop")


def _is_logprob(value: object) -> bool:
    """A number that a float holds: neither NaN, nor infinite, nor a whole number of 400 digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
