"""Around the application: who may call it, by which name, how much one may send, and what the log says.

The log has a line for every request, with method, address, status and time. Nothing that was sent is in it.
"""

from __future__ import annotations

import hmac
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping

from apothecary.service.refusals import fault, say_fault
from apothecary.service.serving import Serving, names_of_host

__all__ = ["HEALTH", "App", "Guard"]

# The types of ASGI itself: it has no narrower ones.
Scope = MutableMapping[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = "/v1/health"
"""The one address that needs no token: it tells nothing."""
_SHOWN = re.compile(r"/v1(?:/[\w.]{1,20}){0,4}")
_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
Refused = tuple[int, str, str, str]
"""Status, where, what, hint."""


class Guard:
    """An ASGI application that lets through to another one what may pass."""

    def __init__(self, app: App, serving: Serving) -> None:
        self._app = app
        self._names = names_of_host(serving.host)
        self._token = f"Bearer {serving.token}".encode() if serving.token else None
        self._most = serving.most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(str(message["status"]))
                headers = message.get("headers")
                message["headers"] = [*(headers if isinstance(headers, list) else []), *_HEADERS]
            await send(message)

        try:
            await self._serve(scope, receive, sent)
        except Exception as error:
            say_fault(error)
            if not status:
                told = fault()
                await _answer(sent, (500, told["where"], told["what"], told["hint"]))
        finally:
            path = str(scope["path"])
            shown = path if _SHOWN.fullmatch(path) else "(another address)"
            line = f"{scope['method']} {shown} {status} {time.monotonic() - started:.2f} s"
            print(line, file=sys.stderr, flush=True)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(scope)
        if refused is not None:
            await _answer(send, refused)
            return
        body = await self._body(receive)
        if body is None:
            too_long = (413, "body", f"is longer than {self._most} bytes", "send less at once")
            await _answer(send, too_long)
            return
        told = False

        async def again() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    def _refused(self, scope: Scope) -> Refused | None:
        headers = _headers(scope)
        host = headers.get(b"host", b"").decode("latin-1")
        if self._names is not None and _name_of(host) not in self._names:
            return 400, "Host", "this server is not called so", f"call it {sorted(self._names)[0]}"
        given = headers.get(b"authorization", b"")
        is_open = self._token is None or scope["path"] == HEALTH
        if self._token is not None and not is_open and not hmac.compare_digest(given, self._token):
            return 401, "Authorization", "the token is missing or wrong", "Authorization: Bearer TOKEN"
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > self._most:
            return 413, "body", f"is longer than {self._most} bytes", "send less at once"
        # A page of another site may send a form to this machine, but JSON only if it is let.
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if scope["method"] == "POST" and kind != b"application/json":
            return 415, "Content-Type", "the body is not said to be JSON", "Content-Type: application/json"
        return None

    async def _body(self, receive: Receive) -> bytes | None:
        """All that is sent; None when it is too much. A client that leaves has sent nothing."""
        body = bytearray()
        while True:
            message = await receive()
            piece = message.get("body", b"")
            body += piece if isinstance(piece, bytes) else b""
            if len(body) > self._most:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    headers = scope["headers"]
    return dict(headers) if isinstance(headers, list) else {}


def _name_of(host: str) -> str:
    """The name in a Host header, without the port."""
    return re.sub(r":\d*$", "", host).lower()


async def _answer(send: Send, refused: Refused) -> None:
    status, where, what, hint = refused
    body = json.dumps({"error": {"where": where, "what": what, "hint": hint}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
