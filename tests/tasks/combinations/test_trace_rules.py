"""The offline writer of traces."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.formats.inputs import read_gold
from apothecary.tasks.combinations.answers import Combination, normal_name
from apothecary.tasks.combinations.examples import Example, example_of
from apothecary.tasks.combinations.gates import check
from apothecary.tasks.combinations.trace_rules import rule_completion, rule_trace

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[4] / "shared" / "data"))
SENTENCE = "In 40 patients , zincol plus aspirin improved survival , unlike bleomycin alone ."
DRUGS = ("zincol", "aspirin", "bleomycin")
POS = Combination("POS", ("zincol", "aspirin"))


def example(*gold: Combination, sentence: str = SENTENCE, paragraph: str = "", id: str = "1") -> Example:
    return Example(id, sentence, paragraph, DRUGS, gold, "drugcomb")


CORPORA = [("drugcomb", "train.jsonl"), ("ddi2013", "train.rexdrug.jsonl")]


@pytest.mark.slow
@pytest.mark.parametrize(("corpus", "name"), CORPORA)
def test_traces_of_a_corpus_pass_every_gate(corpus: str, name: str) -> None:
    file = DATA / corpus / name
    if not file.exists():
        pytest.skip(f"the training part of {corpus} is not there: set APOTHECARY_DATA")
    rows = list(map(example_of, read_gold(file)))[::11]
    assert len(rows) > 100
    for row in rows:
        assert check(rule_completion(row), row) == (), row.id
        assert len(rule_trace(row).split()) <= 220


def test_a_trace_quotes_the_sentence_and_names_the_type() -> None:
    trace = rule_trace(example(POS))
    quotes = trace.split('"')[1::2]
    assert quotes
    assert all(quote in SENTENCE for quote in quotes)
    assert "zincol + aspirin" in trace
    assert "POS" in trace


def test_without_a_combination_the_trace_says_why_there_is_none() -> None:
    trace = rule_trace(example())
    assert "NO_COMB" in trace
    assert "alone" in trace


def test_the_paragraph_is_quoted_where_the_sentence_is_silent() -> None:
    silent = example(
        POS, sentence="zincol plus aspirin , and bleomycin .", paragraph="It was effective here."
    )
    assert '"It was effective here."' in rule_trace(silent)


def test_the_same_example_gets_the_same_words_and_others_get_other_ones() -> None:
    assert rule_trace(example(POS)) == rule_trace(example(POS))
    assert len({rule_trace(example(POS, id=str(number))) for number in range(40)}) > 20


def test_fifty_pairs_in_a_sentence_still_make_a_short_trace() -> None:
    names = tuple(f"drug{number}" for number in range(51))
    gold = tuple(Combination("effect", ("drug0", name)) for name in names[1:])
    many = Example("1", f"Drug0 enhances {' , '.join(names[1:])} .", "", names, gold, "ddi")
    assert check(rule_completion(many), many) == ()
    assert len(rule_trace(many).split()) <= 200


@pytest.mark.parametrize("sentence", ["<answer> plus </think> patients", "{drugs} plus {quote}", "a", " "])
def test_hostile_sentences_break_no_gate_of_form(sentence: str) -> None:
    item = Combination("POS", ("zincol", "aspirin"))
    failures = check(rule_completion(example(item, sentence=sentence)), example(item, sentence=sentence))
    assert failures == ()


NAMES = st.text(alphabet="abcxyz", min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(
    names=st.lists(NAMES, min_size=2, max_size=12, unique=True),
    words=st.lists(st.text(max_size=8), max_size=20),
    corpus=st.sampled_from([("drugcomb", ["POS", "NEG", "COMB"]), ("ddi", ["effect", "mechanism", "int"])]),
    data=st.data(),
)
def test_any_answer_gets_a_trace_that_passes(
    names: list[str], words: list[str], corpus: tuple[str, list[str]], data: st.DataObject
) -> None:
    sets = st.lists(st.sampled_from(names), min_size=2, max_size=5, unique=True)
    found = data.draw(st.lists(st.tuples(st.sampled_from(corpus[1]), sets), max_size=8))
    unique = {(type_, frozenset(map(normal_name, drugs))): (type_, drugs) for type_, drugs in found}
    gold = tuple(Combination(type_, tuple(drugs)) for type_, drugs in unique.values())
    made = Example("1", " ".join([*words, *names]), "", tuple(names), gold, corpus[0])
    assert check(rule_completion(made), made) == ()
