"""Names of an answer in their sentence, and the sentences of a document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.align.sentences import sentences
from apothecary.documents import Document, Mention, Passage, Span
from apothecary.tasks.combinations.answers import Combination
from apothecary.tasks.combinations.candidates import (
    Candidate,
    drug_mentions,
    excerpt,
    from_dictionary,
    source_of,
)
from apothecary.tasks.combinations.grounding import Grounding, ground

TEXT = "Nothing here. Druga plus drugbex helped; Druga alone did not. Drugc was safe."
ROW = Document(
    "d",
    TEXT,
    (Passage("sentence", 14, 61),),
    tuple(Mention((Span(s, e),), TEXT[s:e], "Drug") for s, e in ((14, 19), (25, 32), (41, 46))),
)


def candidate(document: Document = ROW) -> Candidate:
    source = source_of(document)
    ((sentence, drugs),) = source.named(drug_mentions(document))
    return source.candidate(sentence, drugs, "drugcomb", 6000)


def grounded(*drugs: str) -> Grounding:
    return ground([Combination("POS", drugs)], candidate())


@pytest.mark.parametrize("name", ["drugbex", "DRUGBEX", " drugbex "])
def test_a_drug_is_found_in_any_case(name: str) -> None:
    (item,) = grounded("Druga", name).items
    assert [drug.name for drug in item.drugs] == ["Druga", "drugbex"]
    assert [TEXT[s.start : s.end] for s in item.drugs[0].spans] == ["Druga", "Druga"]


def test_a_name_that_is_nearly_alike_is_found_and_one_that_is_not_is_told() -> None:
    sentence = "Examplamine with samplololide was given."
    document = Document("d", sentence, (Passage("sentence", 0, len(sentence)),))
    source = source_of(document)
    asked = source.candidate(Span(0, len(sentence)), (), "drugcomb", 6000)
    found = ground([Combination("POS", ("Examplamine", "samplolilide", "gone"))], asked)
    (item,) = found.items
    assert [(drug.name, drug.alignment) for drug in item.drugs] == [
        ("Examplamine", "exact"), ("samplololide", "fuzzy")
    ]  # fmt: skip
    assert [each.text for each in found.unlocated] == ["gone"]
    assert found.repairs == ["name that is not in the sentence left out"]


def test_a_drug_of_another_sentence_does_not_count() -> None:
    found = grounded("Druga", "Drugc")
    assert found.items == []
    assert [each.text for each in found.unlocated] == ["Drugc"]
    assert found.repairs[-1] == "combination of fewer than two drugs left out"


def test_one_drug_twice_is_no_combination() -> None:
    assert grounded("Druga", "DRUGA").items == []


def test_the_same_set_in_another_order_is_left_out() -> None:
    two = [Combination("POS", ("Druga", "drugbex")), Combination("POS", ("drugbex", "druga"))]
    found = ground(two, candidate())
    assert len(found.items) == 1
    assert found.repairs == ["repeated combination left out"]


@pytest.mark.parametrize("name", ["", "  ", "%", "x" * 100_000, "\ud800", "a\x00b"])
def test_hostile_names_are_told_and_never_crash(name: str) -> None:
    found = grounded("Druga", name)
    assert found.items == []
    assert len(found.unlocated) == 1
    assert len(found.unlocated[0].text) <= 200


def test_an_answer_without_end_is_read_up_to_a_limit() -> None:
    found = ground([Combination("POS", ("Druga", f"name {n}")) for n in range(1000)], candidate())
    assert len(found.unlocated) == 200
    assert "combinations beyond the limit left out" in found.repairs


@given(st.lists(st.text(max_size=12), max_size=6))
def test_all_that_is_found_lies_in_the_sentence(names: list[str]) -> None:
    for item in grounded("Druga", *names).items:
        spans = [span for drug in item.drugs for span in drug.spans]
        assert all(14 <= span.start < span.end <= 61 for span in spans)


def test_a_short_form_and_its_long_form_are_one_drug_of_a_whole_document() -> None:
    text = "Examplamine (EXA) was given. EXA plus samplol helped."
    places = [(0, 11), (13, 16), (29, 32), (38, 45)]
    document = Document(
        "d", text, mentions=tuple(Mention((Span(*p),), text[slice(*p)], "Chemical") for p in places)
    )
    named = dict(source_of(document).named(drug_mentions(document)))
    assert [[drug.name for drug in drugs] for drugs in named.values()] == [
        ["Examplamine"],
        ["EXA", "samplol"],
    ]


@given(st.integers(1, 120), st.integers(0, 5))
def test_an_excerpt_holds_the_target_and_keeps_to_its_limit(limit: int, place: int) -> None:
    text = " ".join(f"This is sentence number {number}." for number in range(6))
    spans = sentences(text)
    target = spans[place]
    kept = excerpt(text, spans, target, limit)
    assert text[target.start : target.end] in kept
    assert kept in text
    assert len(kept) <= max(limit, target.end - target.start)


def test_an_excerpt_without_a_target_keeps_the_beginning() -> None:
    text = "One is here. Two is there."
    assert excerpt(text, sentences(text), None, 15) == "One is here."
    assert excerpt("x" * 50, sentences("x" * 50), None, 15) == "x" * 15


def test_the_dictionary_prefers_the_longest_name_and_knows_no_substring() -> None:
    text = "Patients got sodium chloride and cisplatin, not cisplatinum2."
    found = from_dictionary(Document("d", text), Span(0, len(text)))
    assert [mention.text for mention in found] == ["sodium chloride", "cisplatin"]
