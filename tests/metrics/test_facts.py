"""Names, relations and events in words, by hand-made counts."""

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.metrics import correlation, facts, found_spans, labels, text
from apothecary.metrics.counts import Counts, total
from apothecary.metrics.facts import Event, Triple, argument_counts, fact_counts, name_counts, trigger_counts

TRIPLES = st.lists(
    st.tuples(st.sampled_from("RS"), st.tuples(st.sampled_from("abc"), st.sampled_from("abc")))
)


@pytest.mark.parametrize("module", [correlation, facts, found_spans, labels, text], ids=lambda m: m.__name__)
def test_docstring_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_names_are_sets_by_type() -> None:
    gold = [("D", "gout"), ("D", "flu"), ("C", "zinc")]
    assert name_counts(gold, [("D", "Gout"), ("C", "flu")]) == {"C": Counts(0, 1, 1), "D": Counts(0, 1, 2)}
    assert total(name_counts(gold, [("D", "Gout")], fold_case=True).values()) == Counts(1, 0, 2)


def test_two_names_of_one_concept_are_one_right_relation() -> None:
    gold: list[Triple] = [("CID", ("aspirin", "rash"))]
    said: list[Triple] = [("CID", ("ASA", "rash")), ("CID", ("aspirin", "rash")), ("CID", ("rash", "ASA"))]
    assert fact_counts(gold, said, same=[("aspirin", "ASA")]) == {"CID": Counts(1, 1, 0)}
    assert fact_counts(gold, said) == {"CID": Counts(1, 2, 0)}


@given(TRIPLES)
def test_gold_against_gold_is_perfect(triples: list[Triple]) -> None:
    counts = total(fact_counts(triples, triples).values())
    assert counts == Counts(tp=len(set(triples)))


@given(TRIPLES, TRIPLES)
def test_a_symmetric_type_is_never_stricter(gold: list[Triple], said: list[Triple]) -> None:
    strict = total(fact_counts(gold, said).values())
    loose = total(fact_counts(gold, said, symmetric={"R", "S"}).values())
    assert strict.tp == 0 or loose.tp > 0


def test_arguments_count_with_their_trigger_and_role() -> None:
    gold: list[Event] = [("Reg", (("trigger", "blocks"), ("Theme", "p53"), ("Cause", "drug")))]
    said: list[Event] = [("Reg", (("trigger", "blocked"), ("Theme", "p53"))), ("Reg", gold[0][1][:2])]
    assert argument_counts(gold, said) == {"Reg": Counts(1, 1, 1)}
    assert trigger_counts(gold, said) == {"Reg": Counts(1, 1, 0)}
