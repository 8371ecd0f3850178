"""What a server does is found out by asking it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest

from apothecary.engines.cache import reply_key
from apothecary.engines.chat import ChoiceForm, Dialect
from apothecary.engines.http import Connection, Http, Patience
from apothecary.engines.http_probe import NO_THINKING, open_http, probe
from apothecary.engines.llamacpp import LlamaCpp, open_llamacpp
from apothecary.engines.weights import ModelFile
from apothecary.errors import ApothecaryError, EngineError, UsageError
from apothecary.messages import Choices, Constraint, Decoding, JsonSchema, Message, Reply, Request
from tests.engines.stand_in import MODEL, running
from tests.engines.tiny_gguf import write_tiny_gguf

QUICK = Patience(seconds=1.0, gone_after=1.0, first_pause=0.01)
KEY = "sk-Zzyzx-4711"
CONTEXT = 4096
# No free text: random weights write broken UTF-8, whose replacements break a length.
SCHEMA = (
    '{"type":"object","properties":{"drugs":{"type":"array","items":{"enum":["a","b"]},"maxItems":2},'
    '"found":{"type":"boolean"}},"required":["drugs","found"],"additionalProperties":false}'
)


@pytest.fixture(autouse=True)
def no_key_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APOTHECARY_API_KEY", "APOTHECARY_API_KEY_FILE", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def opened(spec: str) -> Iterator[Http]:
    engine = open_http(spec, patience=QUICK)
    try:
        yield engine
    finally:
        engine.close()


def refused(spec: str) -> ApothecaryError:
    with pytest.raises(ApothecaryError) as caught:
        open_http(spec, patience=QUICK)
    assert "\n" not in str(caught.value)
    return caught.value


def found(dialect: str, *options: str) -> Dialect:
    with running("--dialect", dialect, *options) as server, httpx2.Client(timeout=1.0) as client:
        return probe(client, Connection(server.base, MODEL, patience=QUICK))


def request(
    text: str, constraint: Constraint | None = None, *, tokens: int = 40, want_logprobs: bool = False
) -> Request:
    return Request((Message("user", text),), "t.s", None, constraint, Decoding(tokens), want_logprobs)


@pytest.mark.parametrize(
    ("name", "choice", "logprobs", "context"),
    [
        ("vllm", "structured_outputs", 20, CONTEXT),
        ("vllm-old", "guided_choice", 20, CONTEXT),
        ("sglang", "regex", 20, CONTEXT),
        ("llama-server", "grammar", 100, CONTEXT),
        ("ollama", "json", 0, None),
        ("bare", "none", 0, None),
        ("refuses-fields", "json", 20, None),
        ("thinking", "structured_outputs", 20, CONTEXT),
        ("thinking-tags", "structured_outputs", 20, CONTEXT),
    ],
)
def test_each_kind_of_server_is_found_out(
    name: str, choice: ChoiceForm, logprobs: int, context: int | None
) -> None:
    dialect = found(name)
    assert (dialect.choice, dialect.logprobs, dialect.context) == (choice, logprobs, context)
    assert dialect.schema == (name != "bare")
    assert dialect.thinking == name.startswith("thinking")
    assert dialect.quiet == (NO_THINKING[0] if name == "thinking" else ())
    assert dialect.tokens_ratio == (0.0 if name == "bare" else pytest.approx(1.0, abs=0.1))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vllm", []),
        ("thinking", []),
        ("ollama", ["log-probabilities"]),
        ("thinking-tags", ["thinks before every answer"]),
        ("bare", ["JSON schema", "codes", "log-probabilities", "does not count all tokens"]),
    ],
)
def test_notes_say_what_a_server_cannot_do(name: str, words: list[str]) -> None:
    with running("--dialect", name) as server, opened(server.base) as engine:
        notes = engine.info.notes
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


@pytest.mark.parametrize("name", ["vllm", "sglang", "ollama", "thinking", "thinking-tags", "bare"])
def test_what_was_found_out_serves_for_answers(name: str) -> None:
    with running("--dialect", name) as server, opened(server.base) as engine:
        code, free = engine.answer([request("a", Choices(("x.y", "z"))), request("b")])
        assert isinstance(code, Reply)
        assert isinstance(free, Reply)
        assert code.text in ("x.y", "z") or name == "bare"
        assert free.text.startswith("<think>") == (name == "thinking-tags")


def test_a_server_that_counts_only_what_is_new_is_not_believed() -> None:
    assert found("ollama", "--forgets").tokens_ratio == 0


def test_an_engine_is_named_as_it_was_asked_for_and_local_on_loopback() -> None:
    with running() as server, opened(f"{server.base}/#{MODEL}") as engine:
        assert engine.info.name == f"{server.base}#{MODEL}"
        assert engine.info.local
        assert engine.info.concurrency == 32


def test_the_digest_follows_what_the_server_does() -> None:
    keys = set()
    with running() as server:
        port = str(server.port)
        for _ in range(2):
            with opened(server.base) as engine:
                keys.add(reply_key(engine.info, request("x")))
    assert len(keys) == 1
    with running("--dialect", "bare", "--port", port) as server, opened(server.base) as engine:
        assert reply_key(engine.info, request("x")) not in keys


# Addresses, models and keys.


@pytest.mark.parametrize(
    "spec",
    [
        "http://user:Zzyzx@127.0.0.1:1/v1#m",
        "http://user:Zzyzx@host:port/v1#m",
        "http://127.0.0.1:1/v1?key=Zzyzx#m",
        "http://[::1?Zzyzx",
    ],
)
def test_an_address_with_a_secret_is_refused_without_showing_it(spec: str) -> None:
    error = refused(spec)
    assert isinstance(error, UsageError)
    assert "Zzyzx" not in f"{error} {error!r} {error.__cause__} {error.__context__}"


@pytest.mark.parametrize(
    "spec", ["http://", "http:///v1", "http://host:port/v1", "http://h:99999/v1", "http://[::1", "ftp://h"]
)
def test_what_is_no_address_is_a_usage_error(spec: str) -> None:
    assert "is no address of a server" in str(refused(spec))


@pytest.mark.parametrize("spec", ["http://a\0b", "http://127.0.0.1:1/v1#\udcff", "http://h/\udcff"])
def test_what_cannot_be_printed_is_a_usage_error(spec: str) -> None:
    assert "cannot be printed (http://host:port/v1#model)" in str(refused(spec))


def test_nobody_listening_is_one_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        for spec in (base, f"{base}#m"):
            error = refused(spec)
            assert isinstance(error, EngineError)
            assert "cannot be reached (ConnectError) (is it running" in str(error)


def test_something_else_listening_is_one_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = f"http://127.0.0.1:{silent.getsockname()[1]}/v1#m"
        assert "did not answer in 0.2 seconds" in str(caught_by(spec, Patience(seconds=0.2)))


def caught_by(spec: str, patience: Patience) -> EngineError:
    with pytest.raises(EngineError) as caught:
        open_http(spec, patience=patience)
    return caught.value


@pytest.mark.slow
def test_a_drip_is_not_waited_for() -> None:
    with running("--faults", "1", "--kinds", "drip") as server:
        start = time.monotonic()
        assert "did not answer" in str(refused(f"{server.base}#{MODEL}"))
        assert time.monotonic() - start < 3


def test_the_only_model_need_not_be_named() -> None:
    with running() as server, opened(server.base) as engine:
        assert engine.info.name.endswith(f"#{MODEL}")


def test_of_several_models_the_error_lists_all() -> None:
    with running("--also", "second", "third") as server:
        error = refused(server.base)
        assert isinstance(error, UsageError)
        assert f"has {MODEL}, second, third (name one: {server.base}#MODEL)" in str(error)


def test_an_unknown_model_is_one_error() -> None:
    with running() as server:
        assert "or no model other (404)" in str(refused(f"{server.base}#other"))


def test_a_wrong_path_is_one_error() -> None:
    with running() as server:
        assert "no such path, or no list of models (404)" in str(refused(server.base.removesuffix("/v1")))


def test_a_missing_or_wrong_key_is_one_error_that_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with running("--key", "right") as server:
        assert "refuses the key (401) (set APOTHECARY_API_KEY)" in str(refused(server.base))
        monkeypatch.setenv("APOTHECARY_API_KEY", KEY)
        for spec in (server.base, f"{server.base}#{MODEL}"):
            assert KEY not in str(refused(spec))


def test_the_key_is_read_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running("--key", KEY) as server:
        monkeypatch.setenv("APOTHECARY_API_KEY", f"{KEY}\n")
        with opened(server.base) as engine:
            assert isinstance(engine.answer([request("x")])[0], Reply)
        path = tmp_path / "key"
        path.write_text(f"{KEY}\n")
        monkeypatch.setenv("APOTHECARY_API_KEY", "wrong")
        monkeypatch.setenv("APOTHECARY_API_KEY_FILE", str(path))
        with opened(server.base) as engine:
            assert isinstance(engine.answer([request("x")])[0], Reply)


@pytest.mark.parametrize(
    "content", [b"Zzyzx k\xc3\xa9y", b"Zzyzx\nsecond line", b"Zzyzx\x00", b"\xff\xfeZzyzx"]
)
def test_a_file_that_holds_no_key_is_refused_without_showing_it(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    monkeypatch.setenv("APOTHECARY_API_KEY_FILE", str(path))
    error = refused("http://127.0.0.1:1/v1#m")
    assert isinstance(error, UsageError)
    assert "Zzyzx" not in str(error)


def test_a_missing_key_file_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_API_KEY_FILE", str(tmp_path / "none"))
    assert "none: the file named by APOTHECARY_API_KEY_FILE cannot be read" in str(refused("http://h/v1#m"))


def test_a_proxy_that_cannot_be_used_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://user:Zzyzx@h")
    error = refused("http://192.0.2.1/v1#m")
    assert "the environment names a proxy" in str(error)
    assert "Zzyzx" not in str(error)


# Servers in trouble.


def test_a_server_that_is_busy_at_first_is_still_probed() -> None:
    dialect = found("vllm", "--faults", "1", "--kinds", "429,503")
    assert (dialect.schema, dialect.choice, dialect.logprobs) == (True, "structured_outputs", 20)


def test_a_server_that_breaks_down_at_first_is_still_probed() -> None:
    dialect = found("llama-server", "--faults", "1", "--kinds", "500,cut,invalid,garbage")
    assert (dialect.schema, dialect.choice, dialect.logprobs) == (True, "grammar", 100)


def test_a_server_that_is_not_ready_is_one_error() -> None:
    with running("--loading", "60") as server:
        assert "not ready yet (503) Loading model (try again later)" in str(refused(server.base))


# The real peer: llama.cpp's own server, on loopback, with the weights of the engine in this process.


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf", context=CONTEXT)


@pytest.fixture(scope="module")
def inside(weights: Path) -> Iterator[LlamaCpp]:
    pytest.importorskip("xllamacpp", reason="the extra 'cpu' is not installed")
    engine = open_llamacpp(ModelFile(weights, "d"), name="tiny", threads=1, context=CONTEXT)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def peer(weights: Path) -> Iterator[str]:
    xllamacpp: Any = pytest.importorskip("xllamacpp", reason="the extra 'cpu' is not installed")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.verbosity = -1
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture(scope="module")
def outside(peer: str) -> Iterator[Http]:
    engine = open_http(peer, patience=Patience(seconds=20.0, first_pause=0.2))
    yield engine
    engine.close()


def test_the_server_of_llama_cpp_is_found_out(peer: str, outside: Http) -> None:
    base, _, model = outside.info.name.partition("#")
    assert base == peer
    with httpx2.Client(timeout=20.0) as client:
        dialect = probe(client, Connection(peer, model))
    assert (dialect.schema, dialect.choice, dialect.logprobs) == (True, "grammar", 100)
    assert (dialect.context, dialect.thinking) == (CONTEXT, False)
    # A token a letter, as its vocabulary has no words.
    assert dialect.tokens_ratio > 4
    assert outside.info.notes == ()


def test_log_probabilities_over_http_are_those_in_process(outside: Http, inside: LlamaCpp) -> None:
    letters = Choices(tuple(chr(code) for code in range(ord("!"), ord("~"))))
    for number in range(3):
        text = f"Does drug {number} cause rash?"
        every = reply(inside, request(text, letters, want_logprobs=True)).logprobs
        assert every is not None
        # Of 354 tokens, the server tells the likeliest hundred.
        codes = Choices(tuple(sorted(every, key=every.__getitem__)[-10:]))
        asked = request(text, codes, want_logprobs=True)
        near, far = reply(inside, asked), reply(outside, asked)
        assert far.text == near.text
        assert far.logprobs == pytest.approx(near.logprobs, abs=0.1)


def reply(engine: Http | LlamaCpp, asked: Request) -> Reply:
    (outcome,) = engine.answer([asked])
    assert isinstance(outcome, Reply)
    return outcome


@pytest.mark.parametrize("number", range(3))
def test_a_schema_is_held_over_http(outside: Http, number: int) -> None:
    (outcome,) = outside.answer([request(f"text {number}", JsonSchema(SCHEMA), tokens=400)])
    assert isinstance(outcome, Reply)
    assert outcome.finish == "stop"
    jsonschema.validate(json.loads(outcome.text), json.loads(SCHEMA))


def test_a_prompt_that_is_too_long_over_http_is_an_overflow(outside: Http) -> None:
    long, short = outside.answer([request("x" * 2 * CONTEXT), request("short", tokens=3)])
    assert getattr(long, "kind", "") == "ContextOverflow"
    assert isinstance(short, Reply)
