"""Counts of annotated files from the command line and from Python."""

import json
from pathlib import Path
from typing import Any

import pytest

from apothecary import api
from apothecary.cli.main import main
from apothecary.errors import DataError

PUBTATOR = """\
1|t|Druga and rash.
1|a|More.
1\t0\t5\tDruga\tChemical\tC1
1\t10\t14\trash\tDisease\t-1
1\tCID\tC1\tD1

"""
ROW: dict[str, object] = {
    "pmid": "7",
    "title": "Zinc.",
    "abstract": "Women took 20 mg.",
    "drug": "zinc",
    "disease": "flu",
}
GOLD = [{"span": "20mg", "type": "dosage"}, {"span": "old men", "type": "Age"}]
TARGETS = [
    '["Span: Women | Label: Gender"]',
    "['Span: women | Label: Gender', 'Span: 20 m",
    "[]",
    "none",
    None,
]
COMBINATION = {
    "doc_id": "d1",
    "sentence": "Druga, drugb and drugc .",
    "paragraph": "Druga, drugb and drugc .",
    "spans": [
        {"span_id": place, "text": text, "start": start, "end": start + 5}
        for place, (text, start) in enumerate([("Druga", 0), ("drugb", 7), ("drugc", 17)])
    ],
    "rels": [{"class": "POS", "spans": [0, 1, 2]}, {"class": "NEG", "spans": [0, 1]}],
}
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [ROW | {"target": target} for target in TARGETS]
    lines = {
        "gold.pubtator": PUBTATOR,
        "rows.jsonl": json.dumps(ROW | {"conditions": GOLD}) + "\n",
        "train.json": json.dumps(rows),
        "combinations.jsonl": json.dumps(COMBINATION) + "\n",
    }
    for name, text in lines.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def found(capsys: Captured, *names: str) -> Any:
    assert main(["stats", *names, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_mentions_concepts_and_relations_are_counted(work: Path, capsys: Captured) -> None:
    counts = found(capsys, "gold.pubtator")
    assert (counts["documents"], counts["mean_tokens"]) == (1, 6.0)
    assert counts["mentions"]["by_type"] == {"Chemical": 1, "Disease": 1}
    assert [counts["mentions"][key] for key in ("count", "linked", "linked_share")] == [2, 1, 0.5]
    assert counts["concepts"] == {"count": 2, "linked": 2, "linked_share": 1.0}
    assert counts["relations"] == {"count": 1, "by_type": {"CID": 1}, "by_arity": {"2": 1}}
    assert counts["instances"] is None


def test_sets_of_drugs_have_an_arity(work: Path, capsys: Captured) -> None:
    relations = found(capsys, "combinations.jsonl")["relations"]
    assert relations == {"count": 2, "by_type": {"POS": 1, "NEG": 1}, "by_arity": {"2": 1, "3": 1}}


def test_targets_of_condition_rows_are_read(work: Path, capsys: Captured) -> None:
    counts = found(capsys, "train.json")["instances"]
    assert [counts[key] for key in ("abstracts", "pairs", "annotated", "unread", "mended")] == [1, 5, 3, 1, 1]
    assert (counts["spans"], counts["by_type"], counts["empty"]) == (2, {"Gender": 2}, 1)
    assert counts["by_how"] == {"exact": 1, "spaces": 0, "case": 1, "none": 0}
    assert (counts["spans_per_pair"], counts["spans_per_non_empty_pair"]) == (pytest.approx(2 / 3), 1.0)


def test_ids_may_repeat_between_files(work: Path, capsys: Captured) -> None:
    (work / "val.json").write_text((work / "train.json").read_text())
    counts = found(capsys, "train.json", "val.json", "rows.jsonl", "gold.pubtator")
    assert (counts["documents"], counts["instances"]["pairs"], counts["instances"]["abstracts"]) == (
        12,
        11,
        1,
    )
    assert counts["instances"]["by_type"] == {"Gender": 4, "Dosage": 1, "Age": 1}
    assert counts["instances"]["by_how"]["none"] == 1
    assert counts == api.stats(["train.json", "val.json", "rows.jsonl", "gold.pubtator"])


def test_the_table_names_types_and_faults(work: Path, capsys: Captured) -> None:
    assert main(["stats", "train.json", "combinations.jsonl"]) == 0
    out = capsys.readouterr().out
    for words in ("A token is a word", "arguments 3", "POS", "cannot be read", "had to be mended", "case"):
        assert words in out
    assert main(["stats", "gold.pubtator"]) == 0
    out = capsys.readouterr().out
    assert "arguments" not in out
    assert "pairs" not in out


def test_a_type_cannot_steer_a_terminal(work: Path, capsys: Captured) -> None:
    kind = "\x1b[31m" + "x" * 200
    mention = {"start": 0, "end": 2, "type": kind}
    (work / "x.jsonl").write_text(json.dumps({"id": "1", "text": "Tin.", "mentions": [mention]}) + "\n")
    assert main(["stats", "x.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) < 100


def test_an_unknown_type_and_a_text_without_annotation_are_no_fault(work: Path, capsys: Captured) -> None:
    (work / "a.txt").write_text("Zinc.")
    (work / "b.jsonl").write_text(json.dumps(ROW | {"conditions": [{"span": "Women", "type": "Sex"}]}) + "\n")
    assert found(capsys, "a.txt")["mentions"]["count"] == 0
    assert found(capsys, "b.jsonl")["instances"]["by_type"] == {"Sex": 1}


def test_no_documents_at_once_is_an_error_and_so_is_no_input(work: Path) -> None:
    with pytest.raises(DataError, match="none.jsonl: cannot be read"):
        api.stats("none.jsonl")
    assert main(["stats"]) == 2
