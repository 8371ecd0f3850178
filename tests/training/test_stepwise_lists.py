"""What an editor learns from: the measure of harm, severities, and given drugs that the policy lacks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from apothecary.networks.list_features import Harm
from apothecary.tasks.recommending import Case, load_lists
from apothecary.training.recommender import fit, read_facts
from apothecary.training.stepwise_lists import ListRows, Wanted, potential, with_safety
from apothecary.training.stepwise_recommender import list_rows
from apothecary.training.stepwise_settings import read_stepwise_settings
from apothecary.visits import Drug, Visit
from apothecary.vocab.interaction_files import read_interactions

CASES = [
    Case(Visit(f"v{n}", f"p{n}", drugs=tuple(map(Drug, ["aspirin", "heparin", "warfarin", f"rare {n}"]))))
    for n in range(4)
]
BOTH = np.ones((4, 3), np.float32)
"""All three drugs, of the four of each visit, in a list: an overlap of 3/4."""


def rows(folder: Path, text: str = "", cases: Sequence[Case] = CASES) -> ListRows:
    """With the worst interaction and a minor one among the three drugs."""
    pairs = "aspirin,warfarin,contraindicated\nheparin,warfarin,minor\n"
    (folder / "i.csv").write_text(f"drug_a,drug_b,severity\n{pairs}")
    (folder / "mine.toml").write_text(
        f'interactions = ["i.csv"]\njudged_parts = 2\n{text}\n'
        '[scorer]\nvisits = "none.jsonl"\nkind = "popularity"\nmin_support = 2\nfolds = 2\n'
    )
    settings = read_stepwise_settings(folder / "mine.toml")
    task = load_lists(settings.scorer.task)
    fitted = fit(cases, settings.scorer, task, read_facts(folder, settings.scorer), lambda line: None)
    return list_rows(fitted, cases, read_interactions([folder / "i.csv"]), settings)


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        ("", 2 / 3),
        ("[harm]\nmeasure = 'count'", 2.0),
        ("[harm]\nmeasure = 'per_drug'", 2 / 4),
        ("[harm]\ntarget = 0.5", 2 / 3 - 0.5),
        ("severity = true", (2.0 + 0.5) / 3),
        ("severity = true\n[harm]\nmeasure = 'count'", 2.0 + 0.5),
    ],
)
def test_every_setting_of_harm_changes_the_lessons(text: str, harm: float, tmp_path: Path) -> None:
    found = rows(tmp_path, text)
    assert potential(with_safety(found.inputs, 0.5), BOTH, found.wanted) == pytest.approx(
        [3 / 4 - 0.5 * harm] * 4
    )


def test_severity_makes_a_pair_heavier_than_another(tmp_path: Path) -> None:
    plain, graded = (rows(tmp_path, text).inputs.weights for text in ("", "severity = true"))
    assert sorted(plain[np.triu_indices(3, 1)].tolist()) == [0.0, 1.0, 1.0]
    assert sorted(graded[np.triu_indices(3, 1)].tolist()) == [0.0, 0.5, 2.0]


def test_an_editor_remembers_what_it_was_trained_for(tmp_path: Path) -> None:
    rows(tmp_path, "severity = true\nbudget = 3\n[harm]\nmeasure = 'count'")
    terms = read_stepwise_settings(tmp_path / "mine.toml").terms
    assert (terms.severity, terms.budget, terms.harm) == (True, 3, Harm("count"))


def test_given_drugs_that_the_policy_lacks_count_in_the_overlap(tmp_path: Path) -> None:
    assert rows(tmp_path).wanted.sizes.tolist() == [4.0] * 4
    wanted = Wanted.of(np.array([[True, False]]), np.array([2]))
    assert wanted.overlap(np.array([[1.0, 1.0]], np.float32)) == pytest.approx([1 / 4])
