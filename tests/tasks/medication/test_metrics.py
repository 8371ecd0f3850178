"""Metrics of lists equal the published ones."""

from typing import Any

import numpy as np
import pytest

from apothecary.metrics.lists import interacting_pairs, overlap, pairs, share
from apothecary.metrics.ranking import average_precision
from apothecary.tasks.medication.compose import compose
from tests.tasks.medication.published import ABSENT, CASES, NEAR, matrix

pytestmark = pytest.mark.skipif(not CASES, reason=ABSENT)


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES.get(name, [])]


def figures(predicted: list[int], gold: list[int]) -> dict[str, float]:
    found = overlap([predicted], [gold])
    rates = [
        share(interacting_pairs([drugs], matrix()), pairs(np.array([len(set(drugs))])))
        for drugs in (predicted, gold)
    ]
    return {
        "jaccard": float(found.jaccard[0]),
        "precision": float(found.precision[0]),
        "recall": float(found.recall[0]),
        "f1": float(found.f1[0]),
        "ddi": float(rates[0][0]),
        "ddi_gold": float(rates[1][0]),
        "n_pred": float(found.predicted[0]),
        "n_gold": float(found.gold[0]),
    }


@pytest.mark.parametrize("case", cases("metric_cases"))
def test_figures_of_a_visit(case: dict[str, Any]) -> None:
    assert figures(case["pred"], case["gold"]) == pytest.approx(case["expected"], abs=NEAR)


@pytest.mark.parametrize("case", cases("dense_metric_cases"))
def test_figures_of_rows_of_flags(case: dict[str, Any]) -> None:
    lists = [[drug for drug, flag in enumerate(case[side]) if flag] for side in ("pred", "label")]
    found = figures(*lists)
    assert {name: found[name] for name in case["expected"]} == pytest.approx(case["expected"], abs=NEAR)


@pytest.mark.parametrize("case", cases("compose_cases"))
def test_lists_are_composed_as_published(case: dict[str, Any]) -> None:
    final = compose(case["candidate"], case["add"], case["remove"])
    assert list(final) == case["final"]
    assert figures(list(final), case["gold"]) == pytest.approx(case["metrics"], abs=NEAR)


@pytest.mark.parametrize(
    "case", [pytest.param(each, id=each["id"]) for each in CASES.get("prauc_cases", {}).get("cases", [])]
)
def test_average_precision(case: dict[str, Any]) -> None:
    found = average_precision(np.array(case["label"], dtype=bool), np.array(case["score"]))
    assert found == pytest.approx(case["average_precision"], abs=NEAR)
