"""A server that stands in for real ones: deterministic, in the manner of each, with faults on demand.

`python -m tests.engines.stand_in --dialect vllm --faults 0.3 --seed 7` prints its port and serves until it is
killed. What it says depends on the prompt alone, so that a run with faults can be compared with one without.
"""

import argparse
import hashlib
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.request import urlopen

__all__ = ["FAULTS", "MODEL", "StandIn", "running"]

MODEL = "stand-in-1b"
REFUSE = "PLEASE-REFUSE"
"""A prompt with this word gets a 400 that quotes the prompt and the key."""
FAULTS = (
    *("429", "500", "503", "hang", "drip", "cut", "invalid"),
    *("breach", "empty", "refusal", "garbage", "runaway"),
)
IN_A_ROW = 3
"""No prompt is hit by faults more often than this without an answer in between."""
STANDARD = {
    *("model", "messages", "max_tokens", "temperature", "seed", "stop", "response_format"),
    *("logprobs", "top_logprobs"),
}
THOUGHTS = "Let me think about this. " * 20
Json = Any


@dataclass(frozen=True)
class Manner:
    """What a server does. `thinking` is "field" (can be turned off) or "tags" (cannot); `told` is where it
    tells its context; `end` is a mark that it counts among the tokens of a reply."""

    constraints: tuple[str, ...] = ("response_format",)
    logprobs: int = 20
    thinking: str = ""
    told: str = ""
    end: str = ""
    counts: bool = True
    strict: bool = False
    truncates: bool = False


VLLM = ("structured_outputs", "response_format")
DIALECTS = {
    "vllm": Manner(VLLM, told="models", end="<|im_end|>"),
    "vllm-old": Manner(("guided_choice", "response_format"), told="models"),
    "sglang": Manner(("regex", "response_format"), told="models"),
    "llama-server": Manner(("grammar", "response_format"), logprobs=1000, told="props"),
    "ollama": Manner(logprobs=0, truncates=True),
    "bare": Manner((), logprobs=0, counts=False),
    "thinking": Manner(VLLM, told="models", thinking="field"),
    "thinking-tags": Manner(VLLM, told="models", thinking="tags"),
    "refuses-fields": Manner(strict=True),
}


# What it says.


class Says(NamedTuple):
    pieces: list[str]
    options: Sequence[str] = ()
    constrained: bool = False


def say(prompt: str, body: Mapping[str, Json], manner: Manner) -> Says:
    number = int(hash_of(prompt), 16)
    options = choice_of(body, manner)
    if options:
        return Says([options[number % len(options)]], options, True)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None or "response_format" not in manner.constraints:
        return Says(pieces_of(f"Well: {number % 1000} and {number % 7}."))
    if "enum" in schema:
        code = schema["enum"][number % len(schema["enum"])]
        return Says(['"', json.dumps(code)[1:-1], '"'], schema["enum"], True)
    return Says(pieces_of(json.dumps(instance(schema, drawn_by(number)))), (), True)


def choice_of(body: Mapping[str, Json], manner: Manner) -> list[str]:
    asked = {name: body[name] for name in manner.constraints if name in body}
    if "structured_outputs" in asked:
        return list(asked["structured_outputs"]["choice"])
    if "guided_choice" in asked:
        return list(asked["guided_choice"])
    if "grammar" in asked:
        literals = re.findall(r'"((?:[^"\\]|\\.)*)"', asked["grammar"])
        return [re.sub(r"\\(x..|.)", unescaped, literal) for literal in literals]
    if "regex" in asked:
        parts = re.findall(r"(?:[^|\\]|\\.)+", asked["regex"][1:-1])
        return [re.sub(r"\\(.)", r"\1", part) for part in parts]
    return []


def unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1][1:], 16)) if len(found[1]) == 3 else found[1]


