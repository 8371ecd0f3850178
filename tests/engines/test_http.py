"""One model of one server, with all that goes wrong between here and there."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from apothecary.engines.chat import Dialect
from apothecary.engines.http import Connection, Http, Patience, ServerGone, is_loopback
from apothecary.errors import EngineError
from apothecary.messages import (
    Choices,
    Constraint,
    Decoding,
    EngineInfo,
    Failure,
    JsonSchema,
    Message,
    Outcome,
    Reply,
    Request,
    Usage,
)
from tests.engines.stand_in import FAULTS, MODEL, REFUSE, StandIn, running

QUICK = Patience(seconds=1.0, gone_after=1.0, first_pause=0.01)
VLLM = Dialect(choice="structured_outputs")
KEY = "sk-Zzyzx-4711"
SCHEMA = (
    '{"type":"object","properties":{"drugs":{"type":"array","items":{"type":"string"}},'
    '"found":{"type":"boolean"}},"required":["drugs","found"],"additionalProperties":false}'
)


@contextmanager
def opened(
    server: StandIn, *, key: str = "", dialect: Dialect = VLLM, patience: Patience = QUICK, most: int = 32
) -> Iterator[Http]:
    connection = Connection(server.base, MODEL, key, dialect, most, 0, patience)
    engine = Http(connection, EngineInfo(f"{server.base}#{MODEL}", "digest"))
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def calm() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def engine(calm: StandIn) -> Iterator[Http]:
    with opened(calm) as engine:
        yield engine


def request(text: str, constraint: Constraint | None = None) -> Request:
    wanted = isinstance(constraint, Choices)
    return Request((Message("user", text),), "t.s", None, constraint, Decoding(60), wanted)


def questions(count: int) -> list[Request]:
    kinds = (None, Choices(("yes", "no", "~")), JsonSchema(SCHEMA))
    return [request(f"question {number}", kinds[number % 3]) for number in range(count)]


def ask(engine: Http, text: str) -> Outcome:
    (outcome,) = engine.answer([request(text)])
    return outcome


def failure(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure), outcome
    return outcome


def timeless(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes without what they cost in seconds."""
    return [replace(o, usage=Usage()) if isinstance(o, Reply) else o for o in outcomes]


# What is asked is answered.


def test_outcomes_come_in_the_order_of_the_requests(engine: Http) -> None:
    wanted = [ask(engine, f"question {number}") for number in range(12)]
    together = engine.answer([request(f"question {number}") for number in range(12)])
    assert timeless(together) == timeless(wanted)
    assert len({repr(outcome) for outcome in timeless(together)}) == 12


def test_done_is_told_once_of_each_place_by_the_caller(engine: Http) -> None:
    told: dict[int, Outcome] = {}
    threads = set()

    def done(place: int, outcome: Outcome) -> None:
        assert place not in told
        told[place] = outcome
        threads.add(threading.get_ident())

    outcomes = engine.answer(questions(20), done)
    assert [told[place] for place in range(20)] == outcomes
    assert threads == {threading.get_ident()}


def test_what_done_raises_ends_the_call_and_the_engine_goes_on(engine: Http) -> None:
    def done(place: int, outcome: Outcome) -> None:
        raise EngineError("the disk is full")

    with pytest.raises(EngineError, match="the disk is full"):
        engine.answer(questions(20), done)
    assert isinstance(ask(engine, "and now?"), Reply)


def test_nothing_asked_is_nothing_answered(engine: Http) -> None:
    assert engine.answer([]) == []


def test_two_threads_get_the_replies_of_one(engine: Http) -> None:
    wanted = timeless(engine.answer(questions(40)))
    found: dict[int, list[Outcome]] = {}

    def work(start: int) -> None:
        found[start] = timeless(engine.answer(questions(40)[start : start + 20]))

    in_threads(lambda: work(0), lambda: work(20))
    assert found[0] + found[20] == wanted


