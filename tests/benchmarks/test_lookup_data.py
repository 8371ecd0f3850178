"""The invented documents of `benchmarks/lookup.py`: what tells the record that is asked about."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("peft", reason="the train extra is not installed")

from apothecary.adapters.role_batch import UNLEARNT
from benchmarks.lookup_data import (
    STOP,
    Case,
    ambiguous,
    lesson,
    marked_at_random,
    randomly_tagged,
    row_of,
    unambiguous,
)

seeds = st.integers(0, 10_000).map(Random)


def counted(case: Case) -> tuple[Counter[int], Counter[int], Counter[tuple[int, int]]]:
    return (
        Counter(each.drug for each in case.records),
        Counter(each.disease for each in case.records),
        Counter((each.drug, each.disease) for each in case.records),
    )


@given(seeds)
def test_of_an_ambiguous_document_the_pair_alone_tells_the_record(rng: Random) -> None:
    case = ambiguous(rng)
    drugs, diseases, pairs = counted(case)
    assert set(drugs.values()) == set(diseases.values()) == {2}
    assert set(pairs.values()) == {1}
    assert case.asked in case.records
    conditions = [word for each in case.records for word in each.conditions]
    assert len(conditions) == len(set(conditions))


@given(seeds, st.integers(1, 4))
def test_of_an_unambiguous_document_the_drug_tells_the_record(rng: Random, records: int) -> None:
    drugs, _, _ = counted(unambiguous(rng, records))
    assert len(drugs) == records


@given(seeds)
def test_the_answer_is_what_follows_the_pair_in_the_text(rng: Random) -> None:
    case = ambiguous(rng)
    row, asked = row_of(case), case.asked
    record = (asked.disease, *asked.between, asked.drug, *row.answer)
    assert row.answer == (*asked.conditions, STOP)
    assert " ".join(map(str, record)) in " ".join(map(str, row.prompt))
    assert row.prompt[-2:] == (asked.disease, asked.drug)


@given(seeds)
def test_roles_are_those_of_the_pair_in_text_and_question(rng: Random) -> None:
    case = ambiguous(rng)
    row = row_of(case)
    tagged = Counter((word, role) for word, role in zip(row.prompt, row.roles, strict=True) if role)
    assert tagged == {(case.asked.drug, 1): 3, (case.asked.disease, 2): 3}


@given(seeds)
def test_marks_stand_around_the_pair_in_the_text_and_nowhere_else(rng: Random) -> None:
    case = ambiguous(rng)
    plain, marked = row_of(case).prompt, row_of(case, case.pair).prompt
    marks = set(marked) - set(plain)
    text = marked[:-3]  # Behind it stands the question: its sign, disease and drug.
    named = [place for place, word in enumerate(text) if word in case.pair]
    around = [text[place + side] for place in named for side in (-1, 1)]
    assert set(around) == marks
    assert tuple(word for word in marked if word not in marks) == plain
    assert (len(named), len(marked) - len(plain)) == (4, len(around))


@given(seeds, st.integers(0, 99))
def test_roles_by_lot_are_fixed_by_name_and_seed(rng: Random, seed: int) -> None:
    row = row_of(ambiguous(rng))
    drawn = randomly_tagged(row, "a", seed)
    assert drawn == randomly_tagged(row, "a", seed)
    assert (drawn.prompt, drawn.answer) == (row.prompt, row.answer)
    others = {randomly_tagged(row, name, each).roles for name in "ab" for each in (seed, seed + 1)}
    assert len(others) == 4


@given(seeds)
def test_of_a_lesson_the_answers_alone_are_learnt(rng: Random) -> None:
    case = unambiguous(rng, 4)
    found = lesson(rng, case, marked_at_random(rng, case))
    learnt = [label for label in found.labels if label != UNLEARNT]
    assert learnt == [t for t, label in zip(found.tokens, found.labels, strict=True) if label != UNLEARNT]
    assert Counter(learnt) == Counter(word for each in case.records for word in (*each.conditions, STOP))
