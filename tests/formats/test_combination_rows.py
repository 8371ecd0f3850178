"""Rows of drug combinations in their three forms, the DDI corpus as XML and as a table."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Document, Span
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats import combination_rows, ddi_tsv, ddi_xml, records
from apothecary.formats.combination_rows import document_of, form_of
from apothecary.formats.drug_sentences import find_drugs
from apothecary.formats.inputs import read_gold, read_inputs

SENTENCE = "Aspirin and zinc and aspirin help ."
SPANS: dict[str, object] = {
    "doc_id": "d1",
    "sentence": SENTENCE,
    "paragraph": f"Title. {SENTENCE} End.",
    "spans": [
        {"span_id": 0, "text": "Aspirin", "start": 0, "end": 7},
        {"span_id": 1, "text": "zinc", "start": 12, "end": 16},
        {"span_id": 2, "text": "aspirin", "start": 21, "end": 28},
    ],
    "rels": [{"class": "POS", "spans": [1, 2], "is_context_needed": True}],
    "source": "https://pubmed.ncbi.nlm.nih.gov/12/",
}
STRINGS: dict[str, object] = {
    "sentence": SENTENCE,
    "paragraph": "Another text.",
    "entities": [{"entity_text": name, "entity_type": "drug"} for name in ("Aspirin", "zinc", "aspirin")],
    "rels": [{"class": "NEG", "entities": ["aspirin", "zinc"], "is_context_needed": False}],
}
PAIRS: dict[str, object] = {
    "id": 7,
    "context": SENTENCE,
    "entities": [{"entity": "aspirin", "category": "drug"}, {"entity": "zinc", "category": "drug"}],
    "relations": [
        {"type": "Advice", "ent_sets": [" aspirin", "zinc"]},
        {"type": "other", "ent_sets": ["zinc", "aspirin"]},
    ],
}
XML = """<?xml version="1.0"?><document id="D"><sentence id="D.s0" text="MAO-A and B inhibitors, zinc.&#xa;">
<entity id="e0" charOffset="0-4;12-21" type="group" text="MAO-A inhibitors"/>
<entity id="e1" charOffset="24-27" type="drug" text="zinc"/>{}
</sentence><sentence id="D.s1" text=" "/></document>"""
PAIR = '<pair id="p" e1="e0" e2="e1" ddi="true" type="mechanism"/>'
LINE = "mechanism\t<e1> DRUG1 </e1> raises <e2> DRUG2 </e2> .\tAspirin\tzinc salt\t\t\t\t\n"


def document(row: dict[str, object], line: int = 1) -> Document:
    return document_of(row, where=f"f:{line}", line=line)


def said(found: Document) -> list[tuple[str, list[str]]]:
    return [(r.type, [found.concept(a.concept).names[0] for a in r.arguments]) for r in found.relations]


def items(folder: Path, name: str, content: str) -> list[Document | DataError]:
    (folder / name).write_text(content, encoding="utf-8")
    return list(read_inputs([folder / name]))


def only(folder: Path, name: str, content: str) -> Document:
    (found,) = items(folder, name, content)
    assert isinstance(found, Document)
    return found


def test_spans_become_mentions_concepts_and_a_relation() -> None:
    found = document(SPANS)
    assert found.id == "d1"
    assert found.passage_text(found.passages[0]) == SENTENCE
    assert [found.text[m.start : m.end] for m in found.mentions] == ["Aspirin", "zinc", "aspirin"]
    assert [(c.names, c.mentions) for c in found.concepts] == [
        (("Aspirin", "aspirin"), (0, 2)),
        (("zinc",), (1,)),
    ]
    assert said(found) == [("POS", ["zinc", "Aspirin"])]
    assert dict(found.relations[0].attributes) == {"context_needed": "true", "mentions": "1 2"}
    assert found.attributes["corpus"] == "drugcomb"
    assert found.attributes["form"] == "spans"


def test_a_paragraph_without_the_sentence_comes_after_it() -> None:
    found = document(STRINGS, line=3)
    assert found.id == "2"
    assert found.text == f"{SENTENCE} Another text."
    assert [(p.section, found.passage_text(p)) for p in found.passages] == [
        ("sentence", SENTENCE),
        ("paragraph", "Another text."),
    ]
    assert [m.start for m in found.mentions] == [0, 12, 21]
    assert said(found) == [("NEG", ["Aspirin", "zinc"])]


def test_a_row_of_pairs_keeps_the_positive_ones() -> None:
    found = document(PAIRS)
    assert (found.id, found.text) == ("7", SENTENCE)
    assert said(found) == [("advise", ["aspirin", "zinc"])]
    assert [(m.start, m.text) for m in found.mentions] == [(12, "zinc"), (21, "aspirin")]


@pytest.mark.parametrize(
    ("row", "form"), [(SPANS, "spans"), (STRINGS, "strings"), (PAIRS, "ddi"), ({}, None)]
)
def test_the_keys_tell_the_form(row: dict[str, object], form: str | None) -> None:
    assert form_of(row) == form
    assert form_of({"id": "1", "text": "Sentence.", "relations": []}) is None


def test_an_id_is_doc_id_then_id_then_the_line() -> None:
    assert document(STRINGS | {"id": 5}).id == "5"
    assert document(STRINGS | {"id": 5, "doc_id": "x"}).id == "x"
    with pytest.raises(FormatError, match="field id is neither"):
        document(STRINGS | {"id": []})


def test_a_drug_that_stands_nowhere_is_a_concept_without_a_mention() -> None:
    names = [{"entity_text": "gold", "entity_type": "drug"}]
    found = document(STRINGS | {"entities": names, "rels": [{"class": "POS", "entities": ["gold", "tin"]}]})
    assert [(c.names, c.mentions) for c in found.concepts] == [(("gold",), ()), (("tin",), ())]
    assert [each.text for each in found.unlocated] == ["gold", "tin"]
    assert said(found) == [("POS", ["gold", "tin"])]


def test_a_name_that_differs_from_its_slice_is_flagged_and_named_by_the_slice() -> None:
    found = document(SPANS | {"spans": [{"span_id": 0, "text": "and", "start": 12, "end": 16}], "rels": []})
    assert [(m.text, m.alignment) for m in found.mentions] == [("zinc", "mismatch")]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({key: STRINGS[key] for key in ("sentence", "paragraph", "rels")}, "field entities is missing"),
        ({key: SPANS[key] for key in SPANS if key != "rels"}, "field rels is missing"),
        (STRINGS | {"sentence": " "}, "field sentence is empty"),
        (
            STRINGS | {"rels": [{"class": "SYN", "entities": ["a", "b"]}]},
            r"rels\[0\].class is 'SYN', not one",
        ),
        (STRINGS | {"rels": [{"class": "POS", "entities": ["a"]}]}, "does not name two or more"),
        (STRINGS | {"rels": [{"class": "POS", "entities": ["a", " "]}]}, "holds an empty name"),
        (STRINGS | {"entities": [{"entity_text": 3}]}, r"entities\[0\].entity_text is not a string"),
        (
            PAIRS | {"relations": [{"type": "kills", "ent_sets": ["a", "b"]}]},
            "type is 'kills', not one of other",
        ),
        (PAIRS | {"relations": [{"type": "int", "ent_sets": ["a"]}]}, "does not name two drugs"),
        (SPANS | {"spans": None}, "field spans is missing"),
        ({"title": "x"}, "is no row of drug combinations"),
    ],
)
def test_a_bad_row_is_one_error_with_its_line(row: dict[str, object], problem: str) -> None:
    with pytest.raises(DataError, match=f"^f:1: .*{problem}"):
        document(row)


def test_a_bad_row_costs_itself_only(tmp_path: Path) -> None:
    lines = [json.dumps(STRINGS), '{"sentence": "cut', json.dumps(SPANS | {"rels": 3}), json.dumps(SPANS)]
    found = items(tmp_path, "a.jsonl", "\n".join(lines))
    assert [each.id if isinstance(each, Document) else str(each)[-60:] for each in found][0::3] == ["0", "d1"]
    assert [each.where.rpartition(":")[2] for each in found if isinstance(each, DataError)] == ["2", "3"]


def test_repeated_ids_and_empty_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(2 * (json.dumps(SPANS) + "\n"))
    with pytest.raises(FormatError, match="document d1 was already read"):
        list(read_gold(tmp_path / "a.jsonl"))
    (tmp_path / "b.jsonl").write_text("")
    with pytest.raises(FormatError, match="no document in it"):
        list(read_gold(tmp_path / "b.jsonl"))


def test_a_drug_given_twice_is_one_concept() -> None:
    found = document(PAIRS | {"entities": [{"entity": "zinc"}, {"entity": "Zinc"}], "relations": []})
    assert [c.names for c in found.concepts] == [("zinc",)]


def test_a_file_is_known_by_its_first_row_even_when_that_is_cut_off(tmp_path: Path) -> None:
    long = STRINGS | {"paragraph": "x" * 70_000}
    for row in (SPANS, PAIRS, {"rels": STRINGS["rels"], **long}):
        (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
        (found,) = read_gold(tmp_path / "a.jsonl")
        assert "corpus" in found.attributes


def test_documents_survive_our_own_format() -> None:
    for row in (SPANS, STRINGS, PAIRS):
        found = document(row)
        assert records.from_record(records.to_record(found), where="x") == found


def test_longer_names_take_their_place_first() -> None:
    mentions, missing = find_drugs(
        "interferon alpha, pre-interferons, Interferon", ["interferon", "interferon alpha"]
    )
    assert [(m.start, m.text) for m in mentions] == [(0, "interferon alpha"), (35, "Interferon")]
    assert missing == []


def test_a_name_inside_another_is_found_when_it_stands_nowhere_else() -> None:
    mentions, _ = find_drugs("interferon alpha", ["interferon", "interferon alpha", "gold"])
    assert [m.text for m in mentions] == ["interferon", "interferon alpha"]
    assert find_drugs("x", ["gold", " "]) == ([], ["gold", " "])


@given(
    st.text("ab -", max_size=20), st.lists(st.text("ab -", min_size=1, max_size=4), max_size=5), st.booleans()
)
def test_names_are_found_where_they_stand(sentence: str, names: list[str], every: bool) -> None:
    mentions, missing = find_drugs(sentence, names, every=every)
    assert all(sentence[m.start : m.end] == m.text for m in mentions)
    assert {m.text.lower() for m in mentions} | {n.lower() for n in missing} == {n.lower() for n in names}
    assert all(name.lower() not in sentence.lower() or not name.strip() for name in missing)


def test_xml_gives_inclusive_ends_and_pieces(tmp_path: Path) -> None:
    found = only(tmp_path, "a.xml", XML.format(PAIR))
    assert (found.id, found.attributes["document"], found.attributes["corpus"]) == ("D.s0", "D", "ddi")
    assert found.mentions[0].spans == (Span(0, 5), Span(12, 22))
    assert [(m.text, m.alignment) for m in found.mentions] == [
        ("MAO-A inhibitors", "exact"),
        ("zinc", "exact"),
    ]
    assert said(found) == [("mechanism", ["MAO-A inhibitors", "zinc"])]
    assert found.relations[0].attributes["mentions"] == "0 1"


def test_an_untyped_pair_interacts_and_no_more(tmp_path: Path) -> None:
    pair = '<pair id="p" e1="e0" e2="e1" ddi="true"/><pair id="q" e1="e1" e2="e0" ddi="false"/>'
    assert said(only(tmp_path, "a.xml", XML.format(pair))) == [("int", ["MAO-A inhibitors", "zinc"])]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('e2="e1"', 'e2="e9"', "field pair.e2 is 'e9', no drug of this sentence"),
        ('ddi="true"', 'ddi="maybe"', "field pair.ddi is 'maybe'"),
        ('type="mechanism"', 'type="x"', "field pair.type is 'x'"),
        ('charOffset="24-27"', 'charOffset="24-99"', "entity 24-100 lies outside"),
        ('charOffset="24-27"', 'charOffset="27-24"', "entity 27-25 lies outside"),
        ('charOffset="24-27"', 'charOffset="24"', "field entity.charOffset is '24' in part"),
        ('id="e1" char', 'id="e0" char', "field entity.id is 'e0', which another"),
        ('sentence id="D.s0"', "sentence", "field sentence.id is missing"),
    ],
)
def test_a_bad_sentence_of_xml_is_one_error_with_its_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    (tmp_path / "a.xml").write_text(XML.format(PAIR).replace(old, new))
    (error,) = ddi_xml.read(tmp_path / "a.xml")
    assert isinstance(error, DataError)
    assert isinstance(error, OffsetError) == ("outside" in problem)
    assert str(error).startswith(f"{tmp_path}/a.xml:1: {problem}")


def test_a_zip_is_read_member_by_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("T/.DS_Store", "x")
        archive.writestr("T/a.xml", XML.format(PAIR))
        archive.writestr("T/b.xml", "<document><sentence")
        archive.writestr("T/c.xml", '<!DOCTYPE d [<!ENTITY x "y">]><d><sentence id="s" text="a"/></d>')
    found = list(ddi_xml.read_zip(tmp_path / "a.zip"))
    assert [isinstance(each, Document) for each in found] == [True, False, False]
    assert "a.zip/T/b.xml:1: is not XML" in str(found[1])
    assert "declares entities" in str(found[2])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_a_broken_archive_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.zip: is no zip archive"):
        list(ddi_xml.read_zip(tmp_path / "a.zip"))


def test_lines_of_one_sentence_are_one_document(tmp_path: Path) -> None:
    second = LINE.replace("mechanism", "other").replace("DRUG1 </e1>", "D </e1>")
    other = "effect\tA <e2> DRUG2 </e2> <e1> DRUG1 </e1>\tx\ty\n"
    first, last = items(tmp_path, "a.tsv", LINE + second + "\n" + other)
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert (first.id, first.text) == ("0", "Aspirin raises zinc salt .")
    assert [m.text for m in first.mentions] == ["Aspirin", "zinc salt"]
    assert said(first) == [("mechanism", ["Aspirin", "zinc salt"])]
    assert (last.id, last.text, said(last)) == ("3", "A y x", [("effect", ["x", "y"])])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("effect\tx\n", "has 2 columns"),
        (LINE.replace("mechanism", "kills"), "field type is 'kills'"),
        (LINE.replace("zinc salt", " "), "a drug has no name"),
        (LINE.replace("e2>", "e1>"), "the sentence does not mask two drugs"),
    ],
)
def test_a_bad_line_of_a_table_costs_itself_only(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "a.tsv").write_text(LINE + line)
    document_, error = ddi_tsv.read(tmp_path / "a.tsv")
    assert isinstance(document_, Document)
    assert isinstance(error, FormatError)
    assert f"a.tsv:2: {problem}" in str(error)


def test_records_and_tables_of_other_kinds_stay_what_they_are(tmp_path: Path) -> None:
    record = {"id": "1", "text": "A b.", "attributes": {"sentence": "x", "rels": "y"}}
    assert only(tmp_path, "a.jsonl", json.dumps(record)).id == "1"
    assert only(tmp_path, "b.text", "a\tb\tc\td\n").text == "a\tb\tc\td\n"
    assert not combination_rows.looks_like_rows("{")
