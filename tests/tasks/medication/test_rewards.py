"""Rewards equal the published ones: as the release computes them, and as the paper defines the potential."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from apothecary.tasks.medication.lines import follow, places_of, read_lines, refused_shares
from apothecary.tasks.medication.potential import Lists, published, step_rewards
from apothecary.tasks.medication.reward_reference import reference_reward
from apothecary.training.advantages import Advantages, Rule, advantages
from tests.tasks.medication.published import ABSENT, CASES, NAMES, NEAR, matrix, setting

pytestmark = pytest.mark.skipif(not CASES, reason=ABSENT)

REWARDS = [pytest.param(case, id=case["id"]) for case in CASES.get("reward_cases", [])]
GROUPS = [pytest.param(case, id=case["id"]) for case in CASES.get("group_advantage_cases", [])]
RULES = {
    "std_population_no_eps": Rule("flame", 0.5, "population", 0.0),
    "std_sample_eps1e-4": Rule("flame", 0.5, "sample", 1e-4),
}


def near(value: object) -> object:
    return pytest.approx(value, abs=NEAR)


def potentials(case: dict[str, Any], completion: str) -> list[float]:
    """phi of the list before the first line and after each."""
    lines = read_lines(completion, places_of(NAMES), reference=True)
    states = follow(case["input_drug_ids"], lines, case["task"])
    gold = Lists.of([case["gold_ids"]], len(NAMES)).members[0]
    lists = Lists.of(states, len(NAMES), refused_shares(lines))
    return list(map(float, published(gold, matrix(), case["alpha"], case["beta"]).phi(lists)))


@pytest.mark.parametrize("case", REWARDS)
def test_lines_are_read_as_published(case: dict[str, Any]) -> None:
    lines = read_lines(case["completion"], places_of(NAMES), reference=True)
    assert [-1 if line.drug is None else line.drug for line in lines] == case["parsed_ids"]
    # The release has a flag even where there is no line.
    assert [int(line.drug is None) for line in lines] == case["refused_flags"][: len(lines)]
    states = follow(case["input_drug_ids"], lines, case["task"])
    assert [sorted(state) for state in states] == case["states"]


@pytest.mark.parametrize("case", REWARDS)
def test_the_reference_gives_the_figures_of_the_release(case: dict[str, Any]) -> None:
    found = reference_reward(
        case["completion"], case["task"], case["input_drug_ids"], case["gold_ids"], setting(case)
    )
    expected = case["executed_author_code"]
    totals = (found.jaccard_total, found.ddi_total, found.refusal_total, found.total)
    names = ("jaccard", "ddi", "refuse", "weighted")
    assert totals == near(tuple(expected[f"{name}_total"] for name in names))
    steps = (found.jaccard_steps, found.ddi_steps, found.refusal_steps, found.steps)
    for name, each in zip(names, steps, strict=True):
        assert list(each) == near(expected[f"{name}_steps"])


@pytest.mark.parametrize("case", REWARDS)
def test_the_potential_is_that_of_the_paper(case: dict[str, Any]) -> None:
    phi, expected = potentials(case, case["completion"]), case["paper_potential"]
    assert phi == near(expected["phi"])
    assert list(step_rewards(np.array(phi))) == near(expected["shaped_steps"])
    assert phi[-1] - phi[0] == near(expected["R_net"])


@pytest.mark.parametrize("case", GROUPS)
@pytest.mark.parametrize("flavour", RULES)
def test_advantages_of_a_group_are_those_of_the_paper(case: dict[str, Any], flavour: str) -> None:
    paths = [potentials(case, completion) for completion in case["completions"]]
    totals = [path[-1] - path[0] for path in paths]
    steps = [[after - before for before, after in pairwise(path)] for path in paths]
    check(advantages(totals, steps, RULES[flavour]), totals, case[flavour], "step_advantage_paper")


@pytest.mark.parametrize("case", GROUPS)
@pytest.mark.parametrize("flavour", RULES)
def test_advantages_with_the_step_rewards_of_the_release(case: dict[str, Any], flavour: str) -> None:
    rewards = [
        reference_reward(each, case["task"], case["input_drug_ids"], case["gold_ids"], setting(case))
        for each in case["completions"]
    ]
    totals = [reward.total for reward in rewards]
    found = advantages(totals, [reward.steps for reward in rewards], RULES[flavour])
    check(found, totals, case[flavour], "step_advantage_author_step_rewards")


def check(found: Sequence[Advantages], totals: Sequence[float], expected: dict[str, Any], steps: str) -> None:
    assert totals == near(expected["group_rewards"])
    assert [each.outcome for each in found] == near(expected["outcome_advantage"])
    for each, wanted in zip(found, expected[steps], strict=True):
        assert list(each.lines) == near(wanted)
