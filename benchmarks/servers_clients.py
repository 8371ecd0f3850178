"""Part of the benchmark of the http engine: the clients, and the servers in processes of their own."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import httpx2

from apothecary.engines.chat import Dialect, request_body
from apothecary.engines.cores import free_cores
from apothecary.engines.http import Connection, Http
from apothecary.engines.http_probe import probe
from apothecary.engines.weights import resolve
from apothecary.errors import EngineError
from apothecary.messages import EngineInfo, Reply, Request
from benchmarks import fast_server

__all__ = ["Client", "Served", "clients", "serving"]

ROOT = Path(__file__).parent.parent
STAND_IN = "stand-in"
WEIGHTS = "smollm2-135m-instruct"
SLOTS = 4
KNOWN_TO_OPENAI = frozenset({
    *("model", "messages", "max_tokens", "temperature", "seed", "stop", "response_format"),
    *("logprobs", "top_logprobs"),
})  # fmt: skip
MODEL_SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, slots, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.verbosity, params.n_parallel, params.n_ctx = -1, slots, 1024 * slots
# Every client is to find the same server: nothing is left of the prompts of the one before.
params.cache_prompt = False
for cpu in (params.cpuparams, params.cpuparams_batch):
    cpu.n_threads = threads
server = xllamacpp.Server(params)
print(server.listening_address.rsplit(":", 1)[1], flush=True)
sys.stdin.read()
"""

Ask = Callable[[], list[int]]
"""Ask everything that was prepared; the tokens of each reply."""
Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Client:
    """One way to ask. What `prepare` does is not measured, what it returns is."""

    name: str
    prepare: Callable[[Sequence[Request]], Ask]
    close: Callable[[], None]


@dataclass(frozen=True)
class Served:
    """A server at work: its process, its address, and what it was found to do."""

    process: int
    connection: Connection

    def seconds(self) -> float:
        """Processor time of the server until now."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Servers.


@contextmanager
def serving(which: str) -> Iterator[Served]:
    """Start one of the servers. Raises EngineError when the weights or llama.cpp are not on this machine."""
    commands = {
        "fast": ["-m", "benchmarks.fast_server"],
        # Not imported: a wheel among the peers has a package of the name tests.
        "stand_in": ["tests/engines/stand_in.py", "--dialect", "vllm", "--model", STAND_IN],
    }
    if which == "model":
        if find_spec("xllamacpp") is None:
            raise EngineError("xllamacpp is not installed", hint="pip install 'apothecary[cpu]'")
        commands["model"] = ["-c", MODEL_SERVER, str(resolve(WEIGHTS).path), str(SLOTS), str(free_cores())]
    command = [sys.executable, *commands[which]]
    # With its end of the pipe closed, the server of the model ends, however this process did.
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            if which == "fast":
                dialect = Dialect(choice="structured_outputs")
                yield Served(process.pid, Connection(address(port), fast_server.MODEL, dialect=dialect))
            else:
                yield probed(process.pid, port, WEIGHTS if which == "model" else STAND_IN)
        finally:
            process.kill()


def address(port: int) -> str:
    """Of a server on this machine."""
    return f"http://127.0.0.1:{port}/v1"


def probed(process: int, port: int, model: str) -> Served:
    """A server that the engine has asked what it can do."""
    connection = Connection(address(port), model)
    with httpx2.Client(timeout=connection.timeout, trust_env=False) as client:
        dialect = probe(client, connection)
    return Served(process, Connection(connection.base, model, dialect=dialect))


# Clients.


def clients(connection: Connection, concurrency: int) -> list[Client]:
    """Prepared bodies, the SDK of OpenAI where it is installed, and the engine in two ways."""
    found = [raw(connection, concurrency)]
    try:
        found.append(openai(connection, concurrency))
    except ImportError:
        print("openai: not installed")
    return [*found, engine(connection, concurrency, "group"), engine(connection, concurrency, "threads")]


async def in_turn(
    ask: Callable[[Item], Awaitable[Found]], items: Sequence[Item], concurrency: int
) -> list[Found]:
    """Ask for all items, so many at once."""
    waiting, found = iter(items), []

    async def work() -> None:
        for item in waiting:
            found.append(await ask(item))

    await asyncio.gather(*(work() for _ in range(concurrency)))
    return found


def raw(connection: Connection, concurrency: int) -> Client:
    """The floor: the HTTP library of the engine, bodies made before, replies not even parsed."""
    runner, sender = asyncio.Runner(), connection.client()
    url, kind = f"{connection.base}/chat/completions", {"Content-Type": "application/json"}

    async def ask(body: bytes) -> bytes:
        response = await sender.post(url, content=body, headers=kind)
        assert response.status_code == httpx2.codes.OK, response.text
        return response.content

    def prepare(requests: Sequence[Request]) -> Ask:
        bodies = [json.dumps(body_of(request, connection)).encode() for request in requests]
        return lambda: [len(data) for data in runner.run(in_turn(ask, bodies, concurrency))]

    def close() -> None:
        runner.run(sender.aclose())
        runner.close()

    return Client("raw", prepare, close)


def body_of(request: Request, connection: Connection) -> dict[str, object]:
    """What the engine would send."""
    return request_body(request, connection.model, connection.dialect, connection.seed)


def openai(connection: Connection, concurrency: int) -> Client:
    """AsyncOpenAI with its own settings. Raises ImportError where it is not installed."""
    sdk = importlib.import_module("openai").AsyncOpenAI(base_url=connection.base, api_key="none")
    runner = asyncio.Runner()

    async def ask(request: Request) -> int:
        body = body_of(request, connection)
        own = {key: value for key, value in body.items() if key not in KNOWN_TO_OPENAI}
        known = {key: value for key, value in body.items() if key in KNOWN_TO_OPENAI}
        answer = await sdk.chat.completions.create(**known, extra_body=own)
        assert answer.choices[0].message.content
        return int(answer.usage.completion_tokens)

    def close() -> None:
        runner.run(sdk.close())
        runner.close()

    return Client(
        "AsyncOpenAI", lambda requests: lambda: runner.run(in_turn(ask, requests, concurrency)), close
    )


def engine(connection: Connection, concurrency: int, way: str) -> Client:
    """The engine: given all requests as one group, or one in each of as many threads (as a run does)."""
    info = EngineInfo("http", "benchmark", concurrency=concurrency)
    limited = Connection(connection.base, connection.model, dialect=connection.dialect, most=concurrency)
    opened = Http(limited, info)
    pool = ThreadPoolExecutor(concurrency)

    def ask(requests: Sequence[Request]) -> list[int]:
        replies = [reply for reply in opened.answer(requests) if isinstance(reply, Reply)]
        assert len(replies) == len(requests)
        return [reply.usage.completion_tokens for reply in replies]

    def prepare(requests: Sequence[Request]) -> Ask:
        if way == "group":
            return lambda: ask(requests)
        return lambda: [
            tokens for one in pool.map(ask, ([request] for request in requests)) for tokens in one
        ]

    def close() -> None:
        pool.shutdown()
        opened.close()

    return Client(f"apothecary, {way}", prepare, close)
