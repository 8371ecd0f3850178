"""The parts of the condition sample that `benchmarks/conditions.py` trains and tests on."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("peft", reason="the train extra is not installed")

from apothecary.formats.inputs import read_gold
from benchmarks.conditions_cells import FOLDS, SAMPLE, Cell, Limits, System, part

TUNED = System("LoRA", "tuned")
WHOLE = [document.id for document in read_gold(SAMPLE)]


def cell(seed: int | None, fold: int | None, pairs: int | None = None) -> Cell:
    return Cell("lora", TUNED, seed, fold, Limits("cpu", pairs=pairs))


@pytest.mark.parametrize("seed", [13, 42])
def test_no_abstract_is_learnt_from_and_tested_on(seed: int) -> None:
    tested: Counter[str] = Counter()
    for fold in range(FOLDS):
        learnt, test = part(cell(seed, fold))
        sides = [{each.attributes["pmid"] for each in side} for side in (learnt, test)]
        assert not sides[0] & sides[1]
        assert sorted(each.id for each in [*learnt, *test]) == sorted(WHOLE)
        tested.update(each.id for each in test)
    assert tested == Counter(WHOLE)


def test_each_seed_draws_other_parts() -> None:
    first, second = ({each.id for each in part(cell(seed, 0))[1]} for seed in (13, 42))
    assert first != second


def test_what_depends_on_no_seed_sees_the_whole_and_learns_from_nothing() -> None:
    learnt, test = part(cell(None, None))
    assert learnt == []
    assert [each.id for each in test] == WHOLE
    assert len(part(cell(None, None, pairs=3))[1]) == 3