def instance(schema: Json, draw: random.Random) -> Json:
    """A value that satisfies a schema of the simpler kind."""
    if "const" in schema or "enum" in schema:
        return draw.choice(schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return instance(draw.choice(schema["anyOf"]), draw)
    match schema.get("type"):
        case "object":
            return {name: instance(part, draw) for name, part in schema.get("properties", {}).items()}
        case "array":
            size = draw.randint(schema.get("minItems", 0), schema.get("maxItems", 3))
            return [instance(schema.get("items", {}), draw) for _ in range(size)]
        case "string":
            return draw.choice(["aspirin", "druga", "rash", ""])[: schema.get("maxLength")]
        case "integer" | "number":
            return draw.randint(schema.get("minimum", 0), schema.get("maximum", 99))
    return draw.random() < 0.5 if schema.get("type") == "boolean" else None


def drawn_by(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to be repeated


def hash_of(prompt: str) -> str:
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def pieces_of(text: str) -> list[str]:
    return re.findall(r"\s*\w+|\s*[^\w\s]|\s+", text)


def completion(body: Mapping[str, Json], manner: Manner, prompt_tokens: int) -> Json:
    """A chat completion as the server would give it without faults."""
    answer = say(prompt_of(body), body, manner)
    quiet = body.get("chat_template_kwargs", {}).get("enable_thinking") is False
    thinks = manner.thinking == "tags" or (manner.thinking == "field" and not quiet)
    thought = ["<think>", *pieces_of(THOUGHTS), "</think>", "\n\n"] if thinks else []
    pieces = thought + answer.pieces
    kept = pieces[: body["max_tokens"]]
    message: Json = {"role": "assistant", "content": "".join(kept)}
    if thinks and manner.thinking == "field":
        told, _, said = message["content"].partition("</think>\n\n")
        message |= {"content": said or None, "reasoning_content": told.removeprefix("<think>")}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "length" if len(kept) < len(pieces) else "stop",
    }
    if body.get("logprobs") and manner.logprobs:
        marked = kept + ([manner.end] if manner.end and len(kept) == len(pieces) else [])
        choice["logprobs"] = {"content": [token(each, answer, body["top_logprobs"]) for each in marked]}
    response = {"object": "chat.completion", "model": body["model"], "choices": [choice]}
    if manner.counts:
        response["usage"] = {"prompt_tokens": prompt_tokens, "completion_tokens": len(kept)}
    return response


def token(piece: str, answer: Says, top: int) -> Json:
    """A token of a reply with its alternatives: at a code, the other codes."""
    others = [each for each in answer.options if each != piece] if piece in answer.options else ["The", " a"]
    told = [(piece, -0.25), *((other, -2.0 - place) for place, other in enumerate(others))]
    return {
        "token": piece,
        "logprob": -0.25,
        "top_logprobs": [{"token": name, "logprob": value} for name, value in told[:top]],
    }


def prompt_of(body: Mapping[str, Json]) -> str:
    return str(body["messages"][-1]["content"])


# How it goes wrong.


@dataclass
class State:
    options: argparse.Namespace
    manner: Manner
    started: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    requests: int = 0
    answered: int = 0
    by_prompt: Counter[str] = field(default_factory=Counter)
    in_a_row: Counter[str] = field(default_factory=Counter)

    def fault(self, prompt: str) -> str:
        """Count a request; the fault that is due, or nothing."""
        key = hash_of(prompt)
        with self.lock:
            self.requests += 1
            self.by_prompt[key] += 1
            draw = drawn_by(f"{self.options.seed} {self.requests}")
            due = self.requests > self.options.faults_after and draw.random() < self.options.faults
            self.in_a_row[key] = self.in_a_row[key] + 1 if due else 0
            if not due or self.in_a_row[key] > IN_A_ROW:
                self.in_a_row[key] = 0
                return ""
            kind: str = draw.choice(self.options.kinds)
            return kind


def spoiled(kind: str, response: Json, constrained: bool) -> Json:
    choice = response["choices"][0]
    message = {"role": "assistant", "content": None}
    if kind == "breach" and constrained:
        message["content"] = '[{"unexpected": 1}]'
    elif kind == "refusal":
        message["refusal"] = "I cannot help with that."
    elif kind == "runaway":
        message["content"] = '{"items": [' + '"again", ' * 200
        choice["finish_reason"] = "length"
    choice["message"] = message
    return response


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def do_GET(self) -> None:
        state = self.state
        models: Json = {"id": state.options.model, "object": "model"}
        if state.manner.told == "models":
            models["max_model_len"] = state.options.context
        if self.path == "/count":
            counts = {"requests": state.requests, "answered": state.answered}
            self.send(200, counts | {"by_prompt_hash": dict(state.by_prompt)})
        elif self.path == "/v1/models" and self.allowed():
            others = [{"id": name} for name in state.options.also]
            self.send(200, {"object": "list", "data": [models, *others]})
        elif self.path == "/props" and state.manner.told == "props" and self.allowed():
            self.send(200, {"default_generation_settings": {"n_ctx": state.options.context}})
        else:
            self.refuse(404, "Not Found")

    def do_POST(self) -> None:
        state, manner = self.state, self.state.manner
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed() or self.wrong(body):
            return
        tokens = 12 + sum(len(re.findall(r"\w+|[^\w\s]", each["content"])) for each in body["messages"])
        if tokens > state.options.context and not manner.truncates:
            told = f"This model's maximum context length is {state.options.context} tokens. However, your"
            self.refuse(400, f"{told} messages resulted in {tokens} tokens: '{prompt_of(body)[:200]}'")
            return
        kind = state.fault(prompt_of(body))
        known = state.by_prompt[hash_of(prompt_of(body))] > 1
        tokens = 1 if known and state.options.forgets else min(tokens, state.options.context)
        if kind in ("429", "500", "503"):
            self.refuse(int(kind), "Try again.")
        elif kind == "hang":
            time.sleep(state.options.hang)
            self.close_connection = True
        else:
            self.answer(kind, body, completion(body, manner, tokens))

    def answer(self, kind: str, body: Json, response: Json) -> None:
        if kind in ("breach", "empty", "refusal", "runaway"):
            response = spoiled(kind, response, say(prompt_of(body), body, self.state.manner).constrained)
        data = json.dumps(response).encode()
        if kind == "cut":
            self.send_bytes(200, data[: len(data) // 2], length=len(data))
            self.close_connection = True
        elif kind == "drip":
            self.drip(data)
        elif kind == "invalid":
            self.send_bytes(200, data[: len(data) // 2])
        elif kind == "garbage":
            self.send_bytes(200, b'{"choices": [{"message": {"content": "\xff\xfe\xed\xa0\x80\x00"}}]}')
        else:
            with self.state.lock:
                self.state.answered += not kind
            self.send_bytes(200, data)

    def drip(self, data: bytes) -> None:
        self.send_bytes(200, b"", length=1_000_000)
        while True:  # Until the client has had enough.
            self.wfile.write(data[:1])
            time.sleep(0.05)

    def wrong(self, body: Json) -> bool:
        state, prompt = self.state, prompt_of(body)
        unknown = sorted(set(body) - STANDARD)
        if time.monotonic() - state.started < state.options.loading:
            self.refuse(503, "Loading model")
        elif body["model"] not in (state.options.model, *state.options.also):
            self.refuse(404, f"The model `{body['model']}` does not exist.")
        elif state.manner.strict and unknown:
            self.refuse(400, f"Unrecognized request argument supplied: {unknown[0]}")
        elif body.get("top_logprobs", 0) > max(1, state.manner.logprobs) and state.manner.logprobs:
            self.refuse(400, f"Requested more than {state.manner.logprobs} logprobs")
        elif REFUSE in prompt:
            self.refuse(400, f"Refused: {self.headers['Authorization']} asked '{prompt}'")
        else:
            return False
        return True

    def allowed(self) -> bool:
        key = self.state.options.key
        if key and self.headers["Authorization"] != f"Bearer {key}":
            self.refuse(401, f"Incorrect API key provided: {self.headers['Authorization']}")
            return False
        return True

    def refuse(self, status: int, message: str) -> None:
        self.send(status, {"error": {"message": message, "code": status}})

    def send(self, status: int, content: Json) -> None:
        self.send_bytes(status, json.dumps(content).encode())

    def send_bytes(self, status: int, data: bytes, *, length: int | None = None) -> None:
        rest = "Retry-After: 0.05\r\n" if status == 429 else ""
        head = f"HTTP/1.1 {status} Status\r\nContent-Length: {length or len(data)}\r\n{rest}"
        # In one piece: in two, the second waits for the client's acknowledgement.
        self.wfile.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialect", choices=DIALECTS, default="vllm")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that go wrong")
    parser.add_argument("--faults-after", type=int, default=0, help="requests that go well, at the start")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--also", nargs="*", default=[], help="further models")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--hang", type=float, default=600.0, help="seconds")
    parser.add_argument("--loading", type=float, default=0.0, help="seconds of 503 at the start")
    parser.add_argument("--forgets", action="store_true", help="count only what was not asked before")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    handler = type("Bound", (Handler,), {"state": State(options, DIALECTS[options.dialect])})
    server = Server(("127.0.0.1", options.port), handler)
    print(server.server_port, flush=True)
    server.serve_forever()


# For tests.


@dataclass
class StandIn:
    port: int
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def count(self, what: str = "requests") -> int:
        with urlopen(f"http://127.0.0.1:{self.port}/count", timeout=5) as response:
            return int(json.load(response)[what])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(*options: str) -> Iterator[StandIn]:
    """A stand-in in a process of its own."""
    command = [sys.executable, "-m", "tests.engines.stand_in", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield StandIn(int(process.stdout.readline()), process)
        finally:
            process.kill()


if __name__ == "__main__":
    main()
