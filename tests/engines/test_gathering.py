"""Calls that wait at the same time are one group of the engine behind."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from apothecary.engines.gathering import Gathering
from apothecary.errors import EngineError
from apothecary.messages import Done, EngineInfo, Message, Outcome, Reply, Request, nothing


def request(text: str) -> Request:
    return Request((Message("user", text),), "step")


class Slow:
    """Says what it is asked, and holds its first group until it is let go."""

    def __init__(self) -> None:
        self.info = EngineInfo("slow", "0")
        self.groups: list[list[str]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        texts = [each.messages[0].content for each in requests]
        self.groups.append(texts)
        self.begun.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise EngineError("cannot")
        outcomes = [Reply(text) for text in texts]
        for place, outcome in enumerate(outcomes):
            done(place, outcome)
        return outcomes

    def close(self) -> None:
        self.groups.append(["closed"])


def asked_beside(
    calls: Sequence[Sequence[str]],
) -> tuple[Slow, list[list[str] | str], list[set[tuple[int, str]]]]:
    """The first call alone; the others come while it is at work. Groups, replies, and what was told."""
    slow = Slow()
    engine = Gathering(slow, len(calls))
    told: list[set[tuple[int, str]]] = [set() for _ in calls]

    def ask(number: int) -> list[str] | str:
        def done(place: int, outcome: Outcome) -> None:
            assert isinstance(outcome, Reply)
            told[number].add((place, outcome.text))

        try:
            found = engine.answer([request(text) for text in calls[number]], done)
        except EngineError as error:
            return str(error)
        return [each.text for each in found if isinstance(each, Reply)]

    with ThreadPoolExecutor(len(calls)) as pool:
        first = pool.submit(ask, 0)
        assert slow.begun.wait(10)
        others = [pool.submit(ask, number) for number in range(1, len(calls))]
        while len(engine._waiting) < len(others):
            sleep(0.001)
        slow.go.set()
        return slow, [first.result(), *(each.result() for each in others)], told


def test_what_waits_is_asked_together_and_everyone_gets_his_own() -> None:
    calls = [["a"], ["b", "c"], [], ["d"]]
    slow, replies, told = asked_beside(calls)
    assert slow.groups[0] == ["a"]
    assert sorted(slow.groups[1]) == ["b", "c", "d"]
    assert len(slow.groups) == 2
    assert replies == calls
    assert told == [set(enumerate(call)) for call in calls]


def test_what_the_engine_raises_all_of_the_group_raise_and_no_other() -> None:
    _, replies, _ = asked_beside([["a"], ["bad"], ["d"]])
    assert replies == [["a"], "cannot", "cannot"]


def test_it_is_the_engine_but_for_how_many_may_ask() -> None:
    slow = Slow()
    engine = Gathering(slow, 8)
    assert engine.info == EngineInfo("slow", "0", concurrency=8)
    engine.close()
    assert slow.groups == [["closed"]]
    slow.go.set()
    with pytest.raises(EngineError, match="cannot"):
        engine.answer([request("bad")])
    assert engine.answer([request("good")]) == [Reply("good")]
