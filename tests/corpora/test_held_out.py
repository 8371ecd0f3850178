"""The list of documents that nothing may learn from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apothecary.corpora import biored, cdr, drugcomb
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.errors import DataError

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
on_disk = pytest.mark.skipif(
    not (DATA / "held_out.tsv").is_file(), reason="held_out.tsv absent: set APOTHECARY_DATA to its folder"
)


def listed(folder: Path, text: str) -> Path:
    path = folder / "held_out.tsv"
    path.write_text(text)
    return path


def own_id(document: Document) -> tuple[str, ...]:
    return (document.id,)


def test_an_id_under_any_set_is_held_out(tmp_path: Path) -> None:
    held = HeldOut.read(listed(tmp_path, "set\tid\na\t1\n\nb\t2\r\nb\t1\n"))
    assert held.sets == {"a": {"1"}, "b": {"1", "2"}}
    assert held.holds("1")
    assert held.holds("3", "2")
    assert not held.holds("3")


def test_dropping_keeps_the_order_and_counts(tmp_path: Path) -> None:
    held = HeldOut.read(listed(tmp_path, "set\tid\na\t1\n"))
    documents = [Document(each, "text") for each in "3142"]
    kept, dropped = held.drop(documents, own_id)
    assert ("".join(document.id for document in kept), dropped) == ("342", 1)


def test_nothing_is_held_out_only_when_asked_for() -> None:
    assert HeldOut.none().drop([Document("1", "text")], own_id)[1] == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a\t1\n", "tsv:1: expected the header"),
        ("", "lists nothing"),
        ("set\tid\n", "lists nothing"),
        ("set\tid\na\t1\t2\n", "tsv:2: expected a set and an id"),
        ("set\tid\na\t\n", "tsv:2: expected a set and an id"),
    ],
)
def test_a_list_that_might_let_documents_pass_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        HeldOut.read(listed(tmp_path, text))


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        HeldOut.read(tmp_path / "held_out.tsv")


@on_disk
def test_the_overlaps_between_corpora_are_the_known_ones() -> None:
    held = HeldOut.read(DATA / "held_out.tsv")
    dropped = [
        held.drop(corpus.read(DATA / corpus.name, split), own_id)[1]
        for corpus in (cdr.CORPUS, biored.CORPUS)
        for split in ("train", "dev")
    ]
    assert dropped == [10, 11, 54, 16]


@on_disk
def test_rows_from_abstracts_of_the_test_part_are_dropped() -> None:
    rows = drugcomb.read_rows(DATA / "drugcomb" / "train.jsonl")
    kept, dropped = HeldOut.read(DATA / "held_out.tsv").drop(rows, drugcomb.identities)
    assert (len(kept), dropped) == (1360, 2)
