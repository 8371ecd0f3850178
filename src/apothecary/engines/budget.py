"""A limit on what an engine may be asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apothecary.errors import BudgetExhausted
from apothecary.messages import Done, Engine, EngineInfo, Outcome, Reply, Request, nothing

__all__ = ["Budget", "Budgeted", "Meter"]


@dataclass(frozen=True)
class Budget:
    """The most that may be spent; None means no limit. Tokens are those of prompts and replies."""

    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None


class Meter:
    """What has been spent of a budget, shared by all engines of a run. Safe for threads.

    Seconds are counted from the making of the meter, so that they hold the loading of weights.
    """

    def __init__(self, budget: Budget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._start = clock()
        self._lock = threading.Lock()
        self._calls = 0
        self._tokens = 0

    def reserve(self, calls: int) -> None:
        """Book calls before they are made. Raises BudgetExhausted when too little is left."""
        budget, seconds = self._budget, self._clock() - self._start
        with self._lock:
            if budget.calls is not None and self._calls + calls > budget.calls:
                raise _exhausted(
                    f"{self._calls} of {budget.calls} calls are made, {calls} more are due", "--max-calls"
                )
            if budget.tokens is not None and self._tokens >= budget.tokens:
                raise _exhausted(f"{self._tokens} of {budget.tokens} tokens are spent", "--max-tokens")
            if budget.seconds is not None and seconds >= budget.seconds:
                raise _exhausted(f"{budget.seconds:g} seconds are over", "--max-seconds")
            self._calls += calls

    def book(self, tokens: int) -> None:
        """Book tokens after they are spent."""
        with self._lock:
            self._tokens += tokens


def _exhausted(message: str, option: str) -> BudgetExhausted:
    return BudgetExhausted(message, hint=f"limit: {option}")


class Budgeted:
    """An engine that stops when its budget is spent.

    It stands inside the reply cache, so that cached replies are free. Calls are never exceeded; tokens
    and seconds by one group of requests at most, as their cost is known only afterwards.
    """

    def __init__(self, engine: Engine, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter

    @property
    def info(self) -> EngineInfo:
        """That of the engine inside."""
        return self._engine.info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Answer, or raise BudgetExhausted before anything is asked."""
        self._meter.reserve(len(requests))
        outcomes = self._engine.answer(requests, done)
        usages = [outcome.usage for outcome in outcomes if isinstance(outcome, Reply)]
        self._meter.book(sum(usage.prompt_tokens + usage.completion_tokens for usage in usages))
        return outcomes

    def close(self) -> None:
        """Close the engine inside."""
        self._engine.close()
