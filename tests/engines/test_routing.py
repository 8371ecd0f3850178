"""Which engine answers which step."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.engines.routing import Routed, parse_routes
from apothecary.engines.scripted import Scripted
from apothecary.errors import StepNotServed, UsageError
from apothecary.messages import Done, EngineInfo, Failure, Message, Outcome, Reply, Request, nothing

STEPS = ("t.mentions", "t.pairs", "t.names")


class Named(Scripted):
    """Answers with its name and the prompt, and keeps the sizes of its groups."""

    def __init__(self, name: str, *, steps: tuple[str, ...] | None = None, local: bool = True) -> None:
        super().__init__(lambda request: f"{name} {request.messages[0].content}")
        self._own = EngineInfo(name, f"digest of {name}", steps=steps, local=local, concurrency=len(name))
        self.groups: list[int] = []
        self.closed = 0

    @property
    def info(self) -> EngineInfo:
        return self._own

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        self.groups.append(len(requests))
        return super().answer(requests, done)

    def close(self) -> None:
        self.closed += 1


def ask(step: str, text: str = "?") -> Request:
    return Request((Message("user", text),), step)


@pytest.mark.parametrize(
    ("text", "mentions", "pairs", "names"),
    [
        ("pocket", "pocket", "pocket", "pocket"),
        ("scripted:a,b=c.jsonl", *["scripted:a,b=c.jsonl"] * 3),
        ("mentions=pocket,scripted:s", "pocket", "scripted:s", "scripted:s"),
        ("scripted:s,t.pairs=hf:m+a", "scripted:s", "hf:m+a", "scripted:s"),
        ("mentions=pocket,pairs=http://h/v1#m,names=hf:x", "pocket", "http://h/v1#m", "hf:x"),
        ("t.mentions=scripted:a=1,b,pairs=replay:r,c,pocket", "scripted:a=1,b", "replay:r,c", "pocket"),
        ("pairs=https://h/v1?a=b,c=d,pocket", "pocket", "https://h/v1?a=b,c=d", "pocket"),
    ],
)  # fmt: skip
def test_routes_are_read_as_written(text: str, mentions: str, pairs: str, names: str) -> None:
    assert parse_routes(text, STEPS) == {"t.mentions": mentions, "t.pairs": pairs, "t.names": names}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("other=pocket,scripted:s", "no step 'other'.*t.mentions, t.pairs, t.names"),
        ("pairs=pocket,t.pairs=scripted:s,pocket", "t.pairs is given two engines"),
        ("pocket,scripted:s", "two engines for the rest: pocket and scripted:s"),
        ("pairs=pocket", "no engine for t.mentions, t.names"),
    ],
)
def test_wrong_routes_are_usage_errors(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_routes(text, STEPS)
    assert caught.value.where == "--engine"


@given(st.text(max_size=30) | st.text("pocket,=.:scripted", max_size=40))
def test_any_text_gives_routes_for_every_step_or_a_usage_error(text: str) -> None:
    try:
        assert parse_routes(text, STEPS).keys() == set(STEPS)
    except UsageError as error:
        assert "\n" not in str(error)


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_outcomes_keep_the_order_of_the_requests(steps: list[str]) -> None:
    first, second = Named("first"), Named("second")
    routed = Routed({"t.mentions": first, "t.pairs": second, "t.names": first})
    requests = [ask(step, str(number)) for number, step in enumerate(steps)]
    texts = [outcome.text for outcome in routed.answer(requests) if isinstance(outcome, Reply)]
    wanted = ["second" if step == "t.pairs" else "first" for step in steps]
    assert texts == [f"{name} {number}" for number, name in enumerate(wanted)]
    assert len(first.groups) <= 1
    assert len(second.groups) <= 1


def test_an_engine_that_does_not_serve_its_step_is_named_with_one_that_does() -> None:
    small, large = Named("pocket", steps=("t.mentions",)), Named("scripted:s")
    with pytest.raises(StepNotServed, match=r"pocket does not serve the step t.pairs .*t.pairs=scripted:s"):
        Routed({"t.mentions": large, "t.pairs": small}).check(["t.mentions", "t.pairs"])
    Routed({"t.mentions": small, "t.pairs": large}).check(["t.mentions", "t.pairs"])


def test_without_a_serving_engine_a_language_model_is_proposed() -> None:
    with pytest.raises(StepNotServed, match="t.pairs=llamacpp:"):
        Routed({"t.pairs": Named("pocket", steps=())}).check(["t.pairs"])


class Refusing(Named):
    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        return [Failure("StepNotServed", "knows nothing of TREATS") for _ in requests]


def test_labels_that_an_engine_does_not_know_end_the_run_with_an_engine_that_may() -> None:
    routed = Routed({"t.pairs": Refusing("pocket")})
    with pytest.raises(StepNotServed, match=r"TREATS .*--engine t.pairs=llamacpp:"):
        routed.answer([ask("t.pairs")])


def test_a_step_without_a_route_is_an_error() -> None:
    routed = Routed({"t.pairs": Named("one")})
    for act in (lambda: routed.answer([ask("t.names")]), lambda: routed.check(["t.names"])):
        with pytest.raises(StepNotServed, match="t.names"):
            act()


def test_the_whole_is_as_local_and_as_concurrent_as_its_least() -> None:
    routed = Routed({"t.pairs": Named("ab"), "t.names": Named("abc", local=False)})
    assert (routed.info.local, routed.info.concurrency) == (False, 2)
    assert routed.info.digest == "digest of ab,digest of abc"


def test_an_engine_of_several_steps_is_closed_once() -> None:
    engine = Named("one")
    Routed(dict.fromkeys(STEPS, engine)).close()
    assert engine.closed == 1
