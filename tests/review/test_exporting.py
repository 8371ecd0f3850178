"""From decisions to files: gold that scores 1.0 against what was accepted, and records to train on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from apothecary import api
from apothecary.documents import Document
from apothecary.errors import UsageError
from apothecary.formats.records import to_record
from apothecary.review.exporting import Exported, export
from apothecary.store.decisions import Decision, DecisionLog, decisions_path
from apothecary.store.opening import opened
from apothecary.training.chat_data import read_conversations
from tests.review.bases import make_base, sample

TIAMOL = {"role": "head", "concept": "T:Tiamol"}
TREATS = {"type": "treats", "arguments": [TIAMOL, {"role": "tail", "concept": "T:headache"}], "evidence": []}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """d1 whole: headache edited, rash rejected, gout accepted; d2 whole, all accepted; d3 in part."""
    base = make_base(tmp_path / "kb.duckdb", [sample("d1"), sample("d2"), sample("d3")])
    with opened(base) as connection:
        edges = dict(
            connection.execute(
                "SELECT a.concept, r.edge FROM relations r JOIN arguments a ON a.relation = r.relation"
                " WHERE a.role = 'tail' AND r.document = 'd1'"
            ).fetchall()
        )
    said = [("d1", "rash", "reject"), ("d1", "gout", "accept"), ("d3", "gout", "accept")]
    said += [("d2", name, "accept") for name in ("rash", "gout", "headache")]
    with DecisionLog(decisions_path(base)) as log:
        for document, name, verdict in said:
            log.append(Decision(0, document, edges[f"T:{name}"], verdict, "ann", ""))  # type: ignore[arg-type]
        log.append(Decision(0, "d1", edges["T:headache"], "edit", "ann", "", TREATS))
    return base


def accepted(path: Path) -> Path:
    """The records of the run, as if it had said what was accepted."""
    records = []
    for name, keep in (
        ("d1", {"r1": "treats", "r3": "treats"}),
        ("d2", {"r1": "causes", "r2": "causes", "r3": "treats"}),
    ):
        record = to_record(sample(name))
        sides = {
            c.id: {"texts": list(c.names), "ids": list(c.ids), "broader": False}
            for c in sample(name).concepts
        }
        record["relations"] = [
            {"type": keep[r.id], "head": sides[r.argument("head")], "tail": sides[r.argument("tail")]}
            for r in sample(name).relations
            if r.id in keep
        ]
        records.append(json.dumps(record))
    path.write_text("\n".join(records), encoding="utf-8")
    return path


def test_gold_scores_one_against_what_was_accepted(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "gold.jsonl"
    assert export(base, "gold", out) == Exported(2, 1, 2)
    found = api.score("relations", out, accepted(tmp_path / "predictions.jsonl"))
    for name, one in found["evaluators"].items():  # type: ignore[attr-defined]
        assert (name, one["micro"]["f1"], one["micro"]["tp"]) == (name, 1.0, 5)


def test_gold_can_be_pubtator(base: Path, tmp_path: Path) -> None:
    export(base, "gold", tmp_path / "gold.pubtator")
    documents = {each.id: each for each in api.read(tmp_path / "gold.pubtator")}
    assert sorted(r.type for r in documents["d1"].relations) == ["treats", "treats"]


def test_conversations_are_what_train_reads(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "sft.jsonl"
    assert export(base, "sft", out).lines == 2
    first, _ = read_conversations([out], answered=True)
    assert "Tiamol may cause" in first.prompt[-1].content
    assert first.answer == "treats: [Tiamol, gout]; [Tiamol, headache]"


def test_a_preference_sets_the_right_answer_against_what_the_run_said(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs.jsonl"
    assert export(base, "preference", out) == Exported(2, 1, 1, same=1)
    (pair,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert pair["chosen"] != pair["rejected"]
    assert "rash" in pair["rejected"][0]["content"]
    assert "rash" not in pair["chosen"][0]["content"]


def test_combinations_are_scored_too(tmp_path: Path) -> None:
    base = make_base(tmp_path / "kb.duckdb", [of_drugs(sample())], task="combinations")
    with opened(base) as connection, DecisionLog(decisions_path(base)) as log:
        for (edge,) in connection.execute("SELECT edge FROM edges").fetchall():
            log.append(Decision(0, "d1", edge, "accept", "ann", ""))
    out, predictions = tmp_path / "gold.jsonl", tmp_path / "predictions.jsonl"
    export(base, "gold", out, task="combinations")
    predictions.write_text(
        json.dumps({"id": "d1", "relations": [{"type": "POS", "drugs": ["Tiamol", "headache"]}]}),
        encoding="utf-8",
    )
    found = api.score("combinations", out, predictions)
    assert found["official"]["positive_exact"]["f1"] == 1.0  # type: ignore[index]


def of_drugs(document: Document) -> Document:
    """The first relation as a combination."""
    arguments = tuple(replace(each, role="drug") for each in document.relations[0].arguments)
    return replace(document, relations=(replace(document.relations[0], type="POS", arguments=arguments),))


def test_nothing_whole_is_said_and_nothing_written(tmp_path: Path) -> None:
    base = make_base(tmp_path / "kb.duckdb", [sample()])
    with pytest.raises(UsageError, match="nothing is decided"):
        export(base, "gold", tmp_path / "gold.jsonl")
    DecisionLog(decisions_path(base)).close()
    with pytest.raises(UsageError, match="no document has all its relations decided"):
        export(base, "gold", tmp_path / "gold.jsonl")
    assert not (tmp_path / "gold.jsonl").exists()
