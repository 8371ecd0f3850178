"""Instances: made of records, rows and documents, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats.condition_files import Values
from apothecary.formats.condition_rows import document_of as document_of_row
from apothecary.formats.condition_rows import row_of
from apothecary.tasks.conditions.answers import Condition, render_output
from apothecary.tasks.conditions.instances import (
    Gold,
    Instance,
    document_of,
    instance_of,
    instance_of_document,
    instance_of_row,
    instance_record,
    with_gold,
)
from tests.strategies import texts as any_texts

RECORD: dict[str, object] = {
    "id": "i1",
    "pmid": "12",
    "title": "Zinc for colds.",
    "abstract": "Women took 20 mg.",
    "drug": "zinc",
    "disease": "colds",
    "conditions": [{"span": " 20 mg ", "type": "dosage "}, {"span": "Women", "type": "Sex"}],
    "rater": "A",
}
BARE = {key: value for key, value in RECORD.items() if key != "conditions"}

texts = any_texts.map(lambda text: text.replace("\0", "0"))
words = texts.map(str.strip).filter(bool)
instances = st.builds(
    Instance,
    id=words,
    pmid=st.sampled_from(["", "12"]),
    title=texts,
    abstract=texts.filter(str.strip),
    drug=words,
    disease=words,
    conditions=st.lists(
        st.builds(Condition, words, st.sampled_from(["Age", "Body Type", "Sex"])), max_size=3
    ).map(tuple),
    extra=st.dictionaries(st.sampled_from(["x", "y"]), texts, max_size=2),
)


def test_a_record_gives_canonical_types_and_keeps_unknown_ones() -> None:
    found = instance_of(RECORD)
    assert found.conditions == (Condition("20 mg", "Dosage"), Condition("Women", "Sex"))
    assert (found.pmid, found.text) == ("12", "Zinc for colds. Women took 20 mg.")
    assert (found.extra, found.gold, found.annotated) == ({"rater": "A"}, "given", True)


@pytest.mark.parametrize(
    ("target", "spans", "gold"),
    [
        ('["Span: 20 mg | Label: Dosage"]', ["20 mg"], "given"),
        ("['Span: 20 mg | Label: Dosage']", ["20 mg"], "given"),
        ("[]", [], "given"),
        ('["Span: 20 mg | Label: Dosage", "x"]', ["20 mg"], "salvaged"),
        ('["Span: 20 mg | Label: Dosage", "Span: Wo', ["20 mg"], "salvaged"),
        ("nothing", [], "malformed"),
        (None, [], "none"),
        (["Span: 20 mg | Label: Dosage"], ["20 mg"], "given"),
        ([{"span": "20 mg", "label": "Dosage"}], ["20 mg"], "given"),
    ],
)
def test_a_target_becomes_conditions_and_says_how(target: object, spans: list[str], gold: Gold) -> None:
    found = instance_of(BARE | {"target": target})
    assert [each.span for each in found.conditions] == spans
    assert (found.gold, found.annotated) == (gold, gold in ("given", "salvaged"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"conditions": None}, "neither conditions nor target"),
        ({"conditions": None, "target": "nothing"}, r"field target is not a list .* \(malformed\)"),
        ({"conditions": None, "target": '["x", "Span: a | Label: Age"]'}, r"field target .* \(salvaged\)"),
        ({}, "unknown type 'Sex'"),
    ],
)
def test_strict_reading_names_file_and_line(change: dict[str, object], problem: str) -> None:
    row = row_of(Values(RECORD | change, "a.jsonl:7", 6))
    assert instance_of_row(row).id == "i1"
    with pytest.raises(FormatError, match=f"^a.jsonl:7: {problem}"):
        instance_of_row(row, strict=True)


def test_sound_gold_passes_strict_reading() -> None:
    assert instance_of(BARE | {"conditions": []}, strict=True).annotated
    assert instance_of(BARE | {"target": '["Span: 20 mg | Label: body-type"]'}, strict=True).annotated


def test_a_record_needs_its_id_and_other_documents_are_no_instances() -> None:
    with pytest.raises(FormatError, match="field id is missing"):
        instance_of({key: value for key, value in RECORD.items() if key != "id"})
    with pytest.raises(DataError, match="document d: is no instance"):
        instance_of_document(Document("d", "Zinc."))


@pytest.mark.parametrize(
    ("target", "types", "mended"),
    [
        ('["Span: 20 mg | Label: body-type"]', ["Body Type"], None),
        ('["Span: 20 mg | Label: Age", "Span: Wo', ["Age"], "true"),
        ("nothing", [], None),
        (None, [], None),
    ],
)
def test_gold_that_is_text_is_read_into_the_document(
    target: str | None, types: list[str], mended: str | None
) -> None:
    document = document_of_row(row_of(Values(BARE | {"target": target}, "f:1", 0)))
    found = with_gold(document)
    assert [each.type for each in found.conditions] == types
    assert found.attributes.get("mended") == with_gold(found).attributes.get("mended") == mended
    assert (found == document) == (not types)
    assert ("target" in found.attributes) == (target == "nothing")


def test_other_documents_are_left_alone_and_false_ones_refused() -> None:
    plain = Document("d", "Zinc.")
    assert with_gold(plain) is plain
    with pytest.raises(DataError, match="document d: is no instance"):
        with_gold(Document("d", "Zinc.", attributes={"corpus": "conditions"}))


@settings(deadline=None)
@given(instances)
def test_records_and_documents_give_the_instance_back(instance: Instance) -> None:
    record = json.loads(json.dumps(instance_record(instance)))
    assert instance_of(record) == instance
    assert instance_of_document(document_of(instance)) == instance


@settings(deadline=None)
@given(instances)
def test_a_rendered_target_is_read_as_the_same_conditions(instance: Instance) -> None:
    record = instance_record(instance) | {"conditions": None, "target": render_output(instance.conditions)}
    assert instance_of(record) == instance


def test_what_nobody_annotated_has_no_conditions_in_its_record() -> None:
    found = instance_of(BARE | {"target": "nothing"})
    assert "conditions" not in instance_record(found)
    assert instance_of(instance_record(found)).gold == "none"
    assert document_of(found).attributes["annotated"] == "false"


def test_a_target_that_was_read_is_gone_from_the_document() -> None:
    row = row_of(Values(BARE | {"target": '["Span: 20 mg | Label: Dosage"]'}, "f:1", 0))
    assert document_of_row(row).attributes["target"]
    found = document_of(instance_of_document(document_of_row(row)))
    assert "target" not in found.attributes
    assert [(each.type, each.text) for each in found.conditions] == [("Dosage", "20 mg")]
