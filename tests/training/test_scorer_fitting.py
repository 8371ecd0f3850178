"""What a configuration says of a scorer reaches it, and so does what is known of drugs."""

from pathlib import Path

import numpy as np
import pytest

from apothecary.networks.visit_scorers import Rows
from apothecary.training.recommender import read_facts
from apothecary.training.recommender_settings import RecommenderSettings
from apothecary.training.scorer_fitting import Lessons, fit_scorer

GIVEN = np.array([[1, 0], [1, 1], [0, 1], [0, 1]], dtype=np.bool_)
LESSONS = Lessons(Rows.of([[0], [1], [1, 2], [2]], 3), ("a", "b", "c"), GIVEN, np.zeros((2, 2), np.bool_))


def test_the_prior_of_neighbours_draws_towards_the_shares() -> None:
    """One visit is like the first in all, and three times as many stand for all visits: (1 + 3 / 2) / 4."""
    chosen = RecommenderSettings("", kind="knn", neighbours=1, prior=3.0)
    found = fit_scorer(LESSONS, chosen).probabilities(Rows.of([[0]], 3))
    assert found[0] == pytest.approx([(1 + 3 * 0.5) / 4, (0 + 3 * 0.75) / 4])


def test_as_many_neighbours_count_as_are_asked_for() -> None:
    """Both visits with the second feature are alike; the first of them has nothing else."""
    one, two = (
        fit_scorer(LESSONS, RecommenderSettings("", kind="knn", neighbours=count, prior=0.0))
        for count in (1, 2)
    )
    rows = Rows.of([[1]], 3)
    assert one.probabilities(rows)[0] == pytest.approx([1, 1])
    alike = np.sqrt(0.5)
    assert two.probabilities(rows)[0] == pytest.approx([1 / (1 + alike), 1])


def test_rare_features_make_visits_more_alike_than_common_ones() -> None:
    """One visit of four has the first feature, two have the second: weights of log 4 and log 2."""
    chosen = RecommenderSettings("", kind="knn", neighbours=2, prior=0.0)
    found = fit_scorer(LESSONS, chosen).probabilities(Rows.of([[0, 1]], 3))
    assert found[0] == pytest.approx([1, 1 / (2 + 1)])


def test_a_weaker_ridge_follows_the_visits_further() -> None:
    rows, strengths = Rows.of([[0], [2]], 3), (0.01, 10.0)
    loose, tight = (
        fit_scorer(LESSONS, RecommenderSettings("", kind="logistic", strength=each)).probabilities(rows)[:, 0]
        for each in strengths[::-1]
    )
    assert loose[0] - loose[1] > 0.5 > 0.05 > tight[0] - tight[1] > 0


def test_facts_of_drugs_are_read_from_the_files_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "ddi.csv").write_text("drug_a,drug_b\naspirin,warfarin\n")
    (tmp_path / "parts.csv").write_text("drug,part\nwarfarin,ring\naspirin,ring\naspirin,acid\n")
    chosen = RecommenderSettings("", interactions=("ddi.csv",), parts="parts.csv")
    facts = read_facts(tmp_path, chosen)
    drugs = ("aspirin", "heparin", "warfarin")
    assert np.argwhere(facts.interacting(drugs)).tolist() == [[0, 2], [2, 0]]
    parts = facts.having(drugs)
    assert parts is not None
    assert parts.tolist() == [[True, False, False], [True, False, True]]
