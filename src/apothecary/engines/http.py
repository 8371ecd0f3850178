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
from concurrent.futures import CancelledError, Future, as_completed
from dataclasses import dataclass, field, replace

import httpx2

from apothecary.engines.chat import Dialect, Unusable, read_reply, request_body, rough_tokens
from apothecary.engines.pace import FIRST_PAUSE, Pace, Retries, pause_before
from apothecary.engines.soft import check_soft
from apothecary.errors import ContextOverflow, EngineError
from apothecary.hosts import is_loopback_host
from apothecary.messages import Done, EngineInfo, Failure, Outcome, Reply, Request, nothing

__all__ = [
    "BUSY",
    "LARGEST_RESPONSE",
    "SHOWN_OF_A_REASON",
    "TRUNCATED_BELOW",
    "Connection",
    "Http",
    "Patience",
    "ServerGone",
    "is_loopback",
    "quiet_seconds",
    "reason_of",
    "unquoted",
]

LARGEST_RESPONSE = 32 * 1024 * 1024
LONGEST_QUIET = 60.0
BUSY = frozenset({408, 409, 425, 429, 502, 503, 504, 522, 524, 529})
TRUNCATED_BELOW = 0.8
"""A prompt that the server counts at less than this share of what we count was cut without a word."""
CHECKED_TOKENS = 400
"""A shorter prompt fits everywhere, and its count is too rough."""
SHOWN_OF_A_REASON = 60
QUOTED = 8
"""So many characters that stand in the prompt, too, are a quotation of it."""
_TOO_LONG_FOR_CONTEXT = "the prompt does not fit the server's context (--set window=... makes it shorter)"
_TOO_LONG = (
    "context length",
    "context size",
    "context window",
    "context_length",
    "maximum context",
    "maximum model length",
    "maximum number of tokens",
    "too long",
    "n_ctx",
)


class ServerGone(EngineError):
    """A server cannot be reached any more."""


@dataclass(frozen=True)
class Patience:
    """How often a request is tried (the first time included), and how many seconds are waited.

    `seconds` for one attempt, from sending to the last byte; `gone_after` for a server that cannot be
    reached or still loads its model, before the run ends (the same command goes on with it);
    `first_pause` at most before the second attempt, twice as long before each further one.
    """

    attempts: int = 6
    seconds: float = 300.0
    gone_after: float = 120.0
    first_pause: float = FIRST_PAUSE


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

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def timeout(self) -> httpx2.Timeout:
        """For each wait on the network; connecting is given up first, to be told from a slow answer."""
        seconds = self.patience.seconds
        return httpx2.Timeout(seconds, connect=min(10.0, seconds / 2), pool=None)

    def client(self) -> httpx2.AsyncClient:
        """A pool of connections. A key follows no redirect; what is for loopback passes no proxy."""
        return httpx2.AsyncClient(
            headers=self.headers,
            timeout=self.timeout,
            limits=httpx2.Limits(max_connections=self.most, max_keepalive_connections=self.most),
            trust_env=not is_loopback(self.base),
            follow_redirects=False,
        )


