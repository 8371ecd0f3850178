"""Thresholds are fitted on what a run recorded, against gold."""

import json
import math
from importlib.resources import files

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import FormatError
from apothecary.tasks.catalog import load
from apothecary.tasks.relations.fit import fit
from apothecary.tasks.relations.thresholds import NEVER, find_thresholds

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
