"""Any server that speaks the OpenAI chat API: vLLM, SGLang, llama-server, Ollama, hosted ones.

Requests of all documents in flight share one pool of connections and one `Pace`. What may pass (an
overloaded or restarting server, a broken or unusable reply) is tried again after a pause; what cannot
pass fails once. Neither prompts nor the key are ever shown in an error.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field

import httpx2

from apothecary.engines.chat import Dialect, Unusable, read_reply, request_body, rough_tokens
from apothecary.engines.pace import Pace, Retries, pause_before
from apothecary.errors import ContextOverflow, EngineError
from apothecary.messages import Done, EngineInfo, Failure, Outcome, Reply, Request, nothing

__all__ = ["Connection", "Http", "Patience", "ServerGone", "is_loopback"]

LARGEST_RESPONSE = 32 * 1024 * 1024
LONGEST_QUIET = 60.0
BUSY = frozenset({408, 409, 425, 429, 502, 503, 504, 522, 524, 529})
TRUNCATED_BELOW = 0.8
"""A prompt that the server counts at less than this share of what we count was cut without a word."""
CHECKED_TOKENS = 400
"""A shorter prompt fits everywhere, and its count is too rough."""
SHOWN_OF_A_REASON = 60
_TOO_LONG = ("context length", "context size", "context window", "maximum context", "too long", "n_ctx")


class ServerGone(EngineError):
    """A server cannot be reached any more."""


@dataclass(frozen=True)
class Patience:
    """How often a request is tried (the first time included), and how many seconds are waited.

    `seconds` for one attempt, from sending to the last byte; `gone_after` for a server that cannot be
    reached, before the run ends (the same command goes on with it).
    """

    attempts: int = 6
    seconds: float = 300.0
    gone_after: float = 120.0


@dataclass(frozen=True)
class Connection:
    """One server and one of its models: where they are, and what they were found to do."""

    base: str
    model: str
    key: str = field(default="", repr=False)
    dialect: Dialect = field(default_factory=Dialect)
    most: int = 32
    seed: int = 0
    patience: Patience = field(default_factory=Patience)

    def client(self) -> httpx2.AsyncClient:
        """A pool of connections. A key follows no redirect; what is for loopback passes no proxy."""
        seconds = self.patience.seconds
        return httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            timeout=httpx2.Timeout(seconds, connect=min(10.0, seconds), pool=None),
            limits=httpx2.Limits(max_connections=self.most, max_keepalive_connections=self.most),
            trust_env=not is_loopback(self.base),
            follow_redirects=False,
        )


def is_loopback(base: str) -> bool:
    """Whether requests to this address stay on this machine."""
    host = httpx2.URL(base).host
    return host in ("localhost", "::1") or host.startswith("127.")


class _Passing(Exception):
    """One attempt failed in a way that may pass. `reply` is what came all the same."""

    def __init__(self, what: str, *, away: bool = False, reply: Reply | None = None) -> None:
        super().__init__(what)
        self.away = away
        self.reply = reply


class Http:
    """One model of one server. Safe to call from several threads; works in an event loop of its own."""

    def __init__(self, connection: Connection, info: EngineInfo) -> None:
        self._connection = connection
        self._info = info
        self._pace = Pace(connection.most, clock=time.monotonic)
        self._retries = Retries()
        self._rng = random.Random(connection.seed)  # noqa: S311 - spreads pauses
        self._heard = time.monotonic()
        self._client = connection.client()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def info(self) -> EngineInfo:
        """Named as a user writes it; local on loopback only."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """One outcome for each request, all of them under way as far as the server keeps up.

        Raises EngineError when the server is gone, refuses the key or has no such model.
        """
        waiting = {
            asyncio.run_coroutine_threadsafe(self._one(request), self._loop): place
            for place, request in enumerate(requests)
        }
        outcomes: dict[int, Outcome] = {}
        try:
            for future in as_completed(waiting):
                place = waiting[future]
                outcomes[place] = future.result()
                done(place, outcomes[place])
        finally:
            for future in waiting:
                future.cancel()
        return [outcomes[place] for place in range(len(requests))]

    async def _one(self, request: Request) -> Outcome:
        """Attempts until one is answered, or patience or the budget of retries ends."""
        patience = self._connection.patience
        try:
            body = request_body(
                request, self._connection.model, self._connection.dialect, self._connection.seed
            )
        except EngineError as error:
            return Failure(EngineError.__name__, str(error))
        attempt = 1
        while True:
            try:
                async with self._pace.turn() as sent:
                    outcome = await self._attempt(request, body, sent)
                self._pace.good()
                self._retries.earn()
                return outcome
            except _Passing as fault:
                if fault.away:
                    # Nothing was asked of the server: this is no attempt.
                    if time.monotonic() - self._heard > patience.gone_after:
                        raise self._gone(fault) from fault
                elif attempt >= patience.attempts or not self._retries.spend():
                    return fault.reply or Failure(EngineError.__name__, f"{fault} ({attempt} attempts)")
                attempt += not fault.away
            await asyncio.sleep(pause_before(attempt, self._rng))

    async def _attempt(self, request: Request, body: Mapping[str, object], sent: float) -> Outcome:
        """Raises _Passing for what may pass, EngineError for what ends the run."""
        try:
            async with asyncio.timeout(self._connection.patience.seconds):
                status, headers, data = await self._post(body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise _Passing("the server cannot be reached", away=True) from error
        except (TimeoutError, httpx2.TimeoutException) as error:
            self._pace.complaint(sent)
            raise _Passing("the server did not answer in time") from error
        except httpx2.HTTPError as error:
            raise _Passing(f"the connection broke ({type(error).__name__})") from error
        self._heard = time.monotonic()
        if status != httpx2.codes.OK:
            return self._refusal(status, headers, data, sent)
        return self._reply(request, data, time.monotonic() - sent)

    async def _post(self, body: Mapping[str, object]) -> tuple[int, Mapping[str, str], bytes]:
        url = f"{self._connection.base}/chat/completions"
        async with self._client.stream("POST", url, json=body) as response:
            parts: list[bytes] = []
            size = 0
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > LARGEST_RESPONSE:
                    raise _Passing("the response does not end")
            return response.status_code, response.headers, b"".join(parts)

    def _reply(self, request: Request, data: bytes, seconds: float) -> Outcome:
        try:
            response = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _Passing("the response is no JSON") from error
        try:
            reply = read_reply(response, request, self._connection.dialect, seconds)
        except Unusable as error:
            raise _Passing(str(error), reply=error.reply) from error
        except EngineError as error:
            return Failure(EngineError.__name__, str(error))
        counted = reply.usage.prompt_tokens
        ours = self._connection.dialect.tokens_ratio * sum(rough_tokens(m.content) for m in request.messages)
        if 0 < counted < TRUNCATED_BELOW * ours and ours > CHECKED_TOKENS:
            message = (
                f"the server read {counted} tokens of a prompt of about {ours:.0f}: it cuts what is too long"
            )
            return Failure(ContextOverflow.__name__, f"{message} (raise its context, or --set window=...)")
        return reply

    def _refusal(self, status: int, headers: Mapping[str, str], data: bytes, sent: float) -> Failure:
        reason = _reason(data)
        where = self._info.name
        if status in BUSY:
            self._pace.complaint(sent, _quiet_seconds(headers))
        if status in BUSY or status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise _Passing(f"the server answered {status}")
        if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
            hint = "APOTHECARY_API_KEY, or a file named by APOTHECARY_API_KEY_FILE"
            raise EngineError(f"the server refuses the key ({status})", where=where, hint=hint)
        if status == httpx2.codes.NOT_FOUND or httpx2.codes.is_redirect(status):
            hint = "http://host:port/v1#model"
            raise EngineError(f"the server has no such path or model ({status})", where=where, hint=hint)
        if any(words in reason.lower() for words in _TOO_LONG):
            message = "the prompt does not fit the server's context (--set window=... makes it shorter)"
            return Failure(ContextOverflow.__name__, message)
        # The server may quote the prompt: only the beginning is kept, which names the fault.
        return Failure(
            EngineError.__name__, f"the server refused the request ({status}): {reason[:SHOWN_OF_A_REASON]}"
        )

    def _gone(self, fault: Exception) -> ServerGone:
        hint = "start it again; the same command goes on where this one stopped"
        return ServerGone(str(fault), where=self._info.name, hint=hint)

    def close(self) -> None:
        """Close the connections and the loop."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _reason(data: bytes) -> str:
    """What a server says went wrong; it is never shown whole."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    error = found.get("error", found) if isinstance(found, dict) else found
    message = error.get("message", "") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _quiet_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; a date there, or nonsense, counts as nothing: the pauses grow anyway."""
    try:
        return min(LONGEST_QUIET, max(0.0, float(headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0
