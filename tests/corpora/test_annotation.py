"""Counts of annotated documents."""

from __future__ import annotations

import doctest
from collections import Counter

from apothecary.corpora import counting
from apothecary.corpora.annotation import stats
from apothecary.corpora.counting import LONGEST_NAME, MOST_NAMES, OTHERS, count_name
from apothecary.documents import Argument, Concept, Condition, Document, Mention, Relation, Span
from apothecary.formats.condition_rows import ConditionRow, document_of

CONCEPTS = tuple(
    Concept(f"c{number}", "Drug", mentions, (), ids)
    for number, (mentions, ids) in enumerate(
        [((0,), ("MESH:D1",)), ((1,), ("-1",)), ((), ()), ((), ("-", "D2"))]
    )
)
DOCUMENT = Document(
    "1",
    "Zinc, 20 mg.",
    mentions=(Mention((Span(0, 4),), "Zinc", "Drug"), Mention((Span(6, 11),), "20 mg", "Dose")),
    concepts=CONCEPTS,
    relations=(
        Relation("r1", "POS", (Argument("drug", "c0"), Argument("drug", "c1"))),
        Relation("r2", "POS", tuple(Argument("drug", f"c{number}") for number in range(3))),
    ),
    conditions=(Condition("Dosage", Span(6, 11), "20 mg", "r1"),),
)
ROW = document_of(ConditionRow("2", "", "Tin.", "tin", "flu", "", (("Tin", "Gene"),)))


def test_the_docstring_example_holds() -> None:
    found = doctest.testmod(counting)
    assert (found.attempted, found.failed) == (1, 0)


def test_counts_are_by_type_and_arity() -> None:
    found = stats([DOCUMENT, DOCUMENT])
    assert (found.documents, found.tokens) == (2, 10)
    assert found.mentions == {"Drug": 2, "Dose": 2}
    assert (found.relations, found.arities) == ({"POS": 4}, {2: 2, 3: 2})
    assert found.conditions == {"Dosage": 2}
    assert found.instances is None


def test_a_mark_for_not_linked_is_no_link() -> None:
    found = stats([DOCUMENT])
    assert (found.concepts, found.linked_concepts) == (4, 2)
    assert (found.mentions, found.linked_mentions) == ({"Drug": 1, "Dose": 1}, 1)
    assert stats([]).figures()["concepts"] == {"count": 0, "linked": 0, "linked_share": None}


def test_the_pair_of_an_instance_is_no_annotation() -> None:
    found = stats([ROW, DOCUMENT])
    assert (found.documents, found.concepts, found.relations) == (2, 4, {"POS": 2})
    assert found.instances is not None
    assert (found.instances.pairs, found.instances.by_type, found.instances.mean_tokens) == (
        1,
        {"Gene": 1},
        2.0,
    )


def test_names_of_hostile_files_take_bounded_memory() -> None:
    names = Counter[str]()
    for number in range(3 * MOST_NAMES):
        count_name(names, f"{number}" + "x" * 10_000)
    assert len(names) == MOST_NAMES + 1
    assert names[OTHERS] == 2 * MOST_NAMES
    assert max(map(len, names)) == LONGEST_NAME