def is_loopback(base: str) -> bool:
    """Whether requests to this address stay on this machine, whoever answers for names."""
    return is_loopback_host(httpx2.URL(base).host)


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
        self._away_since: float | None = None
        self._client = connection.client()
        self._closed = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def info(self) -> EngineInfo:
        """Named as a user writes it; local on loopback only."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """One outcome for each request, all of them under way as far as the server keeps up.

        Raises EngineError when the server is gone, refuses the key or has no such model, and when the
        engine is closed, be it by another thread in the meantime.
        """
        check_soft(requests, self._info.name)
        outcomes: dict[int, Outcome] = {}
        waiting = self._start(requests)
        try:
            for future in as_completed(waiting):
                outcome = future.result()
                if isinstance(outcome, EngineError):
                    raise outcome
                place = waiting[future]
                outcomes[place] = outcome
                done(place, outcome)
        except CancelledError as error:
            raise self._is_closed() from error
        finally:
            for future in waiting:
                future.cancel()
        return [outcomes[place] for place in range(len(requests))]

    def _start(self, requests: Sequence[Request]) -> dict[Future[Outcome | EngineError], int]:
        with self._lock:
            if self._closed:
                raise self._is_closed()
            return {
                asyncio.run_coroutine_threadsafe(self._tracked(request), self._loop): place
                for place, request in enumerate(requests)
            }

    def _is_closed(self) -> EngineError:
        return EngineError("the engine is closed", where=self._info.name)

    async def _tracked(self, request: Request) -> Outcome | EngineError:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered outside its loop")
        self._tasks.add(task)
        try:
            return await self._settled(request)
        finally:
            self._tasks.discard(task)

    async def _settled(self, request: Request) -> Outcome | EngineError:
        """What ends the run is given, not raised: of many such errors, only the first is ever fetched."""
        try:
            content = self._content(request)
        except EngineError as error:
            return Failure(EngineError.__name__, str(error))
        context = self._connection.dialect.context
        if context and self._rough_tokens(request) > context:
            return Failure(ContextOverflow.__name__, _TOO_LONG_FOR_CONTEXT)
        try:
            return await self._one(request, content)
        except EngineError as error:
            return error

    def _content(self, request: Request) -> bytes:
        connection = self._connection
        body = request_body(request, connection.model, connection.dialect, connection.seed)
        try:
            return json.dumps(body, ensure_ascii=False).encode()
        except (UnicodeEncodeError, RecursionError) as error:
            what = (
                "half a character (a lone surrogate)"
                if isinstance(error, UnicodeError)
                else "too deep a schema"
            )
            raise EngineError(f"the request cannot be sent: it holds {what}") from error

    async def _one(self, request: Request, content: bytes) -> Outcome:
        """Attempts until one is answered, or patience or the budget of retries ends."""
        patience = self._connection.patience
        attempt = 1
        while True:
            try:
                async with self._pace.turn() as sent:
                    outcome = await self._attempt(request, content, sent)
                    self._pace.good()
                self._retries.earn()
                return outcome
            except _Passing as fault:
                pause = pause_before(attempt, self._rng, patience.first_pause)
                if fault.away:
                    # Nothing was asked of the server: this is no attempt, and no other need try now.
                    self._wait_for_server(fault, pause)
                    continue
                if attempt >= patience.attempts or not self._retries.spend():
                    message = f"{fault} (attempt {attempt} of {patience.attempts})"
                    if fault.reply:
                        return replace(fault.reply, finish="breach")
                    return Failure(EngineError.__name__, message)
            attempt += 1
            await asyncio.sleep(pause)

    def _wait_for_server(self, fault: _Passing, pause: float) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since > self._connection.patience.gone_after:
            hint = "start it again; the same command goes on where this one stopped"
            raise ServerGone(str(fault), where=self._info.name, hint=hint) from fault
        self._pace.rest(pause)

    async def _attempt(self, request: Request, content: bytes, sent: float) -> Outcome:
        """Raises _Passing for what may pass, EngineError for what ends the run."""
        try:
            async with asyncio.timeout(self._connection.patience.seconds):
                status, headers, data = await self._post(content)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise _Passing("the server cannot be reached", away=True) from error
        except (TimeoutError, httpx2.TimeoutException) as error:
            self._pace.complaint(sent)
            raise _Passing("the server did not answer in time") from error
        except httpx2.HTTPError as error:
            raise _Passing(f"the connection broke ({type(error).__name__})") from error
        if status == httpx2.codes.SERVICE_UNAVAILABLE and " loading" in f" {reason_of(data).lower()}":
            raise _Passing("the server is still loading its model", away=True)
        self._away_since = None
        if status != httpx2.codes.OK:
            return self._refusal(request, status, headers, data, sent)
        return self._reply(request, data, time.monotonic() - sent)

    async def _post(self, content: bytes) -> tuple[int, Mapping[str, str], bytes]:
        url = f"{self._connection.base}/chat/completions"
        json_type = {"Content-Type": "application/json"}
        async with self._client.stream("POST", url, content=content, headers=json_type) as response:
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
        ours = self._rough_tokens(request)
        if 0 < counted < TRUNCATED_BELOW * ours and ours > CHECKED_TOKENS:
            message = (
                f"the server read {counted} tokens of a prompt of about {ours:.0f}: it cuts what is too long"
            )
            return Failure(ContextOverflow.__name__, f"{message} (raise its context, or --set window=...)")
        return reply

    def _rough_tokens(self, request: Request) -> float:
        """A low guess at the server's tokens of a prompt."""
        return self._connection.dialect.tokens_ratio * sum(rough_tokens(m.content) for m in request.messages)

    def _refusal(
        self, request: Request, status: int, headers: Mapping[str, str], data: bytes, sent: float
    ) -> Failure:
        where = self._info.name
        if status in BUSY:
            self._pace.complaint(sent)
            self._pace.rest(quiet_seconds(headers))
            raise _Passing(f"the server answered {status}")
        if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
            hint = "APOTHECARY_API_KEY, or a file named by APOTHECARY_API_KEY_FILE"
            raise EngineError(f"the server refuses the key ({status})", where=where, hint=hint)
        if status == httpx2.codes.NOT_FOUND or httpx2.codes.is_redirect(status):
            hint = "http://host:port/v1#model"
            raise EngineError(f"the server has no such path or model ({status})", where=where, hint=hint)
        reason = reason_of(data)
        # Before the faults of the server: some count a prompt that is too long as one.
        if any(words in reason.lower() for words in _TOO_LONG):
            return Failure(ContextOverflow.__name__, _TOO_LONG_FOR_CONTEXT)
        if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise _Passing(f"the server answered {status}")
        if self._connection.key:
            reason = reason.replace(self._connection.key, "***")
        shown = unquoted(reason, request)[:SHOWN_OF_A_REASON]
        message = f"the server refused the request ({status}): {shown}"
        return Failure(EngineError.__name__, message)

    def close(self) -> None:
        """Close the connections and the loop. Who still waits for an answer gets an EngineError."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        # Only the tasks of requests: those under them are ended by them. One that is cancelled from here
        # before it began would leave what it was to run unawaited, which Python warns of.
        waiting = list(self._tasks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._client.aclose()
        await self._loop.shutdown_asyncgens()


def reason_of(data: bytes | bytearray) -> str:
    """What a server says went wrong, on one line; it is never shown whole."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    error = found.get("error") or found if isinstance(found, dict) else found
    message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    if not isinstance(message, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in message).split())


def unquoted(reason: str, request: Request) -> str:
    """What a server says as far as it does not quote the prompt; the beginning is what names the fault."""
    prompt = " ".join(" ".join(message.content for message in request.messages).split())
    for start in range(min(len(reason), SHOWN_OF_A_REASON) - QUOTED + 1):
        if reason[start : start + QUOTED] in prompt:
            return reason[:start] + "..."
    return reason


def quiet_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; a date there, or nonsense, counts as nothing: the pauses grow anyway."""
    try:
        return min(LONGEST_QUIET, max(0.0, float(headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0
