"""The reference profile gives the figures of the published code, faults included."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import UsageError
from apothecary.tasks.combinations.reward import BARE_WEIGHTS, PARTS, WEIGHTS, parts, total

SHARED = Path(__file__).parents[4] / "shared"
VECTORS = Path(os.environ.get("APOTHECARY_DATA", SHARED / "data")).parent / "vectors"
FILE = VECTORS / "combination_rewards.json"
FAMILIES = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {"cot": [], "bare": []}
CASES = [
    pytest.param(case, weights, id=case["id"])
    for family, weights in (("cot", WEIGHTS), ("bare", BARE_WEIGHTS))
    for case in FAMILIES[family]
]
THINK = "<think>[1] a [2] b [3] c [4] d</think>"


def ref(answer: str, gold: str, corpus: str = "drugcomb") -> dict[str, float]:
    tagged = f"{THINK}<answer>{answer}</answer>"
    return parts(tagged, f"<answer>{gold}</answer>", corpus, "reference")


@pytest.mark.skipif(not CASES, reason=f"needs the vectors of the published rewards, {FILE.name}")
@pytest.mark.parametrize(("case", "weights"), CASES)
def test_the_published_figures_are_met(case: dict[str, Any], weights: dict[str, float]) -> None:
    found = parts(case["completion"], case["solution"], case["task"], "reference")
    expected: dict[str, float] = dict(case["expected"])
    (name,) = [name for name in expected if name.startswith("total")]
    assert total(found, weights) == pytest.approx(expected.pop(name), abs=1e-9)
    assert {part: found[part] for part in expected} == pytest.approx(expected, abs=1e-9)


AB = '[{"type": "POS", "ent_set": ["aspirin", "warfarin"]}]'
ABC = '[{"type": "POS", "ent_set": ["aspirin", "warfarin", "heparin"]}]'
NONE = '[{"type": "NO_COMB", "ent_set": []}]'
PAIRS = '[{"type":"POS","ent_set":["a","b"]},{"type":"POS","ent_set":["c","d"]}]'


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        (AB, NONE, 0.1),
        ("POS", NONE, 0.075),
        (ABC, AB, 0.342667),
        (AB.replace("POS", "NEG"), AB, 0.2),
        (AB[:-1] + "," + AB[1:].replace("POS", "NEG"), AB, 0.633333),
        ('[{"type":"POS","ent_set":["a","b","c","d"]}]', PAIRS, 0.282),
        (AB[:-1] + ',{"type":"POS","ent_set":["a","b"]}]', AB, 0.733333),
    ],
)
def test_worked_values_are_met(answer: str, gold: str, expected: float) -> None:
    assert total(ref(answer, gold)) == pytest.approx(expected, abs=1e-6)


def test_numbers_among_names_cost_the_coverage_alone() -> None:
    found = ref('[{"type": "POS", "ent_set": ["aspirin", "warfarin", 1]}]', AB)
    assert (found["coverage"], found["accuracy"]) == (0.0, 1.0)


def test_a_solution_without_tags_reads_as_no_combination() -> None:
    tagged = f"{THINK}<answer>{NONE}</answer>"
    assert total(parts(tagged, AB, profile="reference")) == pytest.approx(1.0)


def test_advice_is_a_fault_of_format() -> None:
    gold = AB.replace("POS", "advise")
    assert total(ref(AB.replace("POS", "advice"), gold, "ddi")) == pytest.approx(0.075)


def test_members_may_stand_under_drugs() -> None:
    assert total(ref(AB.replace("ent_set", "drugs"), AB)) == pytest.approx(1.0)


@given(
    st.text() | st.text(alphabet="[]{}'\",:1ab\\", max_size=40), st.sampled_from([AB, NONE, "", "[1, 'a']"])
)
def test_no_text_breaks_the_reference(text: str, gold: str) -> None:
    for found in (ref(text, gold), parts(text, gold, profile="reference")):
        assert tuple(found) == PARTS
        assert -0.1 <= total(found) <= 1.0 + 1e-12


def test_weights_and_profiles_are_checked() -> None:
    found = ref(AB, AB)
    assert total(found, (0, 0, 0, 1)) == total(found, {"accuracy": 1.0}) == 1.0
    for weights in ((1.0, 2.0), {"f1": 1.0}, (), (1.0,) * 5):
        with pytest.raises(UsageError, match="coverage"):
            total(found, weights)
    with pytest.raises(UsageError, match="profile"):
        parts(AB, AB, profile="lenient")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="drugcomb"):
        parts(AB, AB, corpus="cdr")
