"""Documents in, results out: advances many flows at once and keeps nothing outside itself.

Each document in flight has a thread that walks its flow: it collects one round of requests, hands
the round to the engine as one group, and sends the outcomes back in. So all questions of a document
arrive together and share a prefix, a flow goes on as soon as its own replies are in, and memory is
bounded by the documents in flight. A laptop run and a cluster worker call the same `drive`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from apothecary.documents import Document
from apothecary.errors import ApothecaryError, DataError, EngineError, RunError
from apothecary.messages import Engine, Flow, Outcome, Reply
from apothecary.runs.ledger import Spent
from apothecary.tasks.flow import Extraction, Problem

__all__ = ["Item", "Result", "drive"]

Item = Document | DataError
"""What a reader yields: a document, or the error that stands in its place."""


@dataclass(frozen=True)
class Result:
    """What became of one item.

    `record` is None when the item failed; `problems` say why, or which questions went wrong;
    `spent` is what it cost, by step.
    """

    id: str
    record: Mapping[str, object] | None
    problems: tuple[Problem, ...] = ()
    spent: Mapping[str, Spent] = field(default_factory=dict)


class _Stopped(Exception):
    """The run is being stopped: not an error of the document."""


def drive(
    items: Iterable[Item],
    start: Callable[[Document], Flow[Extraction]],
    engine: Engine,
    *,
    in_flight: int | None = None,
) -> Generator[Result, None, None]:
    """Results in the order of the items, with `in_flight` documents at work.

    The default is as many as the engine can use. A document that fails is a result without a record.
    An EngineError or RunError of the engine ends the run and is raised here, after the results of all
    earlier items. Closing the generator stops the work after the requests that are being answered.
    """
    workers = max(1, in_flight if in_flight is not None else engine.info.concurrency)
    stop = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="flow")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(_process, item, start, engine, stop))
            # One document more than there are workers, so that none idles while a result is written.
            while len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except KeyboardInterrupt:
        # A server may take minutes over what it was asked: whoever waits for it gets an EngineError instead.
        engine.close()
        raise
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _process(
    item: Item, start: Callable[[Document], Flow[Extraction]], engine: Engine, stop: threading.Event
) -> Result:
    if isinstance(item, DataError):
        return Result(item.where, None, (_problem(item, "read"),))
    spent: dict[str, Spent] = {}
    try:
        extraction = _advance(start(item), engine, spent, stop)
    except (EngineError, RunError, _Stopped):
        raise
    except ApothecaryError as error:
        return Result(item.id, None, (_problem(error, "document"),), spent)
    except Exception as error:
        # The barrier of the run: a fault of our own costs one document and is named. The text of a
        # foreign exception may quote the document, so only its type and place are kept.
        kind = type(error).__name__
        return Result(
            item.id, None, (Problem("document", "", kind, f"unexpected, at {_place(error)}"),), spent
        )
    return Result(item.id, extraction.record, extraction.problems, spent)


def _advance(
    flow: Flow[Extraction], engine: Engine, spent: dict[str, Spent], stop: threading.Event
) -> Extraction:
    outcomes: Sequence[Outcome] | None = None
    while True:
        try:
            requests = flow.send(outcomes) if outcomes is not None else next(flow)
        except StopIteration as finished:
            extraction: Extraction = finished.value
            return extraction
        if stop.is_set():
            raise _Stopped
        outcomes = engine.answer(requests) if requests else []
        for request, outcome in zip(requests, outcomes, strict=True):
            usage = outcome.usage if isinstance(outcome, Reply) else None
            spent[request.step] = spent.get(request.step, Spent()) + Spent.of(usage)


def _problem(error: ApothecaryError, step: str) -> Problem:
    return Problem(step, error.where, type(error).__name__, str(error))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
