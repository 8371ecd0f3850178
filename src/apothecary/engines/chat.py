"""The OpenAI chat form, as servers really speak it: a request -> a body, a response -> an outcome.

Servers differ in how a choice among codes is asked for, in where they put what a model thinks, and in
what they leave out without a word. `Dialect` holds what one server was found to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import jsonschema
from referencing import Registry
from referencing.exceptions import Unresolvable

from apothecary.engines.options import choice_grammar, option_logprobs
from apothecary.errors import AnswerError, EngineError
from apothecary.messages import Choices, Grammar, JsonSchema, Reply, Request, Usage

__all__ = [
    "TOP_LOGPROBS",
    "ChoiceForm",
    "Dialect",
    "Unusable",
    "message_of",
    "read_reply",
    "request_body",
    "rough_tokens",
    "split_thoughts",
]

ChoiceForm = Literal["structured_outputs", "guided_choice", "grammar", "regex", "json", "none"]
"""How a server is asked for one of several codes: vLLM since 0.12, vLLM before, llama-server, SGLang, as a
JSON string of an enumeration, or not at all."""

TOP_LOGPROBS = 20
"""Alternatives that every server tells which tells any."""
THINKING_TOKENS = 4096
"""Room for a model that thinks before it answers and cannot be told not to."""

LARGEST_COUNT = 2**53

_THINK = re.compile(r"\s*<think>")
_END_MARK = re.compile(r"\s*<[^<>]*>\s*")
_REGEX_SIGN = re.compile(r"[\\.^$*+?{}\[\]|()]")
_PIECE = re.compile(r"[A-Za-z]+|\d{1,3}|[!-/:-@\[-`{-~]+|[^\s!-~]{1,2}")


@dataclass(frozen=True)
class Dialect:
    """What a server was found to do.

    `schema`: it holds replies to a JSON schema. `choice`: see `ChoiceForm`. `logprobs`: of how many
    alternatives it tells the log-probability. `context`: tokens a prompt and its reply may have, as far
    as it says. `thinking`: its model thinks before it answers; `quiet`: fields that turn this off.
    `tokens_ratio`: its tokens for each of our `rough_tokens`.
    """

    schema: bool = True
    choice: ChoiceForm = "json"
    logprobs: int = TOP_LOGPROBS
    context: int | None = None
    thinking: bool = False
    quiet: tuple[tuple[str, object], ...] = ()
    tokens_ratio: float = 1.0


class Unusable(AnswerError):
    """A response that is no answer: empty, refused or not in the form asked for. It may pass.

    `reply` is what was written, where something was: a tolerant reader may still make sense of it.
    """

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


def rough_tokens(text: str) -> int:
    """A low guess at the tokens of a text: words, digits by three, runs of signs, other letters by two.

    Next to its figure for plain English, no text may have many fewer tokens than this says: of biomedical
    abstracts, Chinese questions and code, the tokenizers of Qwen2.5 and SmolLM2 make 0.9 to 3 times as many.
    """
    return sum(1 for _ in _PIECE.finditer(text))


def request_body(request: Request, model: str, dialect: Dialect, seed: int = 0) -> dict[str, object]:
    """The JSON body of a chat completion."""
    decoding = request.decoding
    room = THINKING_TOKENS if dialect.thinking and not dialect.quiet else 0
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": decoding.max_new_tokens + room,
        "temperature": decoding.temperature,
        "seed": decoding.seed + seed,
        **dict(dialect.quiet),
    }
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    match request.constraint:
        case JsonSchema(schema) if dialect.schema:
            body["response_format"] = _json_form(_object(schema))
        case Grammar(gbnf):
            body["grammar"] = gbnf
        case Choices(options):
            body |= _choice_fields(options, dialect.choice)
        case _:
            pass
    if request.want_logprobs and dialect.logprobs:
        body |= {"logprobs": True, "top_logprobs": dialect.logprobs}
    return body


def _object(schema: str) -> Mapping[str, object]:
    try:
        found = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise EngineError("the schema of the request is no JSON") from error
    if not isinstance(found, dict):
        raise EngineError("the schema of the request is no JSON object")
    return found


def _json_form(schema: Mapping[str, object]) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _choice_fields(options: Sequence[str], form: ChoiceForm) -> dict[str, object]:
    match form:
        case "structured_outputs":
            return {"structured_outputs": {"choice": list(options)}}
        case "guided_choice":
            return {"guided_choice": list(options)}
        case "grammar":
            return {"grammar": choice_grammar(options)}
        case "regex":
            return {"regex": "(" + "|".join(_REGEX_SIGN.sub(r"\\\g<0>", o) for o in options) + ")"}
        case "json":
            return {"response_format": _json_form({"type": "string", "enum": list(options)})}
        case "none":
            return {}


def read_reply(response: object, request: Request, dialect: Dialect, seconds: float) -> Reply:
    """The reply in a response of a server. Raises Unusable for what is none.

    Of an unconstrained request the thoughts stay in front of the text, in ``<think>`` tags; a constrained
    reply is the answer alone. A constraint that the server was never held to is not checked here. Raises
    EngineError for a request that no reply can answer: a schema that is none, codes that begin alike.
    """
    choice = _at(response, "choices", 0)
    message = message_of(response)
    if not message or not isinstance(choice, Mapping):
        raise Unusable("the server gave no message")
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise Unusable("the model refused to answer")
    cut = choice.get("finish_reason") == "length"
    thoughts, text = split_thoughts(message)
    if request.constraint is not None:
        text = _plain(text, request)
    elif _THINK.match(whole := _text(message.get("content"))):
        thoughts, text = "", whole
    if not text.strip():
        raise Unusable(f"the model {'spent all its tokens on thinking' if cut else 'wrote nothing'}")
    if thoughts and request.constraint is None:
        text = f"<think>{thoughts}</think>\n{text}"
    reply = Reply(
        text,
        logprobs=_logprobs(choice, request, text),
        usage=_usage(_at(response, "usage"), seconds),
        finish="length" if cut else "stop",
    )
    fault = _fault(reply, request, dialect)
    if fault:
        raise Unusable(fault, reply)
    return reply


def message_of(response: object) -> Mapping[str, object]:
    """The message in a response of a server; empty when there is none."""
    message = _at(response, "choices", 0, "message")
    return message if isinstance(message, Mapping) else {}


def split_thoughts(message: Mapping[str, object]) -> tuple[str, str]:
    """What the model thought, and what it answered.

    Thoughts come in a field of their own or in tags, of which some templates write the first themselves,
    so that only the second is in the reply.
    """
    text = _text(message.get("content"))
    before, closed, after = text.partition("</think>")
    told = message.get("reasoning_content") or message.get("reasoning")
    if _THINK.match(text) or (closed and not text.lstrip().startswith(("{", "[", '"'))):
        return _THINK.sub("", before, count=1), after.lstrip()
    return (told if isinstance(told, str) and told.strip() else ""), text


def _at(value: object, *path: str | int) -> object:
    """What lies at a path of keys and positions; None where the path leaves the value."""
    for key in path:
        if isinstance(key, str) and isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, list) and len(value) > key:
            value = value[key]
        else:
            return None
    return value


def _text(content: object) -> str:
    if isinstance(content, list):
        content = "".join(text for part in content if isinstance(text := _at(part, "text"), str))
    return content if isinstance(content, str) else ""


def _plain(text: str, request: Request) -> str:
    """A code as it stands, where the server wrote it as a JSON string."""
    if not isinstance(request.constraint, Choices) or text in request.constraint.options:
        return text
    plain = text.strip()
    if plain in request.constraint.options or not plain.startswith('"'):
        return plain
    code = _parsed(plain)
    return code if isinstance(code, str) else plain


def _fault(reply: Reply, request: Request, dialect: Dialect) -> str:
    """How a reply breaks its constraint; empty when it does not, or when the server knows no such thing."""
    match request.constraint:
        case Choices(options) if dialect.choice != "none" and reply.text not in options:
            return "the reply is none of the codes asked for"
        case JsonSchema(schema) if dialect.schema and reply.finish == "stop":
            if not _follows(reply.text, schema):
                return "the reply does not follow its schema"
        case _:
            pass
    return ""


def _follows(text: str, schema: str) -> bool:
    try:
        return bool(_validator(schema).is_valid(_parsed(text)))
    except (RecursionError, ArithmeticError):
        # Lists without end, numbers without bound: no answer to any schema of ours.
        return False
    except Unresolvable as error:
        raise EngineError("the schema of the request refers to what is not in it") from error


@lru_cache(maxsize=64)
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    found = _object(schema)
    try:
        jsonschema.Draft202012Validator.check_schema(found)
    except jsonschema.SchemaError as error:
        raise EngineError("the schema of the request is no JSON schema") from error
    # An empty registry: nothing is fetched.
    return jsonschema.Draft202012Validator(found, registry=Registry())


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _usage(usage: object, seconds: float) -> Usage:
    def count(*path: str) -> int:
        value = _at(usage, *path)
        return value if isinstance(value, int) and 0 <= value < LARGEST_COUNT else 0

    cached = count("prompt_tokens_details", "cached_tokens")
    return Usage(count("prompt_tokens"), cached, count("completion_tokens"), seconds)


def _logprobs(choice: Mapping[str, object], request: Request, text: str) -> dict[str, float] | None:
    """Log-probabilities of the codes at the token where the answer begins; None where none are told.

    None, too, when no code is among the alternatives: bounds that are all equal would look like a tie.
    """
    tokens = _at(choice, "logprobs", "content")
    if (
        not isinstance(request.constraint, Choices)
        or not request.want_logprobs
        or not isinstance(tokens, list)
    ):
        return None
    written = [_text(_at(token, "token")) for token in tokens]
    # A mark such as <|im_end|> may hold the letters of a code.
    while written and _END_MARK.fullmatch(written[-1]) and written[-1].strip() != text:
        written.pop()
    # The last place: thoughts in front of the answer may name a code, too.
    start = "".join(written).rfind(text)
    position = 0
    for place, token in enumerate(written):
        position += len(token)
        if 0 <= start < position:
            told = _alternatives(tokens[place])
            codes = request.constraint.options
            begun = any(name and code.startswith(name) for name, _ in told for code in codes)
            return option_logprobs(codes, told) if begun else None
    return None


def _alternatives(token: object) -> list[tuple[str, float]]:
    listed = _at(token, "top_logprobs")
    found = []
    for entry in listed if isinstance(listed, list) else []:
        name, value = _at(entry, "token"), _at(entry, "logprob")
        # Neither infinite nor NaN, nor an integer that is too large for a float.
        if isinstance(name, str) and isinstance(value, int | float) and -1e9 < value < 1.0:
            found.append((name.strip().removeprefix('"'), float(value)))
    return found
