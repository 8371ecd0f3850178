"""Rows of a corpus as examples."""

import pytest

from apothecary.documents import Document
from apothecary.errors import DataError
from apothecary.formats.combination_rows import document_of
from apothecary.tasks.combinations.answers import Combination
from apothecary.tasks.combinations.examples import (
    Example,
    combinations_of,
    example_of,
    example_record,
    read_example,
)

SENTENCE = "Zincol plus aspirin , then zincol alone , relieved pain ."
SPANS = [("Zincol", 0, 6), ("aspirin", 12, 19), ("zincol", 27, 33)]


def document(rels: list[dict[str, object]], paragraph: str = f"A trial. {SENTENCE} More.") -> Document:
    spans = [
        {"span_id": number, "text": text, "start": start, "end": end}
        for number, (text, start, end) in enumerate(SPANS)
    ]
    row = {"doc_id": "d", "sentence": SENTENCE, "paragraph": paragraph, "spans": spans, "rels": rels}
    return document_of(row, where="x.jsonl:1", line=1)


def test_an_example_holds_distinct_drugs_in_order_of_appearance() -> None:
    example = example_of(document([{"class": "POS", "spans": [1, 0]}]))
    gold = (Combination("POS", ("aspirin", "Zincol")),)
    expected = Example("d", SENTENCE, f"A trial. {SENTENCE} More.", ("Zincol", "aspirin"), gold, "drugcomb")
    assert example == expected


def test_a_combination_of_two_mentions_of_one_name_is_none() -> None:
    assert combinations_of(document([{"class": "POS", "spans": [0, 2]}])) == ()


def test_the_same_set_by_other_mentions_counts_once_for_each_type() -> None:
    twice: list[dict[str, object]] = [{"class": "POS", "spans": spans} for spans in ([0, 1], [1, 2])]
    assert len(combinations_of(document(twice))) == 1
    both: list[dict[str, object]] = [{"class": "POS", "spans": [0, 1]}, {"class": "COMB", "spans": [1, 2]}]
    assert [each.type for each in combinations_of(document(both))] == ["POS", "COMB"]


def test_a_paragraph_without_the_sentence_stays_what_it_is() -> None:
    assert example_of(document([], paragraph="Something else.")).paragraph == "Something else."


def test_a_pair_corpus_gives_no_paragraph() -> None:
    row = {"id": 4, "context": "Zincol raises aspirin levels.", "entities": [], "relations": []}
    example = example_of(document_of(row, where="x.jsonl:5", line=5))
    assert (example.id, example.paragraph, example.corpus, example.drugs) == ("4", "", "ddi", ())


def test_a_whole_document_is_no_row() -> None:
    with pytest.raises(DataError, match="document 7: is no row"):
        example_of(Document("7", "Zincol plus aspirin."))


def test_a_record_gives_its_example_back() -> None:
    example = example_of(document([{"class": "NEG", "spans": [0, 1]}]))
    assert read_example(example_record(example)) == example


@pytest.mark.parametrize(
    "change",
    [
        {"id": 3},
        {"gold": None},
        {"gold": [{"type": 1, "drugs": []}]},
        {"gold": [{"type": "POS", "drugs": "ab"}]},
        {"drugs": [1]},
    ],
)
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="example"):
        read_example(example_record(example_of(document([]))) | change)
