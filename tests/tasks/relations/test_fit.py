"""Thresholds are fitted on what a run recorded, against gold."""

import json
import math
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import FormatError, UsageError
from apothecary.tasks.catalog import load
from apothecary.tasks.relations.fit import abstention_band, fit
from apothecary.tasks.relations.thresholds import NEVER, find_thresholds, read_thresholds

TEXT = "abcd"


def gold(name: str = "d") -> Document:
    kinds = ["Chemical", "Chemical", "Disease", "Disease"]
    mentions = tuple(Mention((Span(i, i + 1),), TEXT[i], kinds[i], (TEXT[i].upper(),)) for i in range(4))
    concepts = tuple(Concept(c.upper(), kinds[i], (i,), (c,), (c.upper(),)) for i, c in enumerate(TEXT))
    relation = Relation("r1", "CID", (Argument("head", "A"), Argument("tail", "C")))
    return Document(name, TEXT, (), mentions, concepts, (relation,))


def record(odds: dict[tuple[str, str], float]) -> dict[str, object]:
    return {
        "concepts": [{"id": c, "names": [c], "ids": []} for c in TEXT],
        "candidates": [
            {"head": h, "tail": t, "relation": "CID", "log_odds": value} for (h, t), value in odds.items()
        ],
        "names": [
            {"type": "Chemical", "first": "a", "second": "b", "log_odds": {"=": -2.0}},
            {"type": "Chemical", "first": "a", "second": "a", "log_odds": {"=": 2.0}},
            {"type": "Chemical", "first": "a", "second": "z", "log_odds": {"=": 9.0}},
        ],
    }


def test_the_threshold_separates_right_from_wrong_pairs() -> None:
    fitted = fit([(gold(), record({("a", "c"): 1.0, ("a", "d"): -1.0, ("b", "c"): -3.0}))])
    assert fitted["pairs"] == {"CID": 0.0}
    assert fitted["names"] == {"=": 0.0, "<>": None}


def test_gold_pairs_that_were_not_asked_count_as_missed() -> None:
    fitted = fit([(gold(), record({("b", "d"): 1.0}))])
    row = fitted["fit"]["pairs"]["CID"]  # type: ignore[index]
    assert row["f1"] == 0.0
    assert fitted["pairs"] == {"CID": None}


def test_a_document_without_a_prediction_is_no_error() -> None:
    pairs = [(gold("e"), None), (gold(), record({("a", "c"): 1.0}))]
    assert fit(pairs)["pairs"] == {"CID": 1.0}


def test_predictions_without_odds_are_refused() -> None:
    with pytest.raises(FormatError, match="hold no odds"):
        fit([(gold(), {"candidates": [{"head": "a", "tail": "c", "relation": "CID"}]})])


def test_an_engine_nobody_fitted_needs_even_odds() -> None:
    thresholds = find_thresholds("", "llamacpp:unknown", "0" * 64)
    assert (dict(thresholds.pairs), dict(thresholds.names)) == ({}, {})
    assert math.isinf(NEVER)


def test_names_are_never_joined_by_a_rule_that_is_mostly_wrong() -> None:
    rows = [{"type": "Chemical", "first": "a", "second": "b", "log_odds": {"=": float(i)}} for i in range(3)]
    rows.append({"type": "Chemical", "first": "a", "second": "a", "log_odds": {"=": -1.0}})
    assert fit([(gold(), record({("a", "c"): 1.0}) | {"names": rows})])["names"] == {"=": None, "<>": None}


def test_shipped_thresholds_belong_to_the_prompts_that_ship() -> None:
    wording = load("relations").prepare({}, {}).settings["wording"]
    shipped = json.loads(files("apothecary.tasks.relations").joinpath("thresholds.json").read_text())[
        "fitted"
    ]
    assert shipped
    # The engine without prompts is bound to no wording.
    assert {entry["prompts"] for entry in shipped if entry["engine"] != "pocket"} == {wording}


SCORED = st.lists(st.tuples(st.integers(-5, 5).map(float), st.booleans()), max_size=30)


@given(SCORED, st.integers(-6, 6).map(float), st.sampled_from([0.0, 0.1, 0.25, 0.5]))
def test_outside_of_a_band_either_side_keeps_the_risk(
    scored: list[tuple[float, bool]], threshold: float, risk: float
) -> None:
    low, high = abstention_band(scored, threshold, risk)
    asserted = [not right for odds, right in scored if odds >= high]
    denied = [right for odds, right in scored if odds <= low and odds < threshold]
    assert low <= threshold <= high
    assert sum(asserted) <= risk * len(asserted)
    assert sum(denied) <= risk * len(denied)


@given(SCORED, st.integers(-6, 6).map(float))
def test_no_narrower_band_keeps_the_risk(scored: list[tuple[float, bool]], threshold: float) -> None:
    _, high = abstention_band(scored, threshold, 0.25)
    for cut in {odds for odds, _ in scored if threshold <= odds < high}:
        errors = [not right for odds, right in scored if odds >= cut]
        assert sum(errors) > 0.25 * len(errors)


def many() -> list[tuple[Document, dict[str, object]]]:
    """Forty documents: the right pair has odds of 2 or -1 (one in four), the wrong ones -2 or 1."""
    odds = [(2.0, -2.0), (2.0, -2.0), (2.0, 1.0), (-1.0, -2.0)]
    return [
        (gold(f"d{i}"), record({("a", "c"): odds[i % 4][0], ("b", "d"): odds[i % 4][1]})) for i in range(40)
    ]


def test_a_calibration_makes_odds_mean_what_they_say() -> None:
    fitted = fit(many())
    row = fitted["fit"]["calibration"]["CID"]  # type: ignore[index]
    assert fitted["calibration"]["CID"]["slope"] > 0  # type: ignore[index]
    assert row["cross_fitted"]["brier"] < row["plain"]["brier"] + 0.01
    assert "abstain" not in fitted


def test_a_fit_can_be_read_as_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(fit(many(), risk=0.1)))
    thresholds = read_thresholds(path)
    assert thresholds.unsure("CID", 0.0)
    assert not thresholds.unsure("CID", 2.0)
    assert 0.5 < thresholds.probability("CID", 2.0) < 1
    assert thresholds.probability("CID", -2.0) < 0.5


def test_a_band_is_told_with_what_it_costs() -> None:
    fitted = fit(many(), risk=0.1)
    seen = fitted["fit"]["abstain"]["pairs"]["CID"]["seen"]  # type: ignore[index]
    assert fitted["abstain"] == {"CID": [-2.0, 2.0]}
    assert seen == {
        "unsure": 0.25,
        "asserted": 30,
        "wrongly_asserted": 0.0,
        "denied": 30,
        "wrongly_denied": 0.0,
    }


def test_one_document_has_no_figures_of_a_calibration_that_did_not_see_it() -> None:
    fitted = fit([(gold(), record({("a", "c"): 1.0, ("a", "d"): -1.0}))])
    assert fitted["fit"]["calibration"]["CID"]["cross_fitted"] is None  # type: ignore[index]


def test_a_risk_is_a_share() -> None:
    with pytest.raises(UsageError, match="does not exist"):
        fit([], risk=5)
