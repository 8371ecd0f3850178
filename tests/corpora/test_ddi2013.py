"""DDI 2013: the published counts of both training files, and the development part."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.corpora.ddi2013 import CORPUS, development_split, read_rows
from apothecary.documents import Document
from apothecary.errors import DataError, UsageError
from apothecary.formats.combination_rows import PairRow

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data")) / "ddi2013"
ABSENT = "DDI 2013 absent: set APOTHECARY_DATA to the folder that holds ddi2013"


@pytest.fixture(scope="module")
def rows() -> list[PairRow]:
    if not (DATA / CORPUS.splits["train_strings"]).is_file():
        pytest.skip(ABSENT)
    return list(read_rows(DATA / CORPUS.splits["train_strings"]))


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    if not (DATA / CORPUS.splits["train"]).is_file():
        pytest.skip(ABSENT)
    return list(CORPUS.read(DATA, "train"))


def folded(names: tuple[str, str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def positive(row: PairRow) -> list[tuple[str, frozenset[str]]]:
    return [(type_, folded(names)) for type_, names in row.pairs if type_ != "other"]


def test_sentences_and_pairs_by_type(rows: list[PairRow]) -> None:
    types = Counter(type_ for row in rows for type_, _ in row.pairs)
    assert (len(rows), len({row.id for row in rows}), types.total()) == (3135, 3135, 19554)
    assert types == {"other": 16160, "effect": 1347, "mechanism": 1193, "advise": 697, "int": 157}


def test_positive_pairs_and_rows(rows: list[PairRow]) -> None:
    counts = [len(positive(row)) for row in rows]
    assert (sum(counts), max(counts)) == (3394, 51)
    assert sum(len(set(positive(row))) for row in rows) == 3321
    assert (sum(count > 0 for count in counts), sum(count == 0 for count in counts)) == (1805, 1330)


def test_pairs_that_contradict_each_other(rows: list[PairRow]) -> None:
    two = [row for row in rows if len(set(positive(row))) > len({names for _, names in positive(row)})]
    other = [
        row
        for row in rows
        if {names for _, names in positive(row)} & {folded(n) for t, n in row.pairs if t == "other"}
    ]
    assert (len(two), len(other)) == (15, 601)


@pytest.mark.slow
def test_the_documents_of_the_reduced_form_hold_what_the_rows_do(rows: list[PairRow]) -> None:
    documents = list(CORPUS.read(DATA, "train_strings"))
    assert [document.id for document in documents] == [row.id for row in rows]
    assert [len(document.relations) for document in documents] == [len(positive(row)) for row in rows]
    assert not [each for document in documents for each in document.unlocated]


@pytest.mark.slow
def test_the_xml_has_the_whole_corpus(documents: list[Document]) -> None:
    mentions = [mention for document in documents for mention in document.mentions]
    # 6,976 sentences, of which 71 are blank.
    assert (len(documents), len(mentions), len({d.attributes["document"] for d in documents})) == (
        6905,
        14765,
        714,
    )
    types = Counter(relation.type for document in documents for relation in document.relations)
    # One of the 189 has no type in the file.
    assert types == {"effect": 1687, "mechanism": 1319, "advise": 826, "int": 189}
    assert Counter(len(mention.spans) for mention in mentions) == {1: 14727, 2: 38}


def test_one_name_of_the_xml_differs_from_its_slices(documents: list[Document]) -> None:
    odd = [(d.id, m.text) for d in documents for m in d.mentions if m.alignment != "exact"]
    assert odd == [("DDI-DrugBank.d216.s16", "(R)-warfarin")]


def test_no_source_document_lies_on_both_sides(documents: list[Document]) -> None:
    train, dev = development_split(documents)
    assert (len(train), len(dev)) == (6011, 894)
    assert not {d.attributes["document"] for d in train} & {d.attributes["document"] for d in dev}


@given(st.lists(st.text("ab", max_size=3), unique=True), st.floats(0, 1))
def test_a_side_depends_on_the_source_document_alone(names: list[str], share: float) -> None:
    documents = [Document(str(n), "x", attributes={"document": each}) for n, each in enumerate(names)]
    train, dev = development_split(documents, share)
    assert development_split(documents[::-1], share) == (train[::-1], dev[::-1])
    assert [d for d in documents if d in train] == train


def test_an_impossible_share_and_an_empty_or_bad_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        development_split([], 2)
    path = tmp_path / "a.jsonl"
    path.write_text("")
    with pytest.raises(DataError, match="no row in it"):
        list(read_rows(path))
    path.write_text(json.dumps({"id": 1, "context": "x", "entities": []}))
    with pytest.raises(DataError, match=r"a\.jsonl:1: field relations is missing"):
        list(read_rows(path))
