"""Networks over visits: what they learn, what interactions cost them, and that they come back from files."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from apothecary.errors import DataError, WeightsError
from apothecary.networks.safedrug import read as read_safedrug
from apothecary.networks.scorer_files import read_scorer, write_scorer
from apothecary.networks.visit_network import NetworkScorer
from apothecary.networks.visit_scorers import DrugScorer, Earlier, Rows
from apothecary.networks.visit_steps import LONGEST, block_of
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import recommend
from apothecary.tasks.recommending import load_lists
from apothecary.training.network_settings import NetworkSettings
from apothecary.training.recommender import cases_of, fit, train_recommender
from apothecary.training.recommender_settings import RecommenderSettings
from apothecary.training.scorer_fitting import DrugFacts
from apothecary.training.visit_networks import Known, controlled_loss, fit_network, share_of_harm
from apothecary.visits import Code, Drug, Visit
from apothecary.vocab.interactions import Interaction, InteractionTable
from tests.runs.invented_visits import write_visits

KINDS = ["safedrug", "gamenet"]
FEATURES = ("age 40-49", "diagnosis a", "diagnosis b", "earlier visits", "procedure c")
DRUGS = ("for a", "also for a", "for b", "for c")
APART, TOGETHER = np.zeros((4, 4), np.bool_), np.zeros((4, 4), np.bool_)
TOGETHER[0, 1] = TOGETHER[1, 0] = True
QUICK = NetworkSettings(hidden=16, epochs=40, batch=30, learning_rate=1e-2, dropout=0.1, target=1.0)


def alone(sets: list[list[int]]) -> Rows:
    """First visits."""
    none = Rows.of([], len(FEATURES))
    past = Earlier(np.zeros(len(sets) + 1, np.int64), none, np.zeros((0, len(DRUGS)), np.bool_))
    rows = Rows.of(sets, len(FEATURES))
    return Rows(rows.starts, rows.columns, rows.width, past)


def toy(count: int = 60) -> tuple[Rows, np.ndarray]:
    """Drugs follow from codes, and their first visits too."""
    draw = np.random.default_rng(0)
    has = draw.random((count, 3)) < 0.5
    sets = [[0] + [column for column, own in zip((1, 2, 4), each, strict=True) if own] for each in has]
    given = np.column_stack([has[:, 0], has[:, 0], has[:, 1], has[:, 2]])
    return alone(sets), given


@cache
def fitted(kind: str) -> NetworkScorer:
    rows, given = toy()
    return fit_network(kind, rows, given, Known(FEATURES, APART), QUICK, seed=3)


@pytest.mark.parametrize("kind", KINDS)
def test_drugs_of_a_code_rise_with_it(kind: str) -> None:
    found = fitted(kind).probabilities(alone([[0, 1], [0, 2], [0, 4]]))
    assert found.argmax(axis=1).tolist()[1:] == [2, 3]
    assert found[0, :2].min() > 0.5 > 0.4 > found[0, 2:].max()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_weights(kind: str) -> None:
    rows, given = toy()
    short = replace(QUICK, epochs=2)
    first, again = (
        fit_network(kind, rows, given, Known(FEATURES, APART), short, seed=3).arrays() for _ in range(2)
    )
    assert all((first[name] == again[name]).all() for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lower_target_gives_fewer_interactions(kind: str) -> None:
    rows, given = toy()
    strict = replace(QUICK, target=0.0, slack=0.02)
    safe = fit_network(kind, rows, given, Known(FEATURES, TOGETHER), strict, seed=3)
    rates = [scorer.probabilities(rows)[:, :2].prod(axis=1).mean() for scorer in (safe, fitted(kind))]
    assert rates[0] < 0.6 * rates[1]


def test_earlier_lists_tell_gamenet_of_later_ones() -> None:
    draw = np.random.default_rng(1)
    before = np.eye(4, dtype=np.bool_)[draw.integers(4, size=60)]
    rows = Rows.of([[0, 1]] * 60, len(FEATURES))
    past = Earlier(np.arange(61), Rows.of([[0]] * 60, len(FEATURES)), before)
    rows = Rows(rows.starts, rows.columns, rows.width, past)
    found = fit_network("gamenet", rows, before, Known(FEATURES, APART), QUICK, seed=3).probabilities(rows)
    assert (found.argmax(axis=1) == before.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_visits_without_a_known_code_work(kind: str) -> None:
    found = fitted(kind).probabilities(alone([[], [0]]))
    assert found.shape == (2, 4)
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_beside_a_visit_does_not_change_it(kind: str) -> None:
    scorer = fitted(kind)
    past = Earlier(np.array([0, 0, 3]), Rows.of([[1], [2], [4]], 5), np.eye(4, dtype=np.bool_)[:3])
    rows = Rows.of([[0, 1], [0, 2]], 5)
    both = scorer.probabilities(Rows(rows.starts, rows.columns, 5, past))
    assert both[0] == pytest.approx(scorer.probabilities(alone([[0, 1]]))[0], abs=1e-6)
    assert both[1] != pytest.approx(scorer.probabilities(alone([[0, 2]]))[0], abs=1e-6)


def test_of_a_long_history_the_end_is_read() -> None:
    count = LONGEST + 3
    past = Earlier(
        np.array([0, count]),
        Rows.of([[each % 5] for each in range(count)], 5),
        np.zeros((count, 4), np.bool_),
    )
    rows = Rows.of([[0]], 5)
    block = block_of(Rows(rows.starts, rows.columns, 5, past), np.array([0]))
    assert block.counts.tolist() == [LONGEST]
    assert block.features[0].argmax(axis=1).tolist() == [each % 5 for each in range(4, count)] + [0]


def test_rows_without_their_history_are_refused() -> None:
    with pytest.raises(DataError, match="earlier visits"):
        fitted("gamenet").probabilities(Rows.of([[0]], 5))


def test_parts_of_molecules_make_a_local_part() -> None:
    rows, given = toy()
    parts = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.bool_)
    scorer = fit_network("safedrug", rows, given, Known(FEATURES, APART, parts), QUICK, seed=3)
    again = read_safedrug(scorer.arrays())
    assert (again.probabilities(rows) == scorer.probabilities(rows)).all()
    assert again.network.form.parts == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_gives_the_network_back(kind: str, tmp_path: Path) -> None:
    rows, given = toy()
    scorer = DrugScorer(kind, DRUGS, FEATURES, fitted(kind), given.mean(axis=0))
    write_scorer(tmp_path, scorer)
    assert (read_scorer(tmp_path).probabilities(rows) == scorer.probabilities(rows)).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arrays.npz", "model.json"]


@pytest.mark.parametrize("change", ["missing", "shape", "infinite"])
def test_damaged_arrays_are_refused(change: str) -> None:
    arrays = fitted("safedrug").arrays()
    if change == "missing":
        del arrays["query.bias"]
    elif change == "shape":
        arrays["query.bias"] = np.zeros(3)
    else:
        arrays["query.bias"] = np.full(16, np.inf)
    with pytest.raises((DataError, WeightsError)):
        read_safedrug(arrays)


def test_a_network_is_trained_from_a_file_and_recommends(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.jsonl")
    (tmp_path / "ddi.csv").write_text("drug_a,drug_b\naspirin,warfarin\n")
    text = (
        'visits = "visits.jsonl"\nkind = "gamenet"\nheld_out = 0.25\nfolds = 2\ninteractions = ["ddi.csv"]\n'
    )
    (tmp_path / "net.toml").write_text(text + "[network]\nhidden = 8\nepochs = 3\n")
    found = train_recommender(tmp_path / "net.toml", out=tmp_path / "policy")
    assert found.held_out is not None
    options = RecommendOptions(interactions=(tmp_path / "ddi.csv",))
    told = recommend(tmp_path / "visits.jsonl", found.folder, options, out=tmp_path / "run")
    assert (told.status, told.visits) == ("complete", 40)


@pytest.mark.parametrize("kind", KINDS)
def test_interactions_that_a_training_is_given_part_the_drugs(kind: Any) -> None:
    """Two drugs are given for one code; who learns that they interact lists them together less often."""
    treated = {"a": (Drug("aspirin"), Drug("warfarin")), "b": (Drug("zinc"),)}
    visits = [
        Visit(f"v{n}", f"p{n}", diagnoses=(Code("own", "ab"[n % 2]),), drugs=treated["ab"[n % 2]])
        for n in range(30)
    ]
    quick = replace(QUICK, epochs=20, batch=6, target=0.0, slack=0.02)
    chosen = RecommenderSettings("", kind=kind, folds=1, network=quick)
    known = InteractionTable.of([Interaction("Warfarin", "aspirin")])
    cases, lists = cases_of(visits), load_lists("medication")
    together = []
    for facts in (DrugFacts(), DrugFacts(known)):
        found = fit(cases, chosen, lists, facts)
        rows = found.space.rows(cases, found.scorer.vocabulary)
        together.append(found.scorer.probabilities(rows)[:, :2].prod(axis=1).mean())
    assert together[1] < 0.8 * together[0]


def test_parts_of_molecules_are_read_from_a_table(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.jsonl")
    (tmp_path / "parts.csv").write_text("drug,part\nAspirin,benzene\nwarfarin,benzene\nunknown,x\n")
    told: list[str] = []
    text = 'visits = "visits.jsonl"\nkind = "safedrug"\nfolds = 1\nparts = "parts.csv"\n'
    (tmp_path / "net.toml").write_text(text + "[network]\nhidden = 8\nepochs = 2\n")
    train_recommender(tmp_path / "net.toml", out=tmp_path / "policy", say=told.append)
    assert "2 of them have known parts of molecules" in told
    with np.load(tmp_path / "policy" / "arrays.npz") as arrays:
        assert [arrays[name].shape[0] for name in arrays if name.endswith("of_parts")] == [1]


def test_interactions_count_only_above_the_target() -> None:
    logits, wanted = torch.full((2, 4), 3.0), torch.ones(2, 4, dtype=torch.bool)
    harm = torch.from_numpy(TOGETHER.astype(np.float32))
    assert share_of_harm(logits > 0, harm) == pytest.approx(1 / 6)
    loss = [float(controlled_loss(logits, wanted, harm, NetworkSettings(target=t))) for t in (0.2, 0.1, 0.15)]
    chance = float(torch.sigmoid(torch.tensor(3.0)))
    # Far above the target interactions alone count, near to it in proportion.
    assert loss[1] == pytest.approx(chance**2 / 4, rel=1e-5)
    third = (1 / 6 - 0.15) / 0.05
    assert loss[2] == pytest.approx((1 - third) * loss[0] + third * loss[1], rel=1e-4)
