"""Open a server by its address: a few small questions first; what it does is believed, not what it says.

Structured decoding fails open: a server that does not know a field ignores it and answers 200. So each
form of constraint is tried with an answer that no model would give by itself.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import httpx2

from apothecary.engines.chat import ChoiceForm, Dialect, Unusable, read_reply, request_body, rough_tokens
from apothecary.engines.http import Connection, Http, Patience, is_loopback
from apothecary.errors import EngineError, UsageError
from apothecary.messages import Choices, Decoding, EngineInfo, JsonSchema, Message, Reply, Request

__all__ = ["open_http", "probe"]

KEY = "APOTHECARY_API_KEY"
KEY_FILE = "APOTHECARY_API_KEY_FILE"
PROBE_TOKENS = 64
TRIES = 3
NO_THINKING: tuple[tuple[tuple[str, object], ...], ...] = (
    (("chat_template_kwargs", {"enable_thinking": False}),),
    (("think", False),),
    (("reasoning_effort", "none"),),
)
"""How vLLM, SGLang and llama-server, then Ollama, then hosted servers are told not to think."""

# Words that stand in no relation to any task, to learn how the server's tokenizer compares with ours.
_PASSAGE = (
    "The morning bus was late again, so the two painters walked along the river to the old mill. They "
    "carried 3 ladders, 12 brushes and a bucket of pale green paint. Nobody had lived there since 1987; "
    "the windows were broken, and a heron stood on what was left of the wooden bridge. "
) * 3
_CODE = "qz"


def open_http(
    spec: str, *, in_flight: int | None = None, seed: int = 0, patience: Patience | None = None
) -> Http:
    """Open ``http://host:port/v1#model``; without a model, the only one that the server has.

    The key is taken from the environment, or from a file named there, never from the address. Raises
    UsageError for an address that is none, EngineError when the server cannot be reached or used.
    """
    base, _, model = spec.partition("#")
    _check(base)
    connection = Connection(
        base.rstrip("/"), model, _key(), most=in_flight or 32, seed=seed, patience=patience or Patience()
    )
    with httpx2.Client(
        headers={"Authorization": f"Bearer {connection.key}"} if connection.key else {},
        timeout=connection.patience.seconds,
        trust_env=not is_loopback(base),
    ) as client:
        connection = replace(connection, model=_model(client, connection, spec))
        connection = replace(connection, dialect=probe(client, connection))
    dialect = connection.dialect
    settings = (
        f"{connection.base} {connection.model} {dialect.schema} {dialect.choice} {dialect.quiet} {seed}"
    )
    info = EngineInfo(
        name=f"{connection.base}#{connection.model}",
        digest=hashlib.sha256(settings.encode()).hexdigest(),
        local=is_loopback(base),
        concurrency=connection.most,
        notes=_notes(dialect),
    )
    return Http(connection, info)


def _check(base: str) -> None:
    try:
        url = httpx2.URL(base)
    except httpx2.InvalidURL as error:
        raise UsageError("is no address of a server", where=base, hint="http://host:port/v1#model") from error
    if url.userinfo or url.query:
        # Not shown: it may hold a key.
        raise UsageError("the address of a server holds no user, password or query", hint=f"set {KEY}")
    if not url.host:
        raise UsageError("names no host", where=base, hint="http://host:port/v1#model")


def _key() -> str:
    path = os.environ.get(KEY_FILE)
    if not path:
        return os.environ.get(KEY, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file named by {KEY_FILE} cannot be read", where=path) from error


def _model(client: httpx2.Client, connection: Connection, spec: str) -> str:
    """The model asked for, or the only one there is. A server without a list of models is believed."""
    if connection.model:
        return connection.model
    listed = _get(client, f"{connection.base}/models")
    rows = listed.get("data") if isinstance(listed, Mapping) else None
    names = [str(row["id"]) for row in rows or [] if isinstance(row, Mapping) and "id" in row]
    if len(names) != 1:
        has = f"has {', '.join(names[:10])}" if names else "lists no models"
        raise UsageError(f"the server {has}", where=spec, hint=f"name one: {connection.base}#MODEL")
    return names[0]


def probe(client: httpx2.Client, connection: Connection) -> Dialect:
    """What a server does. Raises EngineError when it does not answer at all."""
    plain = Request((Message("user", f"{_PASSAGE}\n\nWrite the word HELLO."),), "probe", decoding=_SHORT)
    first = _ask(client, connection, plain, Dialect(schema=False, choice="none", logprobs=False))
    if first is None:
        raise EngineError("the server does not answer a plain question", where=connection.base)
    dialect = Dialect(
        context=_context(client, connection),
        thinking=_thinks(first),
        tokens_ratio=_ratio(first, plain),
    )
    if dialect.thinking:
        dialect = replace(dialect, quiet=_quiet(client, connection, plain, dialect))
    schema = JsonSchema(
        f'{{"type":"object","properties":{{"{_CODE}":{{"type":"integer"}}}},"required":["{_CODE}"],'
        '"additionalProperties":false}'
    )
    held = _reply(client, connection, replace(plain, constraint=schema), dialect)
    dialect = replace(dialect, schema=held is not None)
    return _with_choice(client, connection, plain, dialect)


_SHORT = Decoding(max_new_tokens=PROBE_TOKENS)


def _with_choice(client: httpx2.Client, connection: Connection, plain: Request, dialect: Dialect) -> Dialect:
    """The first form in which the server holds to a code, and whether it tells log-probabilities with it."""
    asked = replace(plain, constraint=Choices((_CODE,)), want_logprobs=True)
    for form in get_args(ChoiceForm):
        if form == "none" or (form == "json" and not dialect.schema):
            continue
        for told in (True, False):
            tried = replace(dialect, choice=form, logprobs=told)
            reply = _reply(client, connection, asked, tried)
            if reply is not None:
                return replace(tried, logprobs=told and reply.logprobs is not None)
    return replace(dialect, choice="none", logprobs=_tells_logprobs(client, connection, plain, dialect))


def _tells_logprobs(client: httpx2.Client, connection: Connection, plain: Request, dialect: Dialect) -> bool:
    """Of a server that holds to no code: whether it tells log-probabilities at all."""
    asked = replace(plain, want_logprobs=True, constraint=None)
    response = _ask(client, connection, asked, dialect)
    choices = response.get("choices") if isinstance(response, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, Mapping) and bool(first.get("logprobs"))


def _reply(client: httpx2.Client, connection: Connection, request: Request, dialect: Dialect) -> Reply | None:
    """A reply that keeps to the constraint; None when the server did not hold the model to it."""
    try:
        reply = read_reply(_ask(client, connection, request, dialect), request, dialect, 0.0)
    except (Unusable, EngineError):
        return None
    return reply if reply.finish == "stop" or isinstance(request.constraint, Choices) else None


def _ask(client: httpx2.Client, connection: Connection, request: Request, dialect: Dialect) -> object:
    """The response to one question; None when the server refuses it (it may not know a field)."""
    body = request_body(request, connection.model, dialect, connection.seed)
    for attempt in range(TRIES):
        try:
            response = client.post(f"{connection.base}/chat/completions", json=body)
        except httpx2.HTTPError as error:
            if attempt + 1 < TRIES:
                time.sleep(0.2 * 2**attempt)
                continue
            raise EngineError(
                f"the server cannot be reached ({type(error).__name__})",
                where=connection.base,
                hint="is it running, and is the address right?",
            ) from error
        if response.status_code in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
            raise EngineError("the server refuses the key", where=connection.base, hint=f"set {KEY}")
        if response.status_code == httpx2.codes.NOT_FOUND or response.is_redirect:
            what = f"the server has no such path, or no model {connection.model} ({response.status_code})"
            raise EngineError(what, where=connection.base, hint="http://host:port/v1#model")
        if response.status_code == httpx2.codes.OK:
            return _parsed(response)
        if response.status_code < httpx2.codes.INTERNAL_SERVER_ERROR and response.status_code != 429:
            return None
        time.sleep(0.2 * 2**attempt)
    return None


def _get(client: httpx2.Client, url: str) -> object:
    """What lies at an address; None when nothing does."""
    try:
        response = client.get(url)
    except httpx2.HTTPError:
        return None
    return _parsed(response) if response.status_code == httpx2.codes.OK else None


def _parsed(response: httpx2.Response) -> object:
    try:
        found: object = response.json()
    except (ValueError, RecursionError):
        return None
    return found


def _context(client: httpx2.Client, connection: Connection) -> int | None:
    """Tokens of the context, where a server says so: vLLM and SGLang in /models, llama-server in /props."""
    listed = _get(client, f"{connection.base}/models")
    rows = listed.get("data") if isinstance(listed, Mapping) else None
    for row in rows or []:
        if isinstance(row, Mapping) and row.get("id") == connection.model:
            length = row.get("max_model_len")
            if isinstance(length, int):
                return length
    settings = _get(client, connection.base.removesuffix("/v1") + "/props")
    own = settings.get("default_generation_settings") if isinstance(settings, Mapping) else None
    held = own.get("n_ctx") if isinstance(own, Mapping) else None
    return held if isinstance(held, int) else None


def _message(response: object) -> Mapping[str, object]:
    choices = response.get("choices") if isinstance(response, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    return message if isinstance(message, Mapping) else {}


def _thinks(response: object) -> bool:
    message = _message(response)
    content = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning")
    return bool(thought) or (isinstance(content, str) and content.lstrip().startswith("<think>"))


def _quiet(
    client: httpx2.Client, connection: Connection, plain: Request, dialect: Dialect
) -> tuple[tuple[str, object], ...]:
    """The fields that stop the model's thinking; none when nothing does."""
    for fields in NO_THINKING:
        response = _ask(client, connection, plain, replace(dialect, quiet=fields))
        if response is not None and _message(response).get("content") and not _thinks(response):
            return fields
    return ()


def _ratio(response: object, request: Request) -> float:
    """Its tokens for each of ours; 0 when it does not count."""
    usage = response.get("usage") if isinstance(response, Mapping) else None
    counted = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
    ours = sum(rough_tokens(message.content) for message in request.messages)
    return counted / ours if isinstance(counted, int) else 0.0


def _notes(dialect: Dialect) -> tuple[str, ...]:
    """What a user should know of the server, in words."""
    notes = []
    if not dialect.schema:
        notes.append("does not hold replies to a JSON schema: they are checked after the fact")
    if dialect.choice == "none":
        notes.append("does not hold replies to codes: they are checked after the fact")
    if not dialect.logprobs:
        notes.append("tells no log-probabilities: decisions go by what it writes, without thresholds")
    if dialect.thinking and not dialect.quiet:
        notes.append("thinks before every answer, and cannot be told not to: slow, and dear")
    if not dialect.tokens_ratio:
        notes.append("does not count tokens: a prompt that it cuts cannot be noticed")
    return tuple(notes)
