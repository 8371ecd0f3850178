"""What every request meets first: the name it calls us by, and the headers every answer leaves with."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apothecary.errors import UsageError
from apothecary.review.session import is_our_host

__all__ = ["MAX_BODY", "Guard", "read_form"]

MAX_BODY = 256 * 1024
MAX_FIELDS = 500
HEADERS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
     b"form-action 'self'; object-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)  # fmt: skip


class Guard:
    """An application behind a check of the Host header, with headers that let nothing foreign in."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        names = [value for name, value in scope["headers"] if name == b"host"]
        if len(names) != 1 or not is_our_host(names[0].decode("latin-1"), self._host):
            answer = PlainTextResponse("This server does not go by that name.\n", status_code=421)
            await answer(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)


async def read_form(request: Request) -> dict[str, Sequence[str]]:
    """The fields of a form. Raises UsageError for one that is larger than any of ours."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise UsageError(f"a form has at most {MAX_BODY // 1024} kB", where="form")
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise UsageError("cannot be read", where="form") from error
    return dict(fields)
