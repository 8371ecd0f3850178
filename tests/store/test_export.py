"""A base leaves in the formats of the field: what readers of these formats find again."""

import csv
import json
import resource
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from apothecary.documents import Document
from apothecary.errors import ApothecaryError, UsageError
from apothecary.formats import bioc_json, bioc_xml, pubtator, records
from apothecary.store.edge_rows import Chosen, edges
from apothecary.store.export import FORMS, Form, export
from apothecary.store.export_documents import documents
from apothecary.store.opening import opened
from apothecary.vocab.spreadsheet_cells import unguarded
from tests.store.export_base import CID, NEG, TEXTS, TRIPLE, made_base


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return made_base(tmp_path / "kb.duckdb")


def held(base: Path, chosen: Chosen | None = None, *, negated: bool = True) -> list[Document]:
    with opened(base) as connection:
        return list(documents(connection, chosen or Chosen(), negated=negated))


def test_a_document_holds_what_the_base_knows_of_it(base: Path) -> None:
    found = {each.id: each for each in held(base)}
    assert {name: each.text for name, each in found.items()} == TEXTS
    first = found["101"]
    assert {each.id: each.status.polarity for each in first.relations} == {NEG: "asserted", CID: "asserted"}
    assert [(each.type, each.text, each.relation) for each in first.conditions] == [
        ("Severity", "severe", NEG)
    ]
    assert first.concept("MESH:D9").names == ("Bleeding", "bleeding")
    assert not found["104"].relations, "a retracted document states nothing"


def test_documents_of_chosen_edges_are_those_that_state_them(tmp_path: Path) -> None:
    base = made_base(tmp_path / "kb.duckdb", accepted=NEG)
    assert [each.id for each in held(base, Chosen(min_belief=0.5))] == ["101", "102"]
    (confirmed,) = held(base, Chosen(accepted_only=True))
    assert [each.id for each in confirmed.relations] == [NEG]


def test_the_same_statement_of_two_runs_is_one(base: Path) -> None:
    with opened(base, write=True) as connection:
        for table in ("relations", "mentions"):
            connection.execute(
                f"INSERT INTO {table} SELECT * REPLACE ('run2' AS run, 0.99 AS confidence"  # noqa: S608
                f"{', relation || 2 AS relation' if table == 'relations' else ''}) FROM {table}"
            )
    once = {each.id: each for each in held(base)}["101"]
    assert {each.confidence for each in once.relations} == {0.99}
    assert len(once.relations) == 2
    assert len(once.mentions) == 4


@pytest.mark.parametrize(
    ("form", "read", "kept"),
    [
        ("bioc-xml", bioc_xml.read, [NEG, CID, TRIPLE]),
        ("bioc-json", bioc_json.read, [NEG, CID, TRIPLE]),
        ("pubtator", pubtator.read, [CID]),
        ("records", records.read, [NEG, CID, TRIPLE, CID]),
    ],
)
def test_a_format_gives_back_mentions_and_relations(
    base: Path, form: Form, read: Callable[[Path], Iterable[object]], kept: list[str]
) -> None:
    done = export(base, base.with_name("out.any"), form)
    found = [each for each in read(done.path) if isinstance(each, Document)]
    assert [each.id for each in found] == sorted(TEXTS)
    known = {each.id: each for each in held(base)}
    for each in found:
        assert [(m.start, m.end, m.text) for m in each.mentions] == [
            (m.start, m.end, m.text) for m in known[each.id].mentions
        ]
    assert sum(len(each.relations) for each in found) == len(kept)
    if form == "records":
        assert found == [known[each.id] for each in found]
        assert not done.lost
    else:
        assert done.lost["conditions"] == 1


def test_what_a_document_denies_is_in_no_format_that_would_assert_it(base: Path) -> None:
    note = next(each for each in held(base, negated=False) if each.id == "note 3")
    assert not note.relations


def test_a_document_that_a_format_cannot_hold_is_left_out_and_told(base: Path) -> None:
    with opened(base, write=True) as connection:
        for table in ("documents", "mentions", "relations", "conditions"):
            connection.execute(f"UPDATE {table} SET document = 'a|b' WHERE document = '102'")  # noqa: S608
    done = export(base, base.with_name("out.pubtator"), "pubtator")
    assert done.left_out == 1
    assert "a|b" in done.problems[0]
    assert done.counts["documents"] == 3


def test_every_edge_is_a_line_with_all_it_rests_on(base: Path) -> None:
    done = export(base, base.with_name("edges.jsonl"), "jsonl")
    rows = {row["edge"]: row for row in map(json.loads, done.path.read_text(encoding="utf-8").splitlines())}
    assert set(rows) == {NEG, TRIPLE, CID}
    assert [said["polarity"] for said in rows[CID]["statements"]] == ["asserted", "negated"]
    (said,) = rows[NEG]["statements"]
    (quote,) = said["evidence"]
    assert TEXTS["101"][quote["start"] : quote["end"]] == quote["quote"]
    assert [each["text"] for each in said["conditions"]] == ["severe"]


def test_no_cell_of_a_table_is_a_formula_and_none_is_lost(base: Path) -> None:
    with opened(base, write=True) as connection:
        connection.execute("UPDATE concepts SET name = '=cmd()' WHERE concept = 'drug:mirtal'")
    export(base, base.with_name("csv"), "csv")
    with base.with_name("csv").joinpath("arguments.csv").open(newline="", encoding="utf-8") as stream:
        names = [row["name"] for row in csv.DictReader(stream)]
    assert not any(name.startswith("=") for name in names)
    assert "=cmd()" in map(unguarded, names)


def test_edges_by_batches_are_edges_at_once(base: Path) -> None:
    with opened(base) as connection:
        whole = list(edges(connection, Chosen()))
        assert list(edges(connection, Chosen(), batch=1)) == whole
    assert len(whole) == 3


@pytest.mark.parametrize("form", FORMS)
def test_an_export_that_fails_leaves_what_was_there(base: Path, form: Form) -> None:
    out = base.with_name("folder" if form in ("csv", "kgx") else "out.xml")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = out / "edges.csv" if form in ("csv", "kgx") else out
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("earlier")
    with opened(base, write=True) as connection:
        connection.execute("UPDATE documents SET text = text || repeat('x', 200000)")
        connection.execute("UPDATE evidence SET quote = quote || repeat('x', 200000)")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(ApothecaryError, match="cannot be written"):
            export(base, out, form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert kept.read_text() == "earlier"
    assert not list(base.parent.rglob(".export-*"))


def test_a_place_that_cannot_be_written_is_one_clear_error(base: Path) -> None:
    with pytest.raises(UsageError, match="knowledge base itself"):
        export(base, base, "jsonl")
    with pytest.raises(UsageError, match="to a folder"):
        base.with_name("file").write_text("")
        export(base, base.with_name("file"), "kgx")
    with pytest.raises(UsageError, match="is a folder"):
        base.with_name("there").mkdir()
        export(base, base.with_name("there"), "rdf")


def test_an_export_again_is_the_same_to_the_byte(base: Path) -> None:
    for form in ("rdf", "jsonl", "records"):
        one, other = (export(base, base.with_name(name), form).path.read_bytes() for name in ("a", "b"))
        assert one == other, form


def test_an_empty_base_gives_empty_files(tmp_path: Path) -> None:
    with opened(tmp_path / "kb.duckdb", write=True):
        pass
    for form in FORMS:
        done = export(tmp_path / "kb.duckdb", tmp_path / form, form)
        assert not any(replace(done).counts.values()), form
