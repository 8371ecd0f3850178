"""Tasks of Label Studio, and what reviewers made of them: decisions, or a counted reason why not."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import FormatError
from apothecary.store.decisions import Decision, DecisionLog, changed_edge, decisions_path
from apothecary.store.export import export
from apothecary.store.keys import edge_key
from apothecary.store.label_studio_import import Reviewed, decisions_of, import_reviewed
from tests.store.export_base import CID, NEG, TEXTS, TRIPLE, made_base

Json = dict[str, Any]
Item = dict[str, Any]
Change = Callable[[list[Item]], None]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return made_base(tmp_path / "kb.duckdb")


@pytest.fixture
def tasks(base: Path) -> list[Json]:
    done = export(base, base.with_name("tasks.json"), "label-studio")
    found: list[Json] = json.loads(done.path.read_text(encoding="utf-8"))
    return found


def result_of(task: Json) -> list[Item]:
    (prediction,) = task["predictions"]
    found: list[Item] = prediction["result"]
    return found


def choice(edge: str, word: str) -> Item:
    value = {"start": 0, "end": 1, "text": "", "choices": [word]}
    return {"id": edge, "from_name": "verdict", "to_name": "text", "type": "choices", "value": value}


def reviewed(base: Path, task: Json, change: Change, **fields: object) -> tuple[Reviewed, list[Decision]]:
    """Import the task as a reviewer left it who began from the predictions."""
    done = deepcopy(task)
    result = deepcopy(result_of(task))
    change(result)
    annotation = {"result": result, "completed_by": {"email": "anna@x"}, "parent_prediction": 1} | fields
    done["annotations"] = [{"created_at": "2026-03-01T10:00:00.5Z"} | annotation]
    path = base.with_name("reviewed.json")
    path.write_text(json.dumps([done]), encoding="utf-8")
    found = import_reviewed(base, path)
    with DecisionLog(decisions_path(base)) as log:
        return found, list(log.standing())


def of(result: list[Item], name: str) -> Item:
    return next(each for each in result if each.get("id") == name)


def test_regions_are_where_their_words_are_and_links_join_them(tasks: list[Json]) -> None:
    assert [task["data"] for task in tasks] == [
        {"text": TEXTS[name], "document": name} for name in sorted(TEXTS)
    ]
    for task in tasks:
        text, result = task["data"]["text"], result_of(task)
        regions = {each["id"]: each["value"] for each in result if each["type"] == "labels"}
        assert all(text[v["start"] : v["end"]] == v["text"] for v in regions.values())
        links = [each for each in result if each["type"] == "relation"]
        assert all(each["from_id"] in regions and each["to_id"] in regions for each in links)
    assert sum(each.get("from_id") == TRIPLE for each in result_of(tasks[1])) == 3


def test_the_configuration_knows_every_label(base: Path, tasks: list[Json]) -> None:
    config = etree.parse(base.with_name("tasks.config.xml"))
    known = {
        name: {str(each) for each in config.xpath(f"//*[@name='{name}']/Label/@value")}
        for name in ("mention", "statement")
    }
    for each in (item for task in tasks for item in result_of(task) if item["type"] == "labels"):
        assert set(each["value"]["labels"]) <= known[str(each["from_name"])]
    assert config.xpath("//Relation/@value") == ["drug", "head", "tail"]


def test_verdicts_become_decisions_of_their_reviewer(base: Path, tasks: list[Json]) -> None:
    found, log = reviewed(base, tasks[0], lambda r: r.extend([choice(NEG, "accept"), choice(CID, "reject")]))
    assert {each.edge: each.verdict for each in log} == {NEG: "accept", CID: "reject"}
    assert {(each.document, each.reviewer, each.made) for each in log} == {
        ("101", "anna@x", "2026-03-01T10:00:00+00:00")
    }
    assert not found.failed


def test_the_same_file_twice_decides_once(base: Path, tasks: list[Json]) -> None:
    for _ in range(2):
        _, log = reviewed(base, tasks[0], lambda r: r.append(choice(NEG, "accept")))
    assert [each.number for each in log] == [1]


def test_what_was_neither_judged_nor_changed_is_no_decision(base: Path, tasks: list[Json]) -> None:
    found, log = reviewed(base, tasks[0], lambda r: None)
    assert not log
    assert found.counts["not judged"] == 2


def test_another_type_is_an_edit(base: Path, tasks: list[Json]) -> None:
    _, (edit,) = reviewed(base, tasks[0], lambda r: of(r, NEG)["value"].update(labels=["POS"]))
    assert (edit.edge, edit.verdict) == (NEG, "edit")
    assert edit.change is not None
    drugs = [{"role": "drug", "concept": concept} for concept in ("MESH:D1", "drug:mirtal")]
    assert (edit.change["type"], edit.change["arguments"]) == ("POS", drugs)


def test_a_link_taken_away_is_an_edit_of_the_arguments(base: Path, tasks: list[Json]) -> None:
    def fewer(result: list[Item]) -> None:
        result.remove(next(each for each in result if each.get("from_id") == TRIPLE))

    _, (edit,) = reviewed(base, tasks[1], fewer)
    assert edit.change is not None
    assert changed_edge(edit.change) == edge_key("POS", [("drug", "drug:mirtal"), ("drug", "drug:sol|vane")])


def test_a_sentence_moved_is_an_edit_of_the_evidence(base: Path, tasks: list[Json]) -> None:
    def moved(result: list[Item]) -> None:
        of(result, NEG)["value"].update(start=20, end=37, text="Zincol and mirtal")

    _, (edit,) = reviewed(base, tasks[0], moved)
    assert edit.change is not None
    assert edit.change["evidence"] == [{"start": 20, "end": 37, "quote": "Zincol and mirtal"}]


def test_a_statement_that_was_removed_is_rejected(base: Path, tasks: list[Json]) -> None:
    def without(result: list[Item]) -> None:
        result[:] = [each for each in result if NEG not in (each.get("id"), each.get("from_id"))]

    _, (one,) = reviewed(base, tasks[0], without)
    assert (one.edge, one.verdict) == (NEG, "reject")


def test_an_annotation_from_scratch_rejects_nothing(base: Path, tasks: list[Json]) -> None:
    _, log = reviewed(base, tasks[0], lambda r: r.clear(), parent_prediction=None)
    assert not log


def test_offsets_in_utf16_units_are_understood(base: Path, tasks: list[Json]) -> None:
    def as_older_versions_wrote(result: list[Item]) -> None:
        for each in result:
            value = each.get("value", {})
            if each["type"] == "labels" and value["start"] > 18:
                value.update(start=value["start"] + 1, end=value["end"] + 1)
        result.append(choice(NEG, "accept"))

    found, (one,) = reviewed(base, tasks[0], as_older_versions_wrote)
    assert (one.edge, one.verdict) == (NEG, "accept")
    assert not found.failed


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda r: of(r, NEG)["value"].update(start=5, end=9, text="not there"), "stands nowhere"),
        (lambda r: of(r, NEG)["value"].update(start=-1), "stands nowhere"),
        (lambda r: of(r, NEG)["value"].update(start="x"), "stands nowhere"),
        (lambda r: of(r, "m2")["value"].update(start=9, end=14, text="under"), "no mention"),
    ],
)
def test_what_cannot_be_used_is_counted_and_told(
    base: Path, tasks: list[Json], change: Change, what: str
) -> None:
    found, log = reviewed(base, tasks[0], change)
    assert found.failed == 1
    assert what in found.problems[0]
    assert "task 1, annotation 1" in found.problems[0]
    assert not log


@pytest.mark.parametrize(("field", "value"), [("document", "999"), ("text", "Another text.")])
def test_a_task_of_another_base_is_counted(base: Path, tasks: list[Json], field: str, value: str) -> None:
    tasks[0]["data"][field] = value
    found, log = reviewed(base, tasks[0], lambda r: r.append(choice(NEG, "accept")))
    assert (found.failed, log) == (1, [])


def test_a_cancelled_annotation_decides_nothing(base: Path, tasks: list[Json]) -> None:
    found, log = reviewed(base, tasks[0], lambda r: r.append(choice(NEG, "accept")), was_cancelled=True)
    assert (found.counts["cancelled"], log) == (1, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["id", "type", "value", "from_id", "to_id", "labels", "from_name"])
VALUES = JSON | st.sampled_from(["labels", "relation", "r", "statement", "mention"])
DRUG = Mention((Span(0, 1),), "a", "Drug")
SMALL = Document(
    "d",
    "a b",
    mentions=(DRUG,),
    concepts=(Concept("drug:a", "Drug", (0,), ("a",)),),
    relations=(Relation("r", "NEG", (Argument("drug", "drug:a"),)),),
)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(FIELDS, VALUES)), JSON)
def test_no_annotation_breaks_the_import(result: list[Item], who: object) -> None:
    fields = ("completed_by", "updated_at", "parent_prediction")
    task: Json = {"annotations": [{"result": result} | dict.fromkeys(fields, who)], "predictions": who}
    found = Reviewed()
    assert all(each.edge == "r" for each in decisions_of(task, SMALL, found, "f"))
    assert found.counts["annotations"] == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, "\ud800"])
def test_a_file_that_holds_no_tasks_is_one_error(base: Path, text: str) -> None:
    path = base.with_name("tasks.json")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(FormatError, match="tasks.json"):
        import_reviewed(base, path)
