"""Scores of lists: figures by hand, intervals by patient, clear errors without a word about a patient."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, FormatError, UsageError
from apothecary.metrics.calibration import expected_calibration_error
from apothecary.tasks.flow import ScoreOptions
from apothecary.tasks.medication.rows import ROWS
from apothecary.tasks.medication.score import compare, score, table
from apothecary.tasks.rows import load_rows

Row = Mapping[str, object]
FEW = ScoreOptions(resamples=20)
GOLD: list[Row] = [
    {"visit_id": "1", "patient_id": "p", "gold": ["Aspirin", "Warfarin", "Heparin"]},
    {"visit_id": "2", "patient_id": "p", "gold": [{"name": "Zinc", "hours": 3}]},
    {"visit_id": "3", "patient_id": "q", "gold": []},
    {"visit_id": "4", "patient_id": "q"},
]
# Aspirin and Warfarin interact, and Heparin and Zinc.
CSV = "drug_a,drug_b,severity,source\nwarfarin,ASPIRIN,Major,x\naspirin,warfarin,,y\nzinc,heparin,,y\n"


def placed(rows: Sequence[Row], name: str = "f.jsonl") -> list[tuple[str, Row]]:
    return [(f"{name}:{line}", row) for line, row in enumerate(rows, 1)]


def scored(predictions: Sequence[Row], options: ScoreOptions = FEW, gold: Sequence[Row] = GOLD) -> Any:
    return score(placed(gold), placed(predictions), options)


def said(visit: str, *drugs: str, **more: object) -> Row:
    return {"visit_id": visit, "drugs": list(drugs), **more}


@pytest.fixture
def with_table(tmp_path: Path) -> ScoreOptions:
    (tmp_path / "ddi.csv").write_text(CSV)
    return ScoreOptions(resamples=20, settings={"interactions": str(tmp_path / "ddi.csv")})


def test_gold_against_itself_is_perfect() -> None:
    found = scored([said("1", "heparin", "ASPIRIN", "war-farin"), said("2", "Zinc")], gold=GOLD[:2])
    for name in ("jaccard", "precision", "recall", "f1"):
        assert found[name] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_figures_by_hand(with_table: ScoreOptions) -> None:
    found = scored(
        [said("1", "aspirin", "warfarin", "zinc", "zinc"), said("2", "Zinc", "Heparin")], with_table
    )
    figures = {name: each for name, each in found.items() if isinstance(each, dict) and "value" in each}
    values = {name: each["value"] for name, each in figures.items()}
    # Visit 1: two of four in either, one of three pairs interacts; visit 2: one of two, its pair interacts;
    # visit 3: nothing.
    assert values == pytest.approx(
        {
            "jaccard": (0.5 + 0.5) / 3,
            "precision": (2 / 3 + 0.5) / 3,
            "recall": (2 / 3 + 1) / 3,
            "f1": (2 / 3 + 2 / 3) / 3,
            "ddi_rate_macro": (1 / 3 + 1) / 3,
            "ddi_rate_micro": 2 / 4,
            "ddi_rate_gold": (1 / 3) / 3,
            "mean_drugs": 5 / 3,
            "mean_gold": 4 / 3,
        }
    )
    assert (found["visits"], found["patients"], found["left_out"], found["predicted_visits"]) == (3, 2, 1, 2)
    assert found["prauc"] is found["ece"] is found["edit_precision"] is found["refusal_rate"] is None


def test_rates_are_told_by_source_and_version(with_table: ScoreOptions) -> None:
    found = scored([said("2", "Zinc", "Heparin")], with_table)["interactions"]
    assert (found["pairs"], found["drugs_known"], found["drugs"]) == (2, 4, 4)
    assert found["versions"][0].startswith("sha256:")
    assert found["by_source"]["x"] == {"ddi_rate_macro": 0.0, "ddi_rate_micro": 0.0, "ddi_rate_gold": 1 / 9}
    assert found["by_source"]["y"]["ddi_rate_micro"] == 1.0


def test_without_a_table_no_rate_is_told() -> None:
    found = scored([])
    assert found["ddi_rate_macro"] is found["ddi_rate_micro"] is found["ddi_rate_gold"] is None
    assert found["warnings"] == ["visits without a prediction: 3"]
    assert len(table(found)) == 7


def test_drugs_of_the_table_that_nobody_has_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "ddi.csv").write_text(CSV + "xol,yol,,\nxol,zol,,\nxol,aol,,\n")
    found = scored([], ScoreOptions(resamples=2, settings={"interactions": [str(tmp_path / "ddi.csv")]}))
    assert found["warnings"] == [
        "visits without a prediction: 3",
        "4 of 8 drugs of the interactions are in no list: aol, xol, yol, ...",
    ]


def test_average_precision_counts_drugs_without_a_score_as_never_found() -> None:
    found = scored([said("1", scores={"aspirin": 0.9, "zinc": 0.5, "Heparin": 0.4})])
    assert found["prauc"]["value"] == pytest.approx((1 / 3 + 1 / 3 * 2 / 3) / 3)
    assert found["ece"]["value"] == pytest.approx((0.1 + 0.5 + 0.6) / 3)
    assert scored([said("1", scores={"aspirin": 2.5})])["ece"] is None
    twice = scored([said("1", scores={"zinc": 0.1, "Aspirin": 0.05, "aspirin": 0.2})])
    assert twice["prauc"]["value"] == pytest.approx(1 / 9)


PROBABILITIES = st.dictionaries(st.sampled_from("abcdefg"), st.floats(0, 1), min_size=1)


@settings(deadline=None)
@given(st.lists(st.tuples(PROBABILITIES, st.sets(st.sampled_from("abcdefg"))), min_size=1, max_size=5))
def test_the_calibration_error_is_that_of_all_scores(visits: list[tuple[dict[str, float], set[str]]]) -> None:
    gold = [{"visit_id": str(row), "gold": sorted(given)} for row, (_, given) in enumerate(visits)]
    found = scored([said(str(row), scores=scores) for row, (scores, _) in enumerate(visits)], FEW, gold)
    items = [(each, name in given) for scores, given in visits for name, each in scores.items()]
    expected = expected_calibration_error([each for each, _ in items], [outcome for _, outcome in items])
    assert found["ece"]["value"] == pytest.approx(expected)


def test_edits_are_right_when_they_bring_gold_nearer() -> None:
    edits = [("add", "aspirin"), ("add", "zinc"), ("remove", "Zinc"), ("stop", None)]
    listed = [{"action": action, "drug": drug} for action, drug in edits]
    found = scored([said("1", edits=listed, refused=1), said("2", edits=[])])
    assert found["edit_precision"]["value"] == pytest.approx(2 / 3)
    assert found["refusal_rate"]["value"] == pytest.approx(1 / 4)
    assert scored([said("1", edits=[])])["edit_precision"] is None


def test_intervals_are_by_patient() -> None:
    gold = [{"visit_id": str(row), "patient_id": row // 10, "gold": ["a"]} for row in range(40)]
    predictions = [said(str(row), "a" if row < 20 else "b") for row in range(40)]
    options = ScoreOptions(resamples=200)
    alone = [{"visit_id": row["visit_id"], "gold": row["gold"]} for row in gold]
    by_patient, by_visit = (scored(predictions, options, rows)["jaccard"] for rows in (gold, alone))
    assert by_patient["value"] == by_visit["value"] == 0.5
    assert by_patient["high"] - by_patient["low"] > 1.5 * (by_visit["high"] - by_visit["low"])
    assert scored(predictions, options, gold) == scored(predictions, options, gold)


def test_two_systems_are_compared_patient_by_patient(with_table: ScoreOptions) -> None:
    gold = [{"visit_id": str(row), "gold": ["aspirin"]} for row in range(12)]
    good = [said(str(row), "Aspirin", "Warfarin") for row in range(12)]
    bad = [said(str(row), "Zinc", "Iron") for row in range(12)]
    found: Any = compare(placed(gold), placed(good), placed(bad), with_table)
    assert found["jaccard"]["difference"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert found["ddi_rate_macro"]["difference"]["value"] == 1.0
    assert found["jaccard"]["p"] < 0.1
    assert set(found) == {"jaccard", "precision", "recall", "f1", "ddi_rate_macro", "ddi_rate_micro"}
    same: Any = compare(placed(gold), placed(good), placed(good), with_table)
    assert (same["f1"]["difference"]["value"], same["f1"]["p"]) == (0.0, 1.0)


SECRET = "Secretol"  # noqa: S105 - a drug
DEEP: Any = [[SECRET]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"drugs": []}, "f.jsonl:1: field visit_id is missing"),
        (said(" "), "f.jsonl:1: field visit_id"),
        ({"visit_id": "1"}, "f.jsonl:1: visit 1: field drugs is missing"),
        ({"visit_id": "1", "drugs": SECRET}, "field drugs is not a list"),
        ({"visit_id": "1", "drugs": DEEP}, r"field drugs\[0\] is not the name of a drug"),
        (said("1", " "), r"field drugs\[0\] is not the name"),
        (said("1", scores=[SECRET]), "field scores is not an object"),
        (said("1", scores={SECRET: "x"}), "field scores holds what is no number"),
        (said("1", scores={SECRET: float("inf")}), "not finite"),
        (said("1", scores={SECRET: True}), "no number"),
        (said("1", scores={SECRET: 10**400}), "a number too large"),
        (said("1", scores={"": 1}), "field scores is not the name of a drug"),
        (said("1", edits={}), "field edits is not a list"),
        (said("1", edits=[SECRET]), r"field edits\[0\].action is not one of add, remove, stop"),
        (said("1", edits=[{"action": [SECRET]}]), r"edits\[0\].action"),
        (said("1", edits=[{"action": "add"}]), r"field edits\[0\].drug is not the name"),
        (said("1", refused=-1), "field refused is no count"),
        (said("1", refused=1.5), "field refused is no count"),
        (said("9", SECRET), "f.jsonl:1: visit 9 is not in the gold"),
    ],
)
def test_wrong_predictions_are_one_error_that_says_nothing_of_the_patient(row: Row, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        scored([row])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"visit_id": True, "gold": []}, "field visit_id"),
        ({"visit_id": "1", "gold": SECRET}, "visit 1: field gold is not a list"),
        ({"visit_id": "1", "gold": [{"hours": SECRET}]}, r"field gold\[0\]"),
        ({"visit_id": "1", "patient_id": [SECRET], "gold": []}, "field patient_id is no text"),
    ],
)
def test_wrong_gold_is_one_error(row: Row, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        scored([], FEW, [row])
    assert SECRET not in str(caught.value)


def test_repeated_visits_are_refused() -> None:
    with pytest.raises(FormatError, match=r"f.jsonl:2: visit 1 was already predicted"):
        scored([said("1"), said("1")])
    with pytest.raises(FormatError, match=r"f.jsonl:2: visit 1 occurs twice"):
        scored([], FEW, [GOLD[0], GOLD[0]])


def test_gold_without_lists_is_no_gold() -> None:
    with pytest.raises(DataError, match="no visit has gold"):
        scored([], FEW, [GOLD[3]])


def test_a_visit_without_gold_may_be_predicted() -> None:
    assert scored([said("4", "Zinc")])["predicted_visits"] == 0


def test_settings_of_the_score_are_checked() -> None:
    assert load_rows("medication") is ROWS
    with pytest.raises(UsageError, match="there is no setting 'alpha'"):
        scored([], ScoreOptions(settings={"alpha": 1}))


def test_a_table_for_people_has_shares_in_per_cent(with_table: ScoreOptions) -> None:
    rows = table(scored([said("1", "aspirin", "warfarin")], with_table))
    assert rows[1] == ["jaccard", "22.2", "0.0-33.3"]
    assert ["mean drugs", "0.7", "0.0-1.0"] in rows
    assert ["ddi rate macro, x", "33.3", ""] in rows
    assert json.dumps(rows)
