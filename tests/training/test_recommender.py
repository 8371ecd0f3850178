"""Training a scorer: from the training part alone, and the same twice."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st

from apothecary.corpora.visits import folds
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.networks.scorer_files import read_scorer
from apothecary.networks.visit_scorers import Rows, log_odds, logistic
from apothecary.tasks.recommending import Case, load_lists
from apothecary.training.logistic_fitting import BLOCK, NEAR, fit_logistic
from apothecary.training.recommender import cases_of, fit, train_recommender
from apothecary.training.recommender_settings import RecommenderSettings
from apothecary.training.scorer_fitting import given_matrix, need_fitting
from apothecary.visits import Code, Drug, Visit
from tests.runs.invented_visits import write_visits

LISTS = load_lists("medication")


def config(folder: Path, text: str, count: int = 40) -> Path:
    write_visits(folder / "visits.jsonl", count)
    (folder / "mine.toml").write_text(f'visits = "visits.jsonl"\n{text}')
    return folder / "mine.toml"


def change_visits(path: Path, chosen: Path) -> None:
    """Change codes and lists of those visits of a file that stand in another."""
    ids = {json.loads(line)["visit_id"] for line in chosen.read_text().splitlines()}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    new = {"diagnoses": [{"system": "icd9", "code": "486", "title": "new"}], "gold": ["aspirin", "new"]}
    path.write_text("".join(json.dumps(row | (new if row["visit_id"] in ids else {})) + "\n" for row in rows))


def visit(patient: str, codes: str, drugs: str, order: int = 0, system: str = "icd9") -> Visit:
    return Visit(
        f"{patient}-{order}",
        patient,
        order,
        diagnoses=tuple(Code(system, code) for code in codes.split()),
        drugs=tuple(map(Drug, drugs.split())),
    )


def noisy_cases(stays: int = 1) -> list[Case]:
    """So many visits for each patient, each with a code of its own; a drug mostly goes with its code."""
    draw, names = np.random.default_rng(3), np.array(["a", "b", "c", "d", "e", "f"])
    visits = []
    for number in range(60 * stays):
        has = draw.random(6) < 0.5
        drugs = names[has == (draw.random(6) < 0.8)]
        patient = f"p{number // stays}"
        codes = " ".join([*names[has], patient])
        visits.append(visit(patient, codes, " ".join(drugs), number % stays, system="own"))
    return cases_of(visits)


def picked(cases: list[Case], chosen: np.ndarray) -> list[Case]:
    return [case for case, own in zip(cases, chosen, strict=True) if own]


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


@pytest.mark.parametrize("kind", ["knn", "logistic"])
def test_visits_kept_out_change_nothing_of_what_is_learnt(kind: str, tmp_path: Path) -> None:
    path = config(tmp_path, f'kind = "{kind}"\nheld_out = 0.25\nmin_support = 1\nmin_features = 1\n')
    learnt = []
    for name in ("as it was", "changed"):
        folder = train_recommender(path, out=tmp_path / name).folder
        record = json.loads((folder / "model.json").read_text())
        assert record["about"].pop("held_out") is not None
        del record["about"]["visits_sha256"]
        learnt.append((record, (folder / "arrays.npz").read_bytes()))
        change_visits(tmp_path / "visits.jsonl", folder / "held-out.jsonl")
    assert learnt[0] == learnt[1]


def test_the_scores_of_a_visit_come_from_scorers_without_its_patient() -> None:
    cases = noisy_cases(stays=2)
    chosen = RecommenderSettings("", kind="knn", min_support=1, min_features=1, folds=4)
    fitted = fit(cases, chosen, LISTS)
    assert fitted.scores is not None
    for part in folds([case.visit for case in cases], 4, seed=chosen.seed):
        own = np.array([case.visit in part.test for case in cases])
        other = fit(picked(cases, ~own), replace(chosen, folds=1), LISTS)
        odds = log_odds(other.scorer.probabilities(other.space.rows(picked(cases, own))))
        expected = logistic(fitted.scorer.slope * odds + fitted.scorer.intercept)
        assert fitted.scores[own] == pytest.approx(expected)


def test_probabilities_are_as_often_right_as_they_say() -> None:
    """The nearest visit alone says 0 or 1, and is wrong in every fourth case."""
    cases = noisy_cases()
    chosen = RecommenderSettings("", kind="knn", neighbours=1, prior=0.0, min_support=1, min_features=1)
    fitted = fit(cases, chosen, LISTS)
    assert fitted.scores is not None
    assert fitted.inner is not None
    given = given_matrix([case.visit.names for case in cases], fitted.scorer.vocabulary)
    for said in (fitted.scores > 0.5, fitted.scores <= 0.5):
        assert fitted.scores[said].mean() == pytest.approx(given[said].mean(), abs=0.03)
    assert fitted.inner["ece"] < 0.05 < 0.2 < fitted.inner["ece_uncalibrated"]
    # Every visit is its own nearest one, so that the scorer says the same two numbers.
    found = fitted.scorer.probabilities(fitted.space.rows(cases))
    assert [found.min(), found.max()] == pytest.approx([fitted.scores.min(), fitted.scores.max()])


@pytest.mark.parametrize("kind", ["popularity", "logistic"])
def test_the_threshold_gives_the_lists_nearest_to_those_that_were_given(kind: Any) -> None:
    cases = noisy_cases()
    fitted = fit(cases, RecommenderSettings("", kind=kind, min_support=1, min_features=1), LISTS)
    assert fitted.scores is not None
    nearness = {}
    for threshold in (round(0.02 + place / 100, 2) for place in range(88)):
        overlaps = []
        for case, row in zip(cases, fitted.scores, strict=True):
            gold, listed = set(case.visit.names), set(np.array(fitted.scorer.vocabulary)[row >= threshold])
            overlaps.append(len(gold & listed) / len(gold | listed))
        nearness[threshold] = np.mean(overlaps)
    assert fitted.scorer.threshold == max(nearness, key=lambda each: (nearness[each], each))
    assert fitted.inner is not None
    assert fitted.inner["jaccard"] == pytest.approx(max(nearness.values()))


def test_all_earlier_visits_are_features() -> None:
    visits = [
        visit("p", "4019", "aspirin", 0),
        visit("p", "25000", "zinc", 1),
        visit("p", "4280", "heparin", 2),
    ]
    cases = cases_of(visits)
    fitted = fit(cases, RecommenderSettings("", min_support=1, min_features=1), LISTS)
    last = fitted.space.rows(cases[2:], ("aspirin", "heparin", "zinc"))
    told = {fitted.space.names[column] for column in last.row(0)}
    assert {"earlier drug:aspirin", "earlier drug:zinc"} <= told
    assert {"earlier diagnosis icd9:401*", "earlier diagnosis icd9:250*"} <= told
    assert last.earlier is not None
    assert last.earlier.given.tolist() == [[True, False, False], [False, False, True]]


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
