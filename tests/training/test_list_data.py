"""What a language model learns lists from: training visits alone, in the form that trainings read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apothecary.networks.visit_encoder import VectorTable, read_tables
from apothecary.tasks.list_asking import FirstList, Teaching, load_asking
from apothecary.tasks.recommending import Case, load_lists
from apothecary.training.chat_data import read_conversations
from apothecary.training.list_data import ListDataOptions, first_lists, write_list_data
from apothecary.training.recommender import cases_of, train_recommender
from apothecary.training.recommender_settings import RecommenderSettings
from tests.runs.invented_visits import write_visits
from tests.training.test_recommender import change_visits, visit

CONFIG = 'visits = "visits.jsonl"\nkind = "knn"\nheld_out = 0.25\nmin_support = 2\n'


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    write_visits(folder / "visits.jsonl", note="secret of the stay")
    (folder / "config.toml").write_text(CONFIG)
    return folder


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_no_visit_that_a_policy_keeps_out_is_learnt_from(work: Path, tmp_path: Path) -> None:
    policy = train_recommender(work / "config.toml", out=tmp_path / "policy")
    kept_out = {row["visit_id"] for row in rows(policy.folder / "held-out.jsonl")}
    found = write_list_data(work / "config.toml", tmp_path / "lists", ListDataOptions(60))
    learnt = {row["id"].partition("#")[0] for row in rows(tmp_path / "lists" / "sft.jsonl")}
    assert kept_out
    assert not learnt & kept_out
    assert (found.visits, found.kept_out) == (policy.visits, len(kept_out))
    vocabulary = json.loads((policy.folder / "model.json").read_text())["vocabulary"]
    assert json.loads((tmp_path / "lists" / "vocabulary.json").read_text()) == vocabulary


def test_visits_kept_out_change_nothing_of_what_is_written(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.jsonl")
    (tmp_path / "config.toml").write_text(CONFIG)
    policy = train_recommender(tmp_path / "config.toml", out=tmp_path / "policy")
    written = []
    for name in ("as it was", "changed"):
        options = ListDataOptions(20, soft=("diagnosis", "drug", "visit"), width=4)
        write_list_data(tmp_path / "config.toml", tmp_path / name, options)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
        change_visits(tmp_path / "visits.jsonl", policy.folder / "held-out.jsonl")
    assert "soft.json" in written[0]
    assert written[0] == written[1]


def test_the_first_list_of_a_visit_knows_nothing_of_its_patient() -> None:
    """Each patient has a code of its own, by which a scorer that saw it would know its list."""
    settings = RecommenderSettings("", kind="knn", neighbours=1, prior=0.0, min_support=1, min_features=1)

    def listed(last: str) -> list[tuple[str, ...]]:
        drugs = ["aspirin", "heparin", "aspirin heparin", "aspirin", "heparin", last]
        visits = [visit(f"p{n}", f"code{n}", own, order) for n, own in enumerate(drugs) for order in (0, 1)]
        vocabulary, first = first_lists(cases_of(visits), settings, load_lists("medication"))
        assert vocabulary == ("aspirin", "heparin")
        return [each.listed for each in first if each.case.visit.id == "p5-0"]

    assert len(listed("aspirin")) == 1
    assert listed("aspirin") == listed("heparin")


@pytest.mark.parametrize("passes", ["loop", "two"])
def test_the_files_are_what_trainings_read(work: Path, tmp_path: Path, passes: Any) -> None:
    found = write_list_data(work / "config.toml", tmp_path, ListDataOptions(10, passes))
    answered = read_conversations([tmp_path / "sft.jsonl", tmp_path / "questions.jsonl"], answered=True)
    assert len(answered) == found.lessons + 10
    asked = read_conversations([tmp_path / "grpo.jsonl"], answered=False)
    assert len(asked) == found.prompts == (10 if passes == "loop" else 20)
    assert all(set(each.columns) == {"id", "start", "gold", "mode"} for each in asked)


def test_the_same_seed_writes_the_same_bytes(work: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_list_data(work / "config.toml", tmp_path / name, ListDataOptions(20, seed=seed))
    one, same, other = ((tmp_path / name / "sft.jsonl").read_bytes() for name in "abc")
    assert one == same != other


def test_notes_are_told_only_when_asked_for(work: Path, tmp_path: Path) -> None:
    for name, note in (("plain", False), ("note", True)):
        write_list_data(work / "config.toml", tmp_path / name, ListDataOptions(5, note=note))
        told = "secret" in (tmp_path / name / "sft.jsonl").read_text()
        assert told == note


def test_of_earlier_stays_the_last_is_told_with_its_drugs() -> None:
    history = [visit("p", "1", "aspirin", 0), visit("p", "2", "zinc", 1)]
    case = Case(visit("p", "3", "heparin", 2), tuple(history))
    (told,) = {each.messages[1].content for each in lessons(FirstList(case, ("heparin",)))[:1]}
    before = told.partition("Stay before")[2]
    assert "Diagnoses: icd9 2\nDrugs: zinc" in before
    assert "aspirin" not in told


def test_missed_and_extra_drugs_are_those_of_one_visit() -> None:
    """A scorer that either misses two drugs or lists two too many never does both, nor neither."""
    wrong = [("abcd", "ab"), ("abcd", "abcdef")]
    first = [
        FirstList(Case(visit(f"p{number}", "1", " ".join(gold))), tuple(listed))
        for number, (gold, listed) in enumerate(wrong * 6)
    ]
    found = lessons(*first, draws=40)
    errors = {
        (len(set(each.gold) - set(each.start)), len(set(each.start) - set(each.gold))) for each in found
    }
    assert errors == {(2, 0), (0, 2)}


def lessons(*first: FirstList, draws: int = 1) -> list[Any]:
    asking = load_asking("medication")
    assert asking is not None
    vocabulary = ("a", "b", "c", "d", "e", "f", "g", "heparin")
    return list(asking.lists(Teaching(first, vocabulary, draws, passes="two"))[0])


@pytest.fixture(scope="module")
def tables(work: Path) -> dict[str, VectorTable]:
    (work / "molecules.csv").write_text("aspirin,1,0\nwarfarin,0,1\nnever given,7,8\n")
    options = ListDataOptions(4, soft=("diagnosis", "drug"), width=4, molecules=work / "molecules.csv")
    write_list_data(work / "config.toml", work / "lists", options)
    return read_tables(work / "lists" / "soft.json")[0]


def test_soft_tokens_of_drugs_hold_the_molecules_of_the_user(tables: dict[str, VectorTable]) -> None:
    drugs = tables["drug"]
    assert drugs.width == 4 + 2
    known = {name: drugs.mean([name])[4:].tolist() for name in drugs.names}
    assert (known["aspirin"], known["warfarin"], known["heparin"]) == ([1, 0], [0, 1], [0, 0])
    assert known["never given"] == [7, 8]
    assert not drugs.mean(["never given"])[:4].any()
    assert drugs.mean(["heparin"])[:4].any()


def test_soft_tokens_of_codes_hold_what_stands_above_them(tables: dict[str, VectorTable]) -> None:
    codes = tables["diagnosis"]
    assert codes.width == 4 + 4
    names = ("icd9:4280", "icd9:4019", "icd9:25000", "chapter:circulatory")
    heart, pressure, sugar, chapter = (codes.mean([f"diagnosis {name}"])[4:] for name in names)
    # What visits say of them is in the first half.
    assert min(near(heart, chapter), near(pressure, chapter)) > 0.6 > 0.01 > abs(near(sugar, chapter))


def near(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
