"""Limits on calls, tokens and seconds."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.engines.budget import Budget, Budgeted, Meter
from apothecary.engines.cache import Cached
from apothecary.engines.scripted import Scripted
from apothecary.errors import BudgetExhausted
from apothecary.messages import Done, Message, Outcome, Request, nothing


class Counting(Scripted):
    """Counts what it is asked; every reply costs ten tokens."""

    def __init__(self) -> None:
        super().__init__(lambda request: "x" * 40)
        self.asked = 0

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        self.asked += len(requests)
        return super().answer(requests, done)


def group(size: int, start: int = 0) -> list[Request]:
    return [Request((Message("user", str(start + number)),), "t.s") for number in range(size)]


@given(st.integers(0, 30), st.lists(st.integers(1, 8), max_size=12))
def test_calls_are_never_exceeded(limit: int, sizes: list[int]) -> None:
    inner = Counting()
    engine = Budgeted(inner, Meter(Budget(calls=limit)))
    for size in sizes:
        due = inner.asked + size
        if due <= limit:
            assert len(engine.answer(group(size))) == size
        else:
            with pytest.raises(BudgetExhausted, match="--max-calls"):
                engine.answer(group(size))
        assert inner.asked <= limit


def test_tokens_stop_before_the_next_group() -> None:
    engine = Budgeted(Counting(), Meter(Budget(tokens=25)))
    assert len(engine.answer(group(3))) == 3
    with pytest.raises(BudgetExhausted, match="30 of 25 tokens"):
        engine.answer(group(1))


def test_seconds_stop_before_the_next_group() -> None:
    times = iter([0.0, 9.5, 10.0])
    engine = Budgeted(Counting(), Meter(Budget(seconds=10), clock=lambda: next(times)))
    engine.answer(group(1))
    with pytest.raises(BudgetExhausted, match="10 seconds are over"):
        engine.answer(group(1))


def test_engines_share_one_meter() -> None:
    meter = Meter(Budget(calls=3))
    first, second = Budgeted(Counting(), meter), Budgeted(Counting(), meter)
    first.answer(group(2))
    second.answer(group(1))
    with pytest.raises(BudgetExhausted, match="3 of 3 calls"):
        first.answer(group(1))


def test_cached_replies_are_free(tmp_path: Path) -> None:
    engine = Cached(Budgeted(Counting(), Meter(Budget(calls=2))), tmp_path / "replies.sqlite")
    for _ in range(5):
        assert len(engine.answer(group(2))) == 2
    with pytest.raises(BudgetExhausted):
        engine.answer(group(1, start=2))
    engine.close()


def test_no_limit_never_stops() -> None:
    inner = Counting()
    engine = Budgeted(inner, Meter(Budget()))
    engine.answer(group(1000))
    assert engine.info == inner.info
    engine.close()
