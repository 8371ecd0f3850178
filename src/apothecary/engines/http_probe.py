"""Open a server by its address: a few small questions first; what it does is believed, not what it says.

Structured decoding fails open: a server that does not know a field ignores it and answers 200. So each
form of constraint is tried with an answer that no model would give by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import httpx2

from apothecary.engines.chat import (
    TOP_LOGPROBS,
    ChoiceForm,
    Dialect,
    Unusable,
    message_of,
    read_reply,
    request_body,
    rough_tokens,
    split_thoughts,
)
from apothecary.engines.http import (
    BUSY,
    LARGEST_RESPONSE,
    SHOWN_OF_A_REASON,
    Connection,
    Http,
    Patience,
    is_loopback,
    quiet_seconds,
    reason_of,
)
from apothecary.errors import EngineError, UsageError
from apothecary.messages import Choices, Decoding, EngineInfo, JsonSchema, Message, Request

__all__ = ["open_http", "probe"]

KEY = "APOTHECARY_API_KEY"
KEY_FILE = "APOTHECARY_API_KEY_FILE"
EXAMPLE = "http://host:port/v1#model"
LAST_PORT = 65_535
MOST_TOKENS = 100_000
"""No tokenizer makes as many of the passage: a larger figure is no count."""
MORE_LOGPROBS = 100
"""Small models may have other words for a code in front of it; vLLM and hosted servers refuse so many."""
PROBE_TOKENS = 64
TRIES = 4
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
_SCHEMA = (
    f'{{"type":"object","properties":{{"{_CODE}":{{"type":"integer"}}}},"required":["{_CODE}"],'
    '"additionalProperties":false}'
)
_ORDER = "Write the word HELLO."
_LONG = f"{_PASSAGE}\n\n{_ORDER}"
_BARE = Dialect(schema=False, choice="none", logprobs=0)


def open_http(
    spec: str, *, in_flight: int | None = None, seed: int = 0, patience: Patience | None = None
) -> Http:
    """Open ``http://host:port/v1#model``; without a model, the only one that the server has.

    The key is taken from the environment, or from a file named there, never from the address. Raises
    UsageError for an address that is none, EngineError when the server cannot be reached or used.
    """
    base, _, model = spec.partition("#")
    _check(base)
    if not model.isprintable():
        raise UsageError("the name of the model cannot be printed", where=base, hint=EXAMPLE)
    connection = Connection(
        base.rstrip("/"), model, _key(), most=in_flight or 32, seed=seed, patience=patience or Patience()
    )
    with _client(connection) as client:
        connection = replace(connection, model=_model(client, connection, spec))
        connection = replace(connection, dialect=probe(client, connection))
    dialect = connection.dialect
    # All that goes into the body of a request or decides what is read in a response.
    settings = (
        f"{connection.base} {connection.model} {dialect.schema} {dialect.choice} {dialect.logprobs}"
        f" {dialect.thinking} {dialect.quiet} {seed}"
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
    # Before anything is shown: what stands before an at sign or after a question mark may be a key.
    if "@" in base or "?" in base:
        raise UsageError("the address of a server holds no user, password or query", hint=f"set {KEY}")
    if not base.isprintable():
        raise UsageError("the address of a server cannot be printed", hint=EXAMPLE)
    try:
        url = httpx2.URL(base)
        usable = url.scheme in ("http", "https") and bool(url.host) and (url.port or 0) <= LAST_PORT
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise UsageError("is no address of a server", where=base, hint=EXAMPLE) from error
    if not usable:
        raise UsageError("is no address of a server", where=base, hint=EXAMPLE)


def _key() -> str:
    path = os.environ.get(KEY_FILE)
    try:
        key = Path(path).read_text(encoding="utf-8") if path else os.environ.get(KEY, "")
    except (OSError, ValueError) as error:
        raise UsageError(f"the file named by {KEY_FILE} cannot be read", where=path or "") from error
    key = key.strip()
    if not all("!" <= letter <= "~" for letter in key):
        hint = "one line of ASCII letters, digits and signs"
        raise UsageError("is no key", where=KEY_FILE if path else KEY, hint=hint)
    return key


def _client(connection: Connection) -> httpx2.Client:
    local = is_loopback(connection.base)
    try:
        return httpx2.Client(headers=connection.headers, timeout=connection.timeout, trust_env=not local)
    except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
        # Not shown: the address of a proxy may hold a password.
        raise UsageError(
            "the environment names a proxy or certificates that cannot be used",
            hint="HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE",
        ) from error


def _model(client: httpx2.Client, connection: Connection, spec: str) -> str:
    """The model asked for, or the only one there is. A server without a list of models is believed."""
    if connection.model:
        return connection.model
    listed = _usable(_exchange(client, connection, f"{connection.base}/models"), connection)
    given = [row.get("id") for row in _rows(listed.content)]
    names = [name for name in given if isinstance(name, str) and name.isprintable()]
    if len(names) != 1:
        has = f"has {', '.join(names[:10])}" if names else "lists no models"
        raise UsageError(f"the server {has}", where=spec, hint=f"name one: {connection.base}#MODEL")
    return names[0]


def _rows(listed: object) -> list[Mapping[str, object]]:
    """The models in a list of models."""
    rows = listed.get("data") if isinstance(listed, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def probe(client: httpx2.Client, connection: Connection) -> Dialect:
    """What a server does. Raises EngineError when it does not answer at all."""
    plain = _asking(_LONG)
    asked = _question(client, connection, plain, _BARE)
    first = asked.content
    if asked.status != httpx2.codes.OK or not message_of(first):
        what = f"the server does not answer a plain question ({asked.status})"
        raise EngineError(f"{what} {asked.reason}", where=connection.base)
    dialect = Dialect(
        context=_context(client, connection),
        thinking=_thinks(first),
        tokens_ratio=_ratio(client, connection, _counted(first)),
    )
    if dialect.thinking:
        dialect = replace(dialect, quiet=_quiet(client, connection, plain, dialect))
    form = replace(plain, constraint=JsonSchema(_SCHEMA))
    held = _held(_question(client, connection, form, dialect), form, dialect)
    dialect = replace(dialect, schema=held)
    return _with_choice(client, connection, plain, dialect)


def _asking(prompt: str, tokens: int = PROBE_TOKENS) -> Request:
    return Request((Message("user", prompt),), "probe", decoding=Decoding(max_new_tokens=tokens))


def _with_choice(client: httpx2.Client, connection: Connection, plain: Request, dialect: Dialect) -> Dialect:
    """The first form in which the server holds to a code, and whether it tells log-probabilities with it."""
    asked = replace(plain, constraint=Choices((_CODE,)), want_logprobs=True)
    # The more the better, but not with each of the thousands of tokens of a thought.
    counts = (TOP_LOGPROBS, 0) if dialect.thinking and not dialect.quiet else (MORE_LOGPROBS, TOP_LOGPROBS, 0)
    for form in get_args(ChoiceForm):
        if form == "none" or (form == "json" and not dialect.schema):
            continue
        for told in counts:
            tried = replace(dialect, choice=form, logprobs=told)
            answer = _question(client, connection, asked, tried)
            if _held(answer, asked, tried):
                return replace(tried, logprobs=told if _tells_logprobs(answer) else 0)
            if answer.status == httpx2.codes.OK:
                break  # It was not the log-probabilities that were refused.
    told = _tells_logprobs(_question(client, connection, replace(plain, want_logprobs=True), dialect))
    return replace(dialect, choice="none", logprobs=TOP_LOGPROBS if told else 0)


@dataclass(frozen=True)
class _Answer:
    """What came back: JSON, or what went wrong. Status 0: nothing came."""

    status: int
    content: object = None
    reason: str = ""
    quiet: float = 0.0

    @property
    def may_pass(self) -> bool:
        """Whether to try again."""
        fault_of_the_server = self.status >= httpx2.codes.INTERNAL_SERVER_ERROR or self.status in BUSY
        return fault_of_the_server or (self.status == httpx2.codes.OK and self.content is None)


def _tells_logprobs(answer: _Answer) -> bool:
    """Not asked of the reply: the code that was asked for may be none of the likely ones."""
    choices = answer.content.get("choices") if isinstance(answer.content, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    told = first.get("logprobs") if isinstance(first, Mapping) else None
    tokens = told.get("content") if isinstance(told, Mapping) else None
    return isinstance(tokens, list) and any(isinstance(t, Mapping) and t.get("top_logprobs") for t in tokens)


def _held(answer: _Answer, request: Request, dialect: Dialect) -> bool:
    """Whether the server held the model to the constraint."""
    try:
        reply = read_reply(answer.content, request, dialect, 0.0)
    except Unusable:
        return False
    return reply.finish == "stop" or isinstance(request.constraint, Choices)


def _question(client: httpx2.Client, connection: Connection, request: Request, dialect: Dialect) -> _Answer:
    """The answer to one question, which may be that the server refuses it: it may not know a field."""
    body = request_body(request, connection.model, dialect, connection.seed)
    url = f"{connection.base}/chat/completions"
    return _usable(_exchange(client, connection, url, body), connection)


def _usable(answer: _Answer, connection: Connection) -> _Answer:
    """Raises EngineError for an answer that says nothing about the question."""
    where, status = connection.base, answer.status
    if not status:
        raise EngineError(answer.reason, where=where, hint="is it running, and is the address right?")
    if status in BUSY:
        what = f"the server is overloaded, or not ready yet ({status}) {answer.reason}"
        raise EngineError(what, where=where, hint="try again later")
    if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
        raise EngineError(f"the server refuses the key ({status})", where=where, hint=f"set {KEY}")
    if status == httpx2.codes.NOT_FOUND or httpx2.codes.is_redirect(status):
        what = f"no model {connection.model}" if connection.model else "no list of models"
        raise EngineError(f"the server has no such path, or {what} ({status})", where=where, hint=EXAMPLE)
    return answer


def _exchange(
    client: httpx2.Client, connection: Connection, url: str, body: Mapping[str, object] | None = None
) -> _Answer:
    """One request, tried again where its fault may pass."""
    pause = connection.patience.first_pause
    answer = _Answer(0)
    for attempt in range(TRIES):
        if attempt:
            time.sleep(max(pause, answer.quiet))
            pause *= 2
        try:
            answer = _send(client, connection, url, body)
        except httpx2.TimeoutException:
            return _Answer(0, reason=f"the server did not answer in {connection.patience.seconds:g} seconds")
        except httpx2.HTTPError as error:
            answer = _Answer(0, reason=f"the server cannot be reached ({type(error).__name__})")
            continue
        if not answer.may_pass:
            break
    return answer


def _send(
    client: httpx2.Client, connection: Connection, url: str, body: Mapping[str, object] | None
) -> _Answer:
    deadline = time.monotonic() + connection.patience.seconds
    data = bytearray()
    with client.stream("GET" if body is None else "POST", url, json=body) as response:
        for part in response.iter_bytes():
            data += part
            if len(data) > LARGEST_RESPONSE or time.monotonic() > deadline:
                raise httpx2.ReadTimeout("the response does not end")
    reason = "" if response.is_success else reason_of(data)
    if connection.key:
        reason = reason.replace(connection.key, "***")
    quiet = quiet_seconds(response.headers)
    return _Answer(response.status_code, _parsed(data), reason[:SHOWN_OF_A_REASON], quiet)


def _get(client: httpx2.Client, connection: Connection, url: str) -> object:
    """What lies at an address; None when nothing does."""
    answer = _exchange(client, connection, url)
    return answer.content if answer.status == httpx2.codes.OK else None


def _parsed(data: bytes | bytearray) -> object:
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found


def _context(client: httpx2.Client, connection: Connection) -> int | None:
    """Tokens of the context, where a server says so: vLLM and SGLang in /models, llama-server in /props."""
    for row in _rows(_get(client, connection, f"{connection.base}/models")):
        length = row.get("max_model_len")
        if row.get("id") == connection.model and isinstance(length, int):
            return length
    settings = _get(client, connection, connection.base.removesuffix("/v1") + "/props")
    own = settings.get("default_generation_settings") if isinstance(settings, Mapping) else None
    held = own.get("n_ctx") if isinstance(own, Mapping) else None
    return held if isinstance(held, int) else None


def _thinks(response: object) -> bool:
    thoughts, _ = split_thoughts(message_of(response))
    return bool(thoughts)


def _quiet(
    client: httpx2.Client, connection: Connection, plain: Request, dialect: Dialect
) -> tuple[tuple[str, object], ...]:
    """The fields that stop the model's thinking; none when nothing does."""
    for fields in NO_THINKING:
        response = _question(client, connection, plain, replace(dialect, quiet=fields)).content
        if split_thoughts(message_of(response))[1] and not _thinks(response):
            return fields
    return ()


def _ratio(client: httpx2.Client, connection: Connection, long: int) -> float:
    """Its tokens for each of ours; 0 when it does not count, or not what it remembers from before.

    From the difference of two prompts: what a template adds to each is as much as a paragraph.
    """
    again, short = (
        _counted(_question(client, connection, _asking(prompt, tokens=1), _BARE).content)
        for prompt in (_LONG, _ORDER)
    )
    more = long - short
    return more / rough_tokens(_PASSAGE) if short and again == long and 0 < more < MOST_TOKENS else 0.0


def _counted(response: object) -> int:
    usage = response.get("usage") if isinstance(response, Mapping) else None
    counted = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
    return counted if isinstance(counted, int) and counted > 0 else 0


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
        notes.append("does not count all tokens of a prompt: one that it cuts cannot be noticed")
    return tuple(notes)