def in_threads(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_constraints_are_held_and_log_probabilities_told(engine: Http) -> None:
    free, code, record = engine.answer(questions(3))
    assert isinstance(free, Reply)
    assert isinstance(code, Reply)
    assert isinstance(record, Reply)
    assert code.text in ("yes", "no", "~")
    assert code.logprobs is not None
    assert max(code.logprobs, key=lambda option: (code.logprobs or {})[option]) == code.text
    assert record.text.startswith("{")
    assert free.usage.prompt_tokens > 0
    assert free.usage.seconds > 0


# What goes wrong and may pass.


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faults_change_no_outcome_and_cost_a_bounded_number_of_requests(engine: Http, seed: int) -> None:
    wanted = timeless(engine.answer(questions(30)))
    # A runaway reply is cut off: it is taken as it is (see below), so it is no fault that passes.
    kinds = ",".join(set(FAULTS) - {"runaway"})
    options = ("--faults", "0.3", "--kinds", kinds, "--seed", str(seed))
    patience = replace(QUICK, seconds=0.5)
    with running(*options) as server, opened(server, patience=patience) as faulty:
        assert timeless(faulty.answer(questions(30))) == wanted
        assert 30 < server.count() <= 30 * patience.attempts
        assert server.count("answered") >= 30


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(FAULTS) - {"runaway"}))
def test_each_fault_passes(kind: str) -> None:
    patience = replace(QUICK, seconds=0.3)
    with running("--faults", "1", "--kinds", kind) as server, opened(server, patience=patience) as engine:
        assert all(isinstance(outcome, Reply) for outcome in engine.answer(questions(3)))
        assert server.count() == 3 * 4


def test_a_reply_that_is_cut_off_is_taken_at_once() -> None:
    with running("--faults", "1", "--kinds", "runaway") as server, opened(server) as engine:
        (outcome,) = engine.answer([request("x", JsonSchema(SCHEMA))])
        assert isinstance(outcome, Reply)
        assert outcome.finish == "length"
        assert server.count() == 1


def test_patience_ends_with_the_last_fault() -> None:
    short = replace(QUICK, attempts=2)
    with running("--faults", "1", "--kinds", "500") as server, opened(server, patience=short) as engine:
        message = "the server answered 500 (attempt 2 of 2)"
        assert ask(engine, "x") == Failure("EngineError", message)


def test_patience_ends_with_what_was_written_against_the_schema() -> None:
    short = replace(QUICK, attempts=2)
    with running("--faults", "1", "--kinds", "breach") as server, opened(server, patience=short) as engine:
        (outcome,) = engine.answer([request("x", JsonSchema(SCHEMA))])
        assert isinstance(outcome, Reply)
        assert outcome.text == '[{"unexpected": 1}]'
        assert outcome.finish == "breach"


def test_retries_are_bounded_over_all_requests() -> None:
    with running("--faults", "1", "--kinds", "invalid") as server, opened(server) as engine:
        outcomes = engine.answer([request(f"question {number}") for number in range(60)])
        assert server.count() <= 60 + 50 + 0.2 * 60
        assert any(isinstance(outcome, Failure) for outcome in outcomes)


def test_retry_after_is_kept() -> None:
    with running("--faults", "1", "--kinds", "429") as server, opened(server) as engine:
        start = time.monotonic()
        assert isinstance(ask(engine, "x"), Reply)
        assert time.monotonic() - start > 3 * 0.05


# What goes wrong and does not pass.


def test_a_wrong_key_ends_the_run() -> None:
    with running("--key", KEY) as server, opened(server, key="sk-other") as engine:
        with pytest.raises(EngineError, match="refuses the key") as caught:
            engine.answer(questions(30))
        assert "sk-other" not in f"{caught.value!r} {caught.value}"
        assert server.count() == 0


def test_the_right_key_is_used_and_shown_nowhere() -> None:
    with running("--key", KEY) as server, opened(server, key=KEY) as engine:
        assert isinstance(ask(engine, "x"), Reply)
        refused = failure(ask(engine, REFUSE))
        assert "Refused: Bearer *** asked" in refused.message
        assert KEY not in f"{refused} {engine!r} {engine.info!r} {Connection(server.base, MODEL, KEY)!r}"


def test_an_unknown_model_ends_the_run() -> None:
    none = pytest.raises(EngineError, match="no such path or model")
    with running("--model", "another") as server, opened(server) as engine, none:
        engine.answer(questions(5))


def test_a_prompt_that_is_too_long_fails_alone_and_is_not_quoted(engine: Http) -> None:
    long, short = engine.answer([request("Zzyzx " * 5000), request("short")])
    assert failure(long).kind == "ContextOverflow"
    assert "Zzyzx" not in failure(long).message
    assert isinstance(short, Reply)


