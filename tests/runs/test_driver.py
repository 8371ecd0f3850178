"""The driver keeps order, bounds memory, and turns every fault of one document into one result."""

import threading
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import BudgetExhausted, DataError
from apothecary.messages import (
    Done,
    EngineInfo,
    Failure,
    Flow,
    Message,
    Outcome,
    Reply,
    Request,
    Usage,
    nothing,
)
from apothecary.runs.driver import drive
from apothecary.tasks.flow import Extraction, Problem


class Echo:
    """An engine of this test: answers with the prompt, and remembers the groups it was given."""

    def __init__(self, calls_allowed: int = 10**9) -> None:
        self.info = EngineInfo("echo", "echo", concurrency=3)
        self.groups: list[tuple[str, ...]] = []
        self.left = calls_allowed
        self.lock = threading.Lock()

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        with self.lock:
            self.left -= len(requests)
            if self.left < 0:
                raise BudgetExhausted("calls are spent")
            self.groups.append(tuple(r.messages[0].content for r in requests))
        return [self.reply(request.messages[0].content) for request in requests]

    def reply(self, text: str) -> Outcome:
        return Failure("Lost", "gone") if text == "lose" else Reply(text, usage=Usage(10, 4, 1, 0.5))

    def close(self) -> None:
        """Nothing to free."""


def request(text: str) -> Request:
    return Request((Message("user", text),), "toy.ask")


def rounds(document: Document) -> Flow[Extraction]:
    """Asks one question for each word of each line, a round for each line."""
    seen: list[str] = []
    for line in document.text.split("\n"):
        outcomes = yield [request(word) for word in line.split()]
        seen += [o.text if isinstance(o, Reply) else o.kind for o in outcomes]
    return Extraction({"id": document.id, "seen": seen})


def documents(*texts: str) -> list[Document]:
    return [Document(str(index), text) for index, text in enumerate(texts)]


@given(st.lists(st.text(alphabet="ab \n", max_size=12), max_size=8), st.integers(1, 5))
@settings(deadline=None)
def test_results_are_the_same_however_many_are_in_flight(texts: list[str], workers: int) -> None:
    results = list(drive(documents(*texts), rounds, Echo(), in_flight=workers))
    assert [r.record for r in results] == [{"id": str(i), "seen": t.split()} for i, t in enumerate(texts)]


def test_one_documents_questions_go_out_as_one_group() -> None:
    engine = Echo()
    list(drive(documents("a b\nc d e"), rounds, engine))
    assert engine.groups == [("a", "b"), ("c", "d", "e")]


def test_the_input_is_read_no_further_than_the_work_in_flight() -> None:
    read: list[int] = []

    def endless() -> Iterator[Document]:
        for index in range(10**9):
            read.append(index)
            yield Document(str(index), "a")

    results = drive(endless(), rounds, Echo(), in_flight=2)
    assert next(results).id == "0"
    results.close()
    assert len(read) <= 4


def test_unreadable_items_and_failing_flows_are_results() -> None:
    def fragile(document: Document) -> Flow[Extraction]:
        if document.id == "1":
            raise DataError("cannot be used", where="document 1")
        if document.id == "2":
            raise KeyError("private words")
        return (yield from rounds(document))

    items: list[Document | DataError] = [DataError("is broken", where="x.txt:3"), *documents("a", "b", "c")]
    results = list(drive(items, fragile, Echo()))
    assert [r.record is None for r in results] == [True, False, True, True]
    assert [p.kind for r in results for p in r.problems] == ["DataError", "DataError", "KeyError"]
    assert "private words" not in results[3].problems[0].message


def test_a_failed_request_reaches_the_flow_and_is_counted() -> None:
    (result,) = drive(documents("a lose"), rounds, Echo())
    assert result.record == {"id": "0", "seen": ["a", "Lost"]}
    spent = result.spent["toy.ask"]
    assert (spent.calls, spent.prompt_tokens, spent.cached_tokens, spent.seconds) == (2, 10, 4, 0.5)


def test_a_spent_budget_ends_the_run_after_the_results_before_it() -> None:
    results = drive(documents("a", "b", "c d e", "f"), rounds, Echo(calls_allowed=3), in_flight=1)
    assert [next(results).id, next(results).id] == ["0", "1"]
    with pytest.raises(BudgetExhausted):
        next(results)


def test_problems_of_a_flow_are_passed_on() -> None:
    def flow(document: Document) -> Flow[Extraction]:
        yield []
        return Extraction(None, (Problem("toy.ask", "x", "AnswerError", "no"),))

    (result,) = drive(documents("a"), flow, Echo())
    assert result.record is None
    assert result.problems[0].kind == "AnswerError"
