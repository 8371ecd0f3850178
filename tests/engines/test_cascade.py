"""Two engines, the second for what the first doubts."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.engines.cascade import Cascade, confidence
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.engines.scripted import Scripted
from apothecary.errors import UsageError
from apothecary.messages import (
    Done,
    Engine,
    EngineInfo,
    Failure,
    LabelProbabilities,
    Outcome,
    Reply,
    Request,
    SetProbabilities,
    TaggedSpans,
    nothing,
)


class Quick:
    """Answers with the probability that stands in the step of a request, ``pairs 0.7``."""

    info = EngineInfo("quick", "q", steps=tuple(f"pairs {p / 10}" for p in range(11)), concurrency=4)

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        return [self._one(float(request.step.split()[1])) for request in requests]

    def _one(self, probability: float) -> Outcome:
        return Reply("", LabelProbabilities({"yes": probability, "no": 1 - probability}))

    def close(self) -> None:
        """Nothing."""


def ask(second: Engine, sure: float, *steps: str) -> Sequence[Outcome]:
    return Cascade(Quick(), second, sure).answer([Request((), step) for step in steps])


@given(st.lists(st.integers(0, 10), max_size=6), st.floats(0, 1))
def test_exactly_what_is_doubted_is_passed_on(tenths: list[int], sure: float) -> None:
    outcomes = ask(Scripted(lambda request: "second"), sure, *(f"pairs {t / 10}" for t in tenths))
    for tenth, outcome in zip(tenths, outcomes, strict=True):
        passed_on = isinstance(outcome, Reply) and outcome.text == "second"
        assert passed_on == (max(tenth / 10, 1 - tenth / 10) < sure)


def test_a_step_that_the_first_does_not_serve_goes_to_the_second() -> None:
    (outcome,) = ask(Scripted(lambda request: request.step), 0.5, "other")
    assert isinstance(outcome, Reply)
    assert outcome.text == "other"


def test_where_the_second_fails_the_doubtful_answer_stands() -> None:
    failing = Scripted(lambda request: Failure("TimedOut", "late"))
    first, second = ask(failing, 0.9, "pairs 0.6", "other")
    assert isinstance(first, Reply)
    assert first.value == LabelProbabilities({"yes": 0.6, "no": 0.4})
    assert isinstance(second, Failure)


def test_confidence_is_that_of_the_likeliest_label_and_the_least_sure_set() -> None:
    rows = (LabelProbabilities({"a": 0.9, "b": 0.1}), LabelProbabilities({"a": 0.4, "b": 0.6}))
    assert confidence(Reply("", rows[0])) == 0.9
    assert confidence(Reply("", SetProbabilities(rows))) == 0.6
    assert confidence(Reply("", TaggedSpans(()))) == 1.0
    assert confidence(Failure("X", "y")) == 0.0


def test_a_cascade_is_named_after_both_and_serves_what_either_serves() -> None:
    info = Cascade(Quick(), Scripted(lambda request: ""), 0.75).info
    assert (info.name, info.steps, info.concurrency) == ("quick@0.75/scripted", None, 1)


@pytest.mark.parametrize("spec", ["pocket@1.5/scripted:x", "pocket@0.5", "pocket@.../scripted:x"])
def test_a_bound_that_is_no_probability_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"pocket@0.9/ENGINE"):
        open_engine(spec, EngineOptions(threads=1))