def test_a_refused_request_fails_with_the_beginning_of_the_reason(engine: Http) -> None:
    refused = failure(ask(engine, f"{REFUSE} {'Zzyzx ' * 50}"))
    start = "the server refused the request (400): "
    assert refused.kind == "EngineError"
    assert refused.message.startswith(f"{start}Refused: None asked")
    assert len(refused.message) <= len(start) + 60


def test_a_prompt_cut_without_a_word_is_an_overflow() -> None:
    with running("--dialect", "ollama") as server, opened(server, dialect=Dialect(logprobs=0)) as engine:
        long, fits = engine.answer([request("Aspirin helps. " * 2000), request("Aspirin helps. " * 1300)])
        assert failure(long).kind == "ContextOverflow"
        assert "it cuts what is too long" in failure(long).message
        assert isinstance(fits, Reply)


def test_a_lone_surrogate_fails_alone(engine: Http) -> None:
    odd, fine = engine.answer([request("a\ud800b"), request("fine")])
    assert "a lone surrogate" in failure(odd).message
    assert isinstance(fine, Reply)


@pytest.mark.parametrize("schema", ["nonsense", '{"type": "nothing"}', "[" * 100_000])
def test_a_schema_that_cannot_be_held_fails_alone(engine: Http, schema: str) -> None:
    odd, fine = engine.answer([request("x", JsonSchema(schema)), request("fine")])
    assert "the schema of the request" in failure(odd).message
    assert isinstance(fine, Reply)


# Servers that go and come.


@pytest.mark.slow
def test_a_server_that_dies_ends_the_run_after_a_while(capfd: pytest.CaptureFixture[str]) -> None:
    with running() as server, opened(server) as engine:
        assert isinstance(ask(engine, "x"), Reply)
        server.kill()
        start = time.monotonic()
        with pytest.raises(ServerGone, match="cannot be reached .*the same command goes on"):
            engine.answer(questions(50))
        assert 1.0 < time.monotonic() - start < 3.0
    assert capfd.readouterr() == ("", "")


def test_a_server_that_comes_back_is_used_on() -> None:
    with running() as server, opened(server, patience=replace(QUICK, gone_after=10.0)) as engine:
        wanted = timeless(engine.answer(questions(20)))
        server.kill()
        found: list[Outcome] = []
        asking = threading.Thread(target=lambda: found.extend(engine.answer(questions(20))))
        asking.start()
        time.sleep(0.2)
        with running("--port", str(server.port), "--loading", "0.3"):
            asking.join(10)
        assert timeless(found) == wanted


@pytest.mark.slow
def test_patience_with_a_server_begins_when_it_is_missed() -> None:
    with running() as server, opened(server, patience=replace(QUICK, gone_after=0.5)) as engine:
        assert isinstance(ask(engine, "x"), Reply)
        server.kill()
        time.sleep(0.6)
        start = time.monotonic()
        with pytest.raises(ServerGone):
            ask(engine, "y")
        assert time.monotonic() - start > 0.5


# The end.


def test_a_closed_engine_says_so_and_closing_again_is_harmless(calm: StandIn) -> None:
    with opened(calm) as engine:
        engine.close()
        engine.close()
        with pytest.raises(EngineError, match="the engine is closed"):
            ask(engine, "x")


def test_closing_frees_those_who_wait_and_no_more_are_asked_than_allowed() -> None:
    errors = []
    patient = Patience(seconds=60.0)
    with (
        running("--faults", "1", "--kinds", "hang") as server,
        opened(server, patience=patient, most=3) as hung,
    ):

        def work() -> None:
            with pytest.raises(EngineError, match="the engine is closed") as caught:
                hung.answer(questions(20))
            errors.append(caught.value)

        closing = threading.Timer(0.4, hung.close)
        closing.start()
        in_threads(work, work)
        closing.join()
        assert server.count() == 3
    assert len(errors) == 2


@pytest.mark.parametrize(
    ("base", "local"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("https://LOCALHOST/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://127.5.5.5", True),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://localhost.example.org/v1", False),
        ("http://10.0.0.1/v1", False),
        ("https://example.org/v1", False),
    ],
)
def test_only_loopback_is_local(base: str, local: bool) -> None:
    assert is_loopback(base) == local
