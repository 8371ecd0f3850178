"""Building: files, counts and errors; what is held out is dropped; one bad set does not stop the others."""

import json
from pathlib import Path

import pytest

from apothecary.corpora.held_out import HeldOut
from apothecary.corpora.instruct_build import build
from apothecary.corpora.instruct_sets import named_sets
from apothecary.errors import FormatError, UsageError
from apothecary.formats.example_rows import read

QUESTION = {"QUESTION": "Does it?", "CONTEXTS": ["It may."], "final_decision": "maybe"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "mqp").mkdir()
    (tmp_path / "mqp" / "mqp_train.csv").write_text("1,a,b,1\n1,a,c,0\n1,a,c,5\n")
    (tmp_path / "instruct" / "pubmedqa").mkdir(parents=True)
    rows = {"11": QUESTION, "12": QUESTION, "13": QUESTION | {"final_decision": "perhaps"}}
    (tmp_path / "instruct" / "pubmedqa" / "pqal_train.json").write_text(json.dumps(rows))
    return tmp_path


def test_examples_counts_and_errors_are_written(data: Path) -> None:
    lists = HeldOut({"test": frozenset({"12"})})
    built = build(named_sets(["mqp", "pubmedqa", "hoc"]), data, data / "out", held_out=lists)
    assert not built.complete
    assert [(s.dataset, s.examples, s.bad, s.held_out) for s in built.splits] == [
        ("mqp", {"text_pairs": 2}, 1, {}),
        ("pubmedqa", {"choice": 1}, 1, {"choice": 1}),
    ]
    assert built.failed.keys() == {"hoc"}
    assert len(list(read(data / "out" / "mqp.jsonl"))) == 2
    errors = [json.loads(line) for line in (data / "out" / "errors.jsonl").read_text().splitlines()]
    assert [(row["dataset"], row["split"]) for row in errors] == [
        ("mqp", "train"),
        ("pubmedqa", "train"),
        ("hoc", None),
    ]
    assert errors[0]["where"].endswith("mqp_train.csv:3")
    assert json.loads((data / "out" / "counts.json").read_text()) == built.figures()


def test_the_same_copies_give_the_same_bytes(data: Path) -> None:
    sets = named_sets(["mqp"])
    build(sets, data, data / "a")
    build(sets, data, data / "b")
    build(sets, data, data / "a")
    assert (data / "a" / "mqp.jsonl").read_bytes() == (data / "b" / "mqp.jsonl").read_bytes()
    assert sorted(path.name for path in (data / "a").iterdir()) == [
        "counts.json",
        "errors.jsonl",
        "mqp.jsonl",
    ]


def test_terms_are_asked_for_before_anything_is_written(data: Path) -> None:
    with pytest.raises(UsageError, match="accept-licence cmeee"):
        build(named_sets(["mqp", "cmeee"]), data, data / "out")
    assert not (data / "out").exists()


def test_a_folder_without_any_of_the_sets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no file of hoc"):
        build(named_sets(["hoc", "seth"]), tmp_path, tmp_path / "out")


def test_a_repeated_id_is_a_bad_row(data: Path) -> None:
    row = '{"text": "x", "label": "method"}\n'
    (data / "scicite").mkdir()
    (data / "scicite" / "train.txt").write_text(row * 2)
    (data / "kuake").mkdir()
    file = data / "qic_dev.json"
    file.write_text(json.dumps([{"id": "s", "query": "q", "label": "其他"}] * 2), encoding="utf-8")
    built = build(named_sets(["scicite", "kuake_qic"]), data, data / "out", accepted=["kuake_qic"])
    assert [(s.examples, s.bad) for s in built.splits] == [
        ({"classification": 2}, 0),
        ({"classification": 1}, 1),
    ]
