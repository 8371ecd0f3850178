"""Choices are read as odds, and odds stay finite."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Concept, Document, Mention, Span
from apothecary.messages import LabelProbabilities, Reply
from apothecary.tasks.relations.steps import NAMES, PAIRS, Decision, NamePair, Pair, log_odds
from apothecary.tasks.schema import load_schema

DOCUMENT = Document(
    "d", "ab", mentions=(Mention((Span(0, 1),), "a", "Chemical"), Mention((Span(1, 2),), "b", "Disease"))
)
TEMPLATE = load_schema("cdr")[0].templates[0]
PAIR = Pair(
    DOCUMENT, "ab", TEMPLATE, Concept("c1", "Chemical", (0,), ("a",)), Concept("c2", "Disease", (1,), ("b",))
)
LOGPROBS = st.floats(-100, 0)


@given(st.lists(LOGPROBS, min_size=1, max_size=5), st.lists(LOGPROBS, min_size=1, max_size=5))
def test_odds_are_the_ratio_of_summed_probabilities(yes: list[float], no: list[float]) -> None:
    table = {f"y{i}": v for i, v in enumerate(yes)} | {f"n{i}": v for i, v in enumerate(no)}
    odds = log_odds(table, [k for k in table if k[0] == "y"], [k for k in table if k[0] == "n"])
    assert odds == pytest.approx(
        math.log(math.fsum(map(math.exp, yes))) - math.log(math.fsum(map(math.exp, no)))
    )
    assert -odds == pytest.approx(
        log_odds(table, [k for k in table if k[0] == "n"], [k for k in table if k[0] == "y"])
    )


def test_codes_that_are_missing_or_impossible_stay_finite() -> None:
    assert math.isfinite(log_odds({"1": -math.inf}, ["1"], ["0"]))
    assert log_odds({"1": -0.1}, ["1"], ["0"]) > 100


@pytest.mark.parametrize("code", TEMPLATE.codes)
def test_every_code_of_a_template_is_read_back(code: str) -> None:
    assert PAIRS.parse(Reply(PAIRS.render(Decision(code), PAIR)), PAIR).value.code == code


@pytest.mark.parametrize("code", "=<>~")
def test_every_code_of_names_is_read_back(code: str) -> None:
    pair = NamePair(DOCUMENT, "ab", "Chemical", "a", "b")
    assert NAMES.parse(Reply(NAMES.render(Decision(code), pair)), pair).value.code == code


def test_probabilities_of_a_small_model_become_odds() -> None:
    value = PAIRS.parse(Reply("", LabelProbabilities({"CID": 0.8, "none": 0.2})), PAIR).value
    assert value.log_odds is not None
    assert dict(value.log_odds) == pytest.approx({"CID": math.log(4)})
    assert TEMPLATE.asserted_by(value.code) == ("CID",)
    never = PAIRS.parse(Reply("", LabelProbabilities({"none": 1.0})), PAIR).value
    assert TEMPLATE.asserted_by(never.code) == ()


def test_a_prompt_names_all_scenarios_and_at_last_the_pair() -> None:
    text = PAIRS.prompt(PAIR).messages[-1].content
    assert all(f"{s.code}: {s.text}" in text for s in TEMPLATE.scenarios)
    assert text.endswith("Chemical: a\nDisease: b\nAnswer with the code alone:")
