"""Examples for a prompt: read, drawn, and never the document that is asked about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import FormatError, UsageError
from apothecary.tasks.conditions.answers import Condition
from apothecary.tasks.conditions.examples_file import draw, read_examples
from apothecary.tasks.conditions.instances import Instance, document_of, instance_record
from apothecary.tasks.conditions.labels import TYPES

OTHER = Document("d", "Something else.")


def instance(number: int, *types: str, pmid: str = "") -> Instance:
    conditions = tuple(Condition(f"it{number}", type_) for type_ in types)
    return Instance(f"i{number}", pmid, "", f"Text it{number}.", "a", "b", conditions)


POOL = [
    *(instance(number) for number in range(6)),
    *(instance(10 + number, "Dosage") for number in range(6)),
    instance(20, "Gene"),
    instance(21, "Age", "Dosage"),
]


def written(folder: Path, *rows: object) -> str:
    path = folder / "examples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_examples_are_utf_8_whatever_the_inputs_are(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_bytes(b'{"title": "Caf\xe9"}\n')
    with pytest.raises(FormatError, match=r"examples.jsonl:1: .* \(examples are read as UTF-8"):
        read_examples(str(path), 1)


def test_the_same_examples_are_shown_to_every_document_and_the_seed_draws_them() -> None:
    found = [draw(POOL, 3, "random", seed) for seed in (0, 0, 1)]
    assert found[0].of(OTHER) == found[1].of(Document("x", "More."))
    assert found[0].of(OTHER) != found[2].of(OTHER)
    assert len({each.id for each in found[0].of(OTHER)}) == 3


def test_balanced_examples_begin_with_one_of_each_sort_and_then_take_rare_types() -> None:
    for seed in range(5):
        first, second, *rest = draw(POOL, 5, "balanced", seed).of(OTHER)
        assert first.conditions
        assert not second.conditions
        shown = {condition.type for each in (first, *rest) for condition in each.conditions}
        assert shown == {"Dosage", "Gene", "Age"}


def test_balanced_examples_are_as_many_as_asked_for_whatever_there_is() -> None:
    assert len(draw(POOL[:3], 3, "balanced", 0).of(OTHER)) == 3
    assert len(draw(POOL[6:9], 3, "balanced", 0).of(OTHER)) == 3


@pytest.mark.parametrize("choice", ["random", "balanced"])
def test_the_document_asked_about_is_no_example_for_itself(choice: str) -> None:
    examples = draw(POOL, 4, "balanced" if choice == "balanced" else "random", 0)
    own = examples.of(OTHER)[0]
    for document in (document_of(own), Document("x", f" {own.text.upper()}")):
        found = examples.of(document)
        assert len(found) == 4
        assert own not in found


def test_other_pairs_of_its_abstract_are_no_examples_either() -> None:
    pool = [instance(1, pmid="77"), instance(2, pmid="77"), instance(3)]
    examples = draw(pool, 2, "random", 0)
    assert [each.id for each in examples.of(Document("77", "As printed."))] == ["i3"]
    assert [each.id for each in examples.of(Document("x", "As.", attributes={"pmid": "77"}))] == ["i3"]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(list(TYPES)), max_size=3), max_size=8),
    st.integers(0, 8),
    st.sampled_from(["random", "balanced"]),
)
def test_examples_are_distinct_and_as_many_as_there_can_be(
    types: list[list[str]], shots: int, choice: str
) -> None:
    pool = [instance(number, *each) for number, each in enumerate(types)]
    found = draw(pool, shots, "balanced" if choice == "balanced" else "random", 0).of(OTHER)
    assert len(found) == min(shots, len(pool))
    assert len({each.id for each in found}) == len(found)


def test_a_file_of_examples_is_read_in_its_order(tmp_path: Path) -> None:
    file = written(tmp_path, *map(instance_record, POOL))
    assert read_examples(file, 2) == tuple(POOL)


def test_more_shots_than_examples_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, instance_record(POOL[0]))
    with pytest.raises(UsageError, match=r"examples.jsonl: 2 shots, but 1 examples \(--set shots=1"):
        read_examples(file, 2)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"conditions": None}, "neither conditions nor target"),
        ({"conditions": [{"span": "x", "type": "Sex"}]}, "unknown type 'Sex'"),
        ({"conditions": None, "target": "none"}, "field target is not a list"),
        ({"drug": ""}, "field drug is empty"),
    ],
)
def test_an_example_that_is_none_is_named_by_its_line(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    file = written(tmp_path, instance_record(POOL[0]), instance_record(POOL[1]) | change)
    with pytest.raises(FormatError, match=f"examples.jsonl:2: {problem}"):
        read_examples(file, 1)


def test_a_file_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="none.jsonl"):
        read_examples(str(tmp_path / "none.jsonl"), 1)
