"""Scorers give probabilities, and come back from their folder as they were."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, ModelMissing, WeightsError
from apothecary.networks.scorer_files import read_scorer, write_scorer
from apothecary.networks.visit_scorers import (
    DrugScorer,
    Logistic,
    Neighbours,
    Popularity,
    Rows,
    Scorer,
    log_odds,
    logistic,
)

DRUGS, FEATURES = ("aspirin", "heparin", "zinc"), ("age 70-79", "code a", "code b", "sex female")
GIVEN = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=np.bool_)
KNOWN = Rows.of([[1], [1, 2], [2], [3]], 4)
SHARES = GIVEN.mean(axis=0)
WEIGHTS = np.log(4 / np.array([4.0, 2.0, 2.0, 1.0]))
NEIGHBOURS = Neighbours(KNOWN, GIVEN, WEIGHTS, SHARES, count=2, prior=0.5)
LOGISTIC = Logistic(np.arange(12.0).reshape(4, 3) / 10 - 0.5, np.array([0.0, -1.0, 1.0]))
SCORERS: dict[str, Scorer] = {"popularity": Popularity(SHARES), "knn": NEIGHBOURS, "logistic": LOGISTIC}
SETS = st.lists(st.frozensets(st.integers(0, 3)), max_size=5)


def scorer(kind: str) -> DrugScorer:
    return DrugScorer(kind, DRUGS, FEATURES, SCORERS[kind], SHARES, 1.2, -0.1, 0.3, {"code a": "A"}, {"n": 4})


@pytest.mark.parametrize("kind", SCORERS)
@settings(deadline=None)
@given(sets=SETS)
def test_scores_are_probabilities(kind: str, sets: list[frozenset[int]]) -> None:
    found = scorer(kind).probabilities(Rows.of(sets, 4))
    assert found.shape == (len(sets), 3)
    assert ((found >= 0) & (found <= 1)).all()


@settings(deadline=None)
@given(SETS)
def test_dense_rows_hold_what_the_sets_hold(sets: list[frozenset[int]]) -> None:
    rows = Rows.of(sets, 4)
    dense = rows.dense()
    assert [frozenset(np.flatnonzero(row).tolist()) for row in dense] == sets
    assert [frozenset(rows.row(place).tolist()) for place in range(len(rows))] == sets


def test_a_visit_like_no_other_gets_the_shares() -> None:
    assert NEIGHBOURS.probabilities(Rows.of([[], [0]], 4)) == pytest.approx(np.tile(SHARES, (2, 1)))


def test_neighbours_are_averaged_by_likeness() -> None:
    # With feature 3 alone one visit is alike, by all: (1 * 1 + 0.5 * 0.25) / 1.5 for the last drug.
    assert NEIGHBOURS.probabilities(Rows.of([[3]], 4))[0] == pytest.approx([1 / 6, 1 / 6, 0.75])


def test_the_order_of_training_visits_is_nothing() -> None:
    turned = Neighbours(Rows.of([[3], [2], [1, 2], [1]], 4), GIVEN[::-1], WEIGHTS, SHARES, 2, 0.5)
    rows = Rows.of([[1], [2], [1, 2], [1, 3]], 4)
    assert turned.probabilities(rows) == pytest.approx(NEIGHBOURS.probabilities(rows))


def test_probabilities_are_calibrated_as_the_scorer_was() -> None:
    """Half of the visits had each of two drugs, a quarter the third: log-odds of 0 and of -log 3."""
    found = scorer("popularity").probabilities(Rows.of([[]], 4))[0]
    assert found == pytest.approx([1 / (1 + np.exp(0.1))] * 2 + [1 / (1 + np.exp(1.2 * np.log(3) + 0.1))])


def test_evidence_adds_up_to_the_log_odds() -> None:
    chosen, rows = scorer("logistic"), Rows.of([[1, 3]], 4)
    found = chosen.evidence(rows.row(0), [0, 2])
    assert found is not None
    start = chosen.probabilities(Rows.of([[]], 4))
    assert found.sum(axis=0) + log_odds(start)[0, [0, 2]] == pytest.approx(
        log_odds(chosen.probabilities(rows))[0, [0, 2]]
    )
    assert scorer("knn").evidence(rows.row(0), [0]) is None


@settings(deadline=None)
@given(st.floats(-700, 700))
def test_logistic_does_not_overflow(value: float) -> None:
    assert 0 <= logistic(np.array([value]))[0] <= 1


@pytest.mark.parametrize("kind", SCORERS)
def test_a_folder_gives_the_same_scorer(kind: str, tmp_path: Path) -> None:
    write_scorer(tmp_path / "a", scorer(kind))
    write_scorer(tmp_path / "b", scorer(kind))
    found, rows = read_scorer(tmp_path / "a"), Rows.of([[], [1], [0, 2, 3]], 4)
    assert (found.probabilities(rows) == scorer(kind).probabilities(rows)).all()
    assert (found.titles, found.about, found.threshold) == ({"code a": "A"}, {"n": 4}, 0.3)
    for name in ("model.json", "arrays.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_only_neighbours_hold_data_of_patients(tmp_path: Path) -> None:
    for kind in SCORERS:
        write_scorer(tmp_path / kind, scorer(kind))
        note = json.loads((tmp_path / kind / "model.json").read_text())["note"]
        assert ("data of patients" in note) == (kind == "knn")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": ["aspirin"]}, "does not fit"),
        ({"features": ["a", "b"]}, "does not fit"),
        ({"vocabulary": ["a", "a", "b"]}, "twice"),
        ({"kind": "other"}, "no scorer of this version"),
        ({"kind": "knn"}, "is missing or of another form"),
        ({"sha256": "0"}, "is not what was written"),
        ({"slope": "NaN"}, "slope"),
        ({"threshold": None}, "threshold"),
    ],
)
def test_a_damaged_folder_is_told(change: dict[str, object], message: str, tmp_path: Path) -> None:
    write_scorer(tmp_path, scorer("logistic"))
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(WeightsError, match=message):
        read_scorer(tmp_path)


def test_an_empty_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="train recommender"):
        read_scorer(tmp_path)


def test_a_feature_beyond_the_space_is_refused() -> None:
    with pytest.raises(DataError):
        Rows.of([[4]], 4)
