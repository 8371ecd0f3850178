"""An engine that reads in batches, asked by several threads: what waits at the same time is one batch.

A document with one question is a group of one, and a model that answers eight at a time as fast as two gains
nothing by it. While a group is at work others come to wait; whoever is next takes all of them along.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from apothecary.messages import Done, Engine, EngineInfo, Outcome, Request, nothing

__all__ = ["Gathering"]


@dataclass
class _Call:
    """One call of `answer`; `outcomes` or `error` once it is answered."""

    requests: Sequence[Request]
    done: Done
    outcomes: list[Outcome] = field(default_factory=list)
    error: BaseException | None = None
    answered: bool = False


class Gathering:
    """Another engine, which is asked for up to `callers` calls at once.

    A call that is alone is passed on as it is. What the engine raises, every call of the batch raises.
    """

    def __init__(self, engine: Engine, callers: int) -> None:
        self._engine = engine
        self._info = replace(engine.info, concurrency=callers)
        self._waiting: list[_Call] = []
        self._queue, self._turn = threading.Lock(), threading.Lock()

    @property
    def info(self) -> EngineInfo:
        """That of the engine; `concurrency` is the number of callers."""
        return self._info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """As the engine answers; `done` may be told by the thread of another caller."""
        call = _Call(requests, done)
        with self._queue:
            self._waiting.append(call)
        with self._turn:
            if not call.answered:
                self._answer_all()
        if call.error is not None:
            raise call.error
        return call.outcomes

    def _answer_all(self) -> None:
        with self._queue:
            calls, self._waiting = self._waiting, []
        begins = [(call, place) for call in calls for place in range(len(call.requests))]

        def tell(number: int, outcome: Outcome) -> None:
            call, place = begins[number]
            call.done(place, outcome)

        try:
            outcomes = iter(self._engine.answer([each for call in calls for each in call.requests], tell))
            for call in calls:
                call.outcomes = [next(outcomes) for _ in call.requests]
        except BaseException as error:
            for call in calls:
                call.error = error
        for call in calls:
            call.answered = True

    def close(self) -> None:
        """Free what the engine holds."""
        self._engine.close()
