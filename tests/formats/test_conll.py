"""CoNLL files of any dialect give mentions whose offsets slice the text that is rebuilt."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.formats.conll import read


def names_of(document: Document) -> list[tuple[str, str]]:
    for mention in document.mentions:
        assert document.text[mention.start : mention.end] == mention.text
    return [(mention.text, mention.type) for mention in document.mentions]


def only(tmp_path: Path, text: str) -> Document:
    (tmp_path / "a.conll").write_bytes(text.encode())
    (document,) = read(tmp_path / "a.conll")
    assert isinstance(document, Document)
    return document


@pytest.mark.parametrize(
    "lines",
    [
        "lithium B-Chem\ncarbonate I-Chem\nrash B-Dis\nrash B-Dis\n",
        "lithium I-Chem\ncarbonate I-Chem\nrash I-Dis\nrash B-Dis\n",
        "lithium B-Chem\ncarbonate E-Chem\nrash S-Dis\nrash S-Dis\n",
        "lithium B-Chem\ncarbonate L-Chem\nrash U-Dis\nrash U-Dis\n",
        "lithium\tNN\tx\tB-Chem\r\ncarbonate\tNN\tx\tI-Chem\r\nrash\tNN\tx\tB-Dis\r\nrash\tNN\tx\tB-Dis\r\n",
    ],
    ids=["IOB2", "IOB1", "BIOES", "BILOU", "four columns, CRLF"],
)
def test_every_dialect_says_the_same(lines: str, tmp_path: Path) -> None:
    document = only(tmp_path, lines)
    assert document.text == "lithium carbonate rash rash"
    assert names_of(document) == [("lithium carbonate", "Chem"), ("rash", "Dis"), ("rash", "Dis")]


def test_sentences_end_mentions_and_stand_on_lines(tmp_path: Path) -> None:
    document = only(tmp_path, "a B-X\n\nb I-X\n。 O\n")
    assert document.text == "a\nb 。"
    assert [document.passage_text(passage) for passage in document.passages] == ["a", "b 。"]
    assert names_of(document) == [("a", "X"), ("b", "X")]
    assert document.attributes == {"repairs": "1"}


def test_breaks_part_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("###12\na\tB\n\n###13\nb\tO\n-DOCSTART- O\n\nc\tS-X\n")
    documents = [each for each in read(tmp_path / "a.txt") if isinstance(each, Document)]
    assert [document.id for document in documents] == ["12", "13", "a:6"]
    assert names_of(documents[0]) == [("a", "Entity")]


def test_sentences_may_be_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a O\n\n\nb O\n")
    documents = [each for each in read(tmp_path / "a.txt", per_sentence=True) if isinstance(each, Document)]
    assert [(document.id, document.text) for document in documents] == [("a:1", "a"), ("a:4", "b")]


def test_a_bad_line_is_an_error_and_the_rest_stands(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a B-X\nlonely\nb Q-X\nc I-X\n###1\nd O\n###1\ne O\n")
    items = list(read(tmp_path / "a.txt"))
    errors = [each for each in items if isinstance(each, FormatError)]
    assert [error.where.rsplit(":", 1)[1] for error in errors] == ["2", "3", "8"]
    assert next(names_of(each) for each in items if isinstance(each, Document)) == [("a c", "X")]


TOKEN = st.text(st.sampled_from("abc中\uff0c。1-"), min_size=1, max_size=4).filter(
    lambda t: not t.startswith("-")
)
TAG = st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in "BIESLMUW" for kind in "XY")])


@given(rows=st.lists(st.tuples(TOKEN, TAG) | st.none(), max_size=20))
def test_any_sequence_of_tags_gives_mentions_that_slice(
    rows: list[tuple[str, str] | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("conll") / "a.txt"
    path.write_text("".join(f"{row[0]}\t{row[1]}\n" if row else "\n" for row in rows), encoding="utf-8")
    tokens = [row[0] for row in rows if row]
    for document in read(path):
        assert isinstance(document, Document)
        assert document.text.split() == tokens
        names_of(document)
