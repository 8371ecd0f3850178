"""Training a scorer: from the training part alone, and the same twice."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st

from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.visit_rows import read
from apothecary.networks.scorer_files import read_scorer
from apothecary.networks.visit_scorers import Rows
from apothecary.tasks.recommending import load_lists
from apothecary.training.logistic_fitting import BLOCK, NEAR, fit_logistic
from apothecary.training.recommender import cases_of, fit, measure, train_recommender
from apothecary.training.recommender_settings import RecommenderSettings
from apothecary.training.scorer_fitting import need_fitting
from apothecary.visits import Visit
from tests.runs.invented_visits import write_visits


def config(folder: Path, text: str, count: int = 40) -> Path:
    write_visits(folder / "visits.jsonl", count)
    (folder / "mine.toml").write_text(f'visits = "visits.jsonl"\n{text}')
    return folder / "mine.toml"


@pytest.mark.parametrize("kind", ["popularity", "knn", "logistic"])
def test_a_policy_is_trained_and_measured(kind: str, tmp_path: Path) -> None:
    path = config(tmp_path, f'kind = "{kind}"\nheld_out = 0.25\n')
    found = train_recommender(path, out=tmp_path / "policy")
    assert (found.visits, found.patients, found.drugs) == (30, 15, 6)
    assert found.inner is not None
    assert found.held_out is not None
    assert 0.2 < found.held_out["jaccard"] <= 1
    scorer = read_scorer(tmp_path / "policy")
    assert scorer.about["held_out"] == found.held_out
    held = [json.loads(line) for line in (tmp_path / "policy" / "held-out.jsonl").read_text().splitlines()]
    assert len(held) == 10


def test_codes_tell_more_than_popularity(tmp_path: Path) -> None:
    figures = []
    for kind in ("popularity", "knn"):
        path = config(tmp_path, f'kind = "{kind}"\nheld_out = 0.25\n', count=120)
        figures.append(train_recommender(path, out=tmp_path / kind).held_out)
    assert figures[0] is not None
    assert figures[1] is not None
    assert figures[1]["prauc"] > figures[0]["prauc"] + 0.05


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = config(tmp_path, 'kind = "knn"\n')
    for name in ("a", "b"):
        train_recommender(path, out=tmp_path / name)
    for file in ("model.json", "arrays.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_nothing_of_visits_kept_out_is_learnt(tmp_path: Path) -> None:
    visits = [item for item in read(write_visits(tmp_path / "v.jsonl")) if isinstance(item, Visit)]
    chosen = RecommenderSettings("v.jsonl", kind="knn")
    train, test = cases_of(visits[:30]), cases_of(visits[30:])
    fitted = fit(train, chosen, load_lists("medication"))
    assert fitted.scorer.about["visits"] == 30
    measure(fitted, test)
    again = fit(train, chosen, load_lists("medication"))
    rows = fitted.space.rows(test)
    assert (fitted.scorer.probabilities(rows) == again.scorer.probabilities(rows)).all()


def test_one_patient_has_no_inner_parts(tmp_path: Path) -> None:
    path = config(tmp_path, 'kind = "popularity"\nmin_support = 1\n', count=2)
    said: list[str] = []
    found = train_recommender(path, out=tmp_path / "policy", say=said.append)
    assert (found.inner, found.threshold) == (None, 0.5)
    assert "no calibration" in said[-1]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("kind = 1", UsageError, "kind"),
        ("colour = 1", UsageError, "colour"),
        ("held_out = 1", UsageError, "held_out"),
        ("visits =", FormatError, "is not TOML"),
        ('kind = "knn"\nmin_support = 500', DataError, "too few to learn from"),
    ],
)
def test_a_wrong_configuration_is_told(
    text: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        train_recommender(config(tmp_path, text), out=tmp_path / "policy")


def test_a_bad_visit_ends_the_training(tmp_path: Path) -> None:
    path = config(tmp_path, 'kind = "knn"\n')
    with (tmp_path / "visits.jsonl").open("a") as stream:
        stream.write('{"visit_id": "z", "age": "SECRET"}\n')
    with pytest.raises(DataError, match=r"visits.jsonl:41 \(visit z\): field age"):
        train_recommender(path, out=tmp_path / "policy")


def test_a_drug_that_all_have_needs_no_regression() -> None:
    rows = Rows.of([[0], [1], [0, 1]], 2)
    given = np.array([[True, True, False], [True, False, False], [True, True, False]])
    found = fit_logistic(rows, given, 0.1).probabilities(rows)
    assert found[:, 0] == pytest.approx([0.8] * 3)
    assert found[:, 2] == pytest.approx([0.2] * 3)
    assert found[0, 1] > found[1, 1]


@settings(deadline=None, max_examples=30)
@given_by(
    st.lists(st.frozensets(st.integers(0, 4)), min_size=2, max_size=12),
    st.sampled_from([0.01, 0.1, 1.0, 100.0]),
    st.integers(0, 9),
)
def test_a_regression_is_at_its_least_loss(sets: list[frozenset[int]], strength: float, seed: int) -> None:
    rows = Rows.of(sets, 5)
    given = np.random.default_rng(seed).random((len(sets), 3)) < 0.5
    found = fit_logistic(rows, given, strength)
    open_drugs = given.any(axis=0) & ~given.all(axis=0)
    wrong = (found.probabilities(rows) - given)[:, open_drugs]
    slope = rows.dense().T @ wrong + found.weights[:, open_drugs] / strength
    assert np.abs(slope).max(initial=0) <= NEAR * len(sets)
    assert np.abs(wrong.sum(axis=0)).max(initial=0) <= NEAR * len(sets)


def test_visits_in_several_blocks_count_as_in_one() -> None:
    rng = np.random.default_rng(0)
    sets = [frozenset(np.flatnonzero(rng.random(6) < 0.4).tolist()) for _ in range(BLOCK * 2 // 3)]
    given = rng.random((len(sets), 2)) < 0.3
    one = fit_logistic(Rows.of(sets, 6), given, 0.2)
    twice = fit_logistic(Rows.of([*sets, *sets], 6), np.vstack([given, given]), 0.1)
    assert one.weights == pytest.approx(twice.weights, abs=1e-3)


def test_what_is_missing_is_named() -> None:
    need_fitting("logistic")
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(UsageError, match=r"torch is not installed.*apothecary\[train\]"):
            need_fitting("gamenet")
