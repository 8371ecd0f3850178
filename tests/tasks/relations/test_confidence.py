"""Reliability over all candidates, risk and coverage over what was asserted."""

import json

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.tasks.relations.confidence import confidence_report

TEXT = "abcd"


def gold() -> Document:
    kinds = ["Chemical", "Chemical", "Disease", "Disease"]
    mentions = tuple(Mention((Span(i, i + 1),), TEXT[i], kinds[i], (TEXT[i].upper(),)) for i in range(4))
    concepts = tuple(Concept(c.upper(), kinds[i], (i,), (c,), (c.upper(),)) for i, c in enumerate(TEXT))
    relation = Relation("r1", "CID", (Argument("head", "A"), Argument("tail", "C")))
    return Document("d", TEXT, (), mentions, concepts, (relation,))


def candidate(
    head: str, tail: str, odds: float, *, asserted: bool, confidence: float | None = None
) -> dict[str, object]:
    row: dict[str, object] = {"head": head, "tail": tail, "relation": "CID", "log_odds": odds}
    row["relations"] = ["CID"] if asserted else []
    return row if confidence is None else row | {"confidence": confidence}


def report(*candidates: dict[str, object]) -> dict[str, object]:
    concepts = [{"id": c, "names": [c], "ids": []} for c in TEXT]
    found = confidence_report([(gold(), {"concepts": concepts, "candidates": list(candidates)})])
    figures = found.get("all", {})
    assert isinstance(figures, dict)
    return figures


def test_every_candidate_counts_for_reliability_and_the_asserted_ones_for_risk() -> None:
    figures = report(
        candidate("a", "c", 2.0, asserted=True),
        candidate("a", "d", 1.0, asserted=True),
        candidate("b", "c", -2.0, asserted=False),
    )
    assert (figures["candidates"], figures["positives"], figures["asserted"]) == (3, 1, 2)
    assert figures["aurc"] == pytest.approx((0 + 1 / 2) / 2)
    assert figures["coverage_at_risk"] == {"0.05": 0.5, "0.1": 0.5, "0.2": 0.5, "0.3": 0.5}


def test_a_calibrated_confidence_counts_instead_of_the_odds() -> None:
    figures = report(candidate("a", "c", -9.0, asserted=True, confidence=1.0))
    assert (figures["brier"], figures["ece"]) == (0.0, 0.0)


def test_what_was_denied_though_it_is_gold_counts_against_its_probability() -> None:
    figures = report(candidate("a", "c", 0.0, asserted=False))
    assert figures["brier"] == 0.25
    assert figures["aurc"] is None
    assert figures["curve"] == []


def test_ids_count_with_their_prefix() -> None:
    concepts = [{"id": "1", "names": [], "ids": ["MESH:A"]}, {"id": "2", "names": [], "ids": ["C"]}]
    rows = [candidate("1", "2", 0.0, asserted=True)]
    found = confidence_report([(gold(), {"concepts": concepts, "candidates": rows})])
    assert found["all"]["positives"] == 1  # type: ignore[index]


def test_each_relation_type_has_its_own_figures() -> None:
    found = confidence_report(
        [
            (
                gold(),
                {
                    "concepts": [{"id": c, "names": [c]} for c in TEXT],
                    "candidates": [
                        candidate("a", "c", 1.0, asserted=True),
                        candidate("a", "c", 1.0, asserted=True) | {"relation": "X", "relations": ["X"]},
                    ],
                },
            ),
            (gold(), None),
        ]
    )
    assert {name: each["positives"] for name, each in found["by_type"].items()} == {  # type: ignore[attr-defined]
        "CID": 1,
        "X": 0,
    }
    json.dumps(found, allow_nan=False)


def test_predictions_without_odds_have_no_report() -> None:
    assert report({"head": "a", "tail": "c", "relation": "CID", "relations": ["CID"]}) == {}
    assert confidence_report([(gold(), {"candidates": "x", "concepts": 3})]) == {}


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    rows = [candidate("a", "c", place / 500, asserted=True) for place in range(500)]
    curve = report(*rows)["curve"]
    assert isinstance(curve, list)
    assert len(curve) == 100
    assert (curve[0]["taken"], curve[-1]["taken"]) == (1, 500)
