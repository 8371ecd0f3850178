"""Instructions of the data sets at hand: every example has one, and its answer scores as gold does."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from apothecary.corpora.instruct_set import Place
from apothecary.corpora.instruct_sets import SETS
from apothecary.examples import Sourced
from apothecary.formats.instruction_rows import Instruction
from apothecary.metrics.counts import Counts, total
from apothecary.metrics.facts import name_counts
from apothecary.metrics.found_spans import greedy_spans
from apothecary.metrics.spans import strict_span_counts
from apothecary.tasks.instruct_answers import Names
from apothecary.tasks.instruct_records import gold_of, instructions, parse_reply

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not (DATA / "instruct").is_dir(), reason="the data sets are not at hand")


def made(name: str, split: str, most: int) -> Iterator[Instruction]:
    found = SETS[name]
    file = found.locate(DATA) / found.splits[split]
    examples = (
        each for each in found.read(file, Place(name, split, found.language)) if isinstance(each, Sourced)
    )
    return (instruction for example in islice(examples, most) for instruction in instructions(example, 0))


@pytest.mark.parametrize(
    ("name", "split", "most"),
    [
        ("ncbi_disease", "dev", 100),
        ("pubmedqa", "train", 50),
        ("kuake_qic", "dev", 100),
        ("cmeie", "dev", 100),
    ],
)
def test_what_is_to_be_answered_reads_as_gold(name: str, split: str, most: int) -> None:
    found = list(made(name, split, most))
    assert len(found) == most
    for instruction in found:
        gold = gold_of(instruction)
        assert parse_reply(gold, instruction.conversation[-1].answered).value == gold.answer


def test_gold_names_are_found_where_they_stand() -> None:
    sets: list[Counts] = []
    spans: list[Counts] = []
    for instruction in made("ncbi_disease", "dev", 100):
        gold = gold_of(instruction)
        assert isinstance(gold.answer, Names)
        start, end = gold.text or (0, 0)
        text = instruction.conversation[0].asked[start:end]
        sets += name_counts(gold.answer.names, gold.answer.names).values()
        spans += strict_span_counts(gold.spans, greedy_spans(text, gold.answer.names)).values()
    assert total(sets).f1 == 1.0
    # A name that has two types in one abstract is found under both: precision suffers, recall does not.
    assert total(spans).recall > 0.99
