"""Pairs: a document's own, or those of a run of relations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apothecary.documents import Argument, Concept, Document, Evidence, Relation, Span
from apothecary.errors import FormatError, UsageError
from apothecary.formats.records import to_record
from apothecary.messages import Failure, Outcome, Reply, Request
from apothecary.tasks.conditions.task import TASK
from tests.tasks.conditions.asking import ROW, record_of, run, said


def concept(number: int, type_: str, *names: str) -> Concept:
    return Concept(f"c{number}", type_, (), names)


def relation(number: int, type_: str, first: int, second: int, **more: Any) -> Relation:
    sides = (Argument("head", f"c{first}"), Argument("tail", f"c{second}"))
    return Relation(f"r{number}", type_, sides, **more)


PLAIN = Document("d", "Zincol (ZC) eased colds. ZC at 5 mg. Ironal eased colds in men, not gout.")
FOUND = replace(
    PLAIN,
    concepts=(
        concept(1, "Chemical", "Zincol", "ZC"),
        concept(2, "Disease", "colds"),
        concept(3, "chemical", "Ironal"),
        concept(4, "Gene", "ABC1"),
        concept(5, "Disease"),
    ),
    relations=(
        relation(1, "chem_disease:therapeutic", 1, 2, evidence=(Evidence(Span(0, 24), PLAIN.text[:24]),)),
        relation(2, "CID", 3, 2),
        relation(3, "Negative_Correlation", 2, 3, evidence=(Evidence(Span(0, 6), "Copral"),)),
        relation(4, "Negative_Correlation", 4, 2),
        relation(5, "therapeutic", 1, 2),
        relation(6, "therapeutic", 1, 5),
    ),
)


def by_drug(request: Request) -> Outcome:
    drug = request.messages[-1].content.split("Drug: ")[-1]
    return Reply(said("5 mg") if drug.startswith("Zincol") else said("men"))


def run_folder(folder: Path, *records: Mapping[str, object], task: object = "relations") -> str:
    (folder / "manifest.json").write_text(json.dumps({"task": task}))
    (folder / "predictions.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    return str(folder)


def test_a_document_is_asked_about_each_of_its_own_therapeutic_pairs() -> None:
    extraction, asked = run(by_drug, FOUND)
    assert len(asked) == 2
    record: Any = extraction.record
    assert [each["pair"] for each in record["pairs"]] == [["Zincol", "colds"], ["Ironal", "colds"]]
    assert [(each["span"], each["relation"]) for each in record["conditions"]] == [
        ("5 mg", "r1"),
        ("men", "r3"),
    ]
    assert [each["relation"] for each in record["left_out"]] == ["r4", "r6"]
    assert [each.get("evidence") for each in record["relations"]] == [
        [{"start": 0, "end": 24, "quote": PLAIN.text[:24]}],
        None,
    ]


def test_all_names_of_a_pair_are_looked_for_and_have_roles() -> None:
    extraction, (request, _) = run(by_drug, FOUND, roles="lemma")
    record: Any = extraction.record
    assert record["pairs"][0]["named"] == [3, 2]
    content = request.messages[-1].content
    assert [content[each.start : each.end] for each in request.roles][:3] == ["Zincol", "ZC", "colds"]
    _, (request, _) = run(by_drug, FOUND, roles="reference")
    assert "ZC" not in [content[each.start : each.end] for each in request.roles]


def test_pairs_come_from_a_run_of_relations(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, to_record(FOUND))
    extraction, asked = run(by_drug, PLAIN, pairs=folder)
    own, _ = run(by_drug, FOUND)
    assert len(asked) == 2
    assert extraction.record == own.record


def test_a_row_keeps_its_own_pair_whatever_the_run_says(tmp_path: Path) -> None:
    _, asked = run("[]", ROW, pairs=run_folder(tmp_path), pair_types="none_such")
    assert len(asked) == 1


def test_a_document_without_a_therapeutic_relation_is_empty_and_one_unknown_to_the_run_is_not(
    tmp_path: Path,
) -> None:
    folder = run_folder(tmp_path, to_record(PLAIN))
    for document, own in ((PLAIN, {}), (PLAIN, {"pairs": folder}), (FOUND, {"pair_types": "CID2"})):
        extraction, asked = run("[]", document, **own)
        assert (asked, extraction.problems) == ([], ())
        assert extraction.record is not None
        assert extraction.record["conditions"] == []
    extraction, _ = run("[]", replace(PLAIN, id="other"), pairs=folder)
    assert extraction.record is None
    assert [problem.kind for problem in extraction.problems] == ["NoPairs"]


def test_what_a_pair_is_can_be_set() -> None:
    own = {"pair_types": "cid", "drug_types": "CHEMICAL", "disease_types": "disease"}
    _, (request,) = run("[]", FOUND, **own)
    assert request.messages[-1].content.endswith("Drug: Ironal\nDisease: colds")
    with pytest.raises(UsageError, match="names no type"):
        TASK.prepare({"pair_types": " , "}, {})


def test_pairs_beyond_the_limit_are_told() -> None:
    extraction, asked = run(by_drug, FOUND, max_pairs=1)
    assert len(asked) == 1
    assert [problem.kind for problem in extraction.problems] == ["TooManyQuestions"]


def test_of_several_pairs_one_may_fail() -> None:
    def answer(request: Request) -> Outcome:
        return (
            Failure("TimedOut", "late")
            if "Drug: Ironal" in request.messages[-1].content
            else by_drug(request)
        )

    record = record_of(answer, FOUND)
    assert [each["status"] for each in record["pairs"]] == ["ok", "unanswered"]
    assert record["pairs"][1]["conditions"] is None
    assert [each["span"] for each in record["conditions"]] == ["5 mg"]


def test_a_run_of_pairs_that_is_none_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: is no run folder"):
        TASK.prepare({"pairs": str(tmp_path / "nowhere")}, {})
    with pytest.raises(UsageError, match="is no run folder: No such file"):
        TASK.prepare({"pairs": str(tmp_path)}, {})
    with pytest.raises(UsageError, match="holds a run of combinations, not of relations"):
        TASK.prepare({"pairs": run_folder(tmp_path, task="combinations")}, {})
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match="its manifest cannot be read"):
        TASK.prepare({"pairs": str(tmp_path)}, {})
    with pytest.raises(FormatError, match=r"predictions.jsonl:2: field id is missing"):
        TASK.prepare({"pairs": run_folder(tmp_path, to_record(PLAIN), {"text": "x"})}, {})


def test_a_changed_run_of_pairs_is_another_run(tmp_path: Path) -> None:
    first = TASK.prepare({"pairs": run_folder(tmp_path, to_record(PLAIN))}, {}).settings
    second = TASK.prepare({"pairs": run_folder(tmp_path, to_record(FOUND))}, {}).settings
    assert first["pairs"] == second["pairs"]
    assert first["pairs_digest"] != second["pairs_digest"]
