"""A server that costs as little as Python allows, to measure clients: it answers from two prepared replies.

`python -m benchmarks.fast_server` prints its port and serves until it is killed. A request that wants
log-probabilities gets a code with 20 alternatives, as vLLM writes them; any other gets 60 tokens of text.
What is asked is not looked at otherwise, so an engine cannot probe it.
"""

from __future__ import annotations

import asyncio
import json

__all__ = ["CODES", "MODEL", "main"]

MODEL = "prepared"
CODES = ("A1", "B2", "C3", "D4", "E5")
PROMPT_TOKENS = 300
TEXT = " ".join(["token"] * 60)
ALTERNATIVES = (*CODES, *(f"word{number}" for number in range(20 - len(CODES))))


def completion(text: str, tokens: int, logprobs: object = None) -> bytes:
    """A whole response: head and body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens}
    usage["total_tokens"] = PROMPT_TOKENS + tokens
    body = {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [choice if logprobs is None else {**choice, "logprobs": logprobs}],
        "usage": usage,
    }
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def told(token: str, first: float) -> dict[str, object]:
    """A token with its alternatives."""
    listed = [
        {"token": name, "logprob": first - rank, "bytes": None} for rank, name in enumerate(ALTERNATIVES)
    ]
    return {"token": token, "logprob": first, "bytes": None, "top_logprobs": listed}


TEXT_RESPONSE = completion(TEXT, 60)
CODE_RESPONSE = completion(CODES[0], 2, {"content": [told(CODES[0], -0.1), told("<|im_end|>", -0.01)]})


class Answering(asyncio.Protocol):
    """One connection, kept open: a response for each whole request."""

    def __init__(self) -> None:
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._held[:end]).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            whole = end + 4 + length
            if len(self._held) < whole:
                return
            wants_logprobs = self._held.find(b'"logprobs"', end, whole) >= 0
            del self._held[:whole]
            self._transport.write(CODE_RESPONSE if wants_logprobs else TEXT_RESPONSE)


async def main() -> None:
    """Serve on a free port of this machine."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
