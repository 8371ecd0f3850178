"""Documents to files, by the ending of the path."""

from pathlib import Path

import pytest

from apothecary.documents import Concept, Condition, Document, Mention, Passage, Span
from apothecary.errors import FormatError, UsageError
from apothecary.formats.inputs import read_inputs
from apothecary.formats.outputs import lost, write_documents

TEXT = "Lithium tremor. A newborn\u2009had \U0001f48a tremor."
DOCUMENT = Document(
    "10",
    TEXT,
    (Passage("title", 0, 15), Passage("abstract", 16, len(TEXT))),
    (Mention((Span(0, 7),), "Lithium", "Chemical", ("D008094",)),),
    (Concept("D008094", "Chemical", (0,), ("Lithium",), ("D008094",)),),
)


@pytest.mark.parametrize("name", ["d.pubtator", "d.jsonl", "d.json", "d.xml", "d.parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    write_documents([DOCUMENT], tmp_path / name)
    assert list(read_inputs([tmp_path / name])) == [DOCUMENT]
    assert lost(DOCUMENT, tmp_path / name) == ()


def test_a_path_without_an_ending_is_a_brat_folder(tmp_path: Path) -> None:
    write_documents([DOCUMENT], tmp_path / "brat")
    (document,) = read_inputs([tmp_path / "brat"])
    assert isinstance(document, Document)
    assert document.mentions == DOCUMENT.mentions
    assert "passages" in lost(DOCUMENT, tmp_path / "brat")


def test_what_a_format_cannot_hold_is_listed(tmp_path: Path) -> None:
    document = Document(
        "1", "In children.", conditions=(Condition("population", Span(3, 11), "children", ""),)
    )
    assert lost(document, tmp_path / "d.xml") == ("conditions", "passages")
    assert lost(document, tmp_path / "d.jsonl") == ()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "d.pubtator"
    write_documents([DOCUMENT], path)
    with pytest.raises(FormatError):
        write_documents([DOCUMENT, Document("a|b", "x")], path)
    assert list(read_inputs([path])) == [DOCUMENT]
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .docx.*parquet"):
        write_documents([DOCUMENT], tmp_path / "d.docx")


def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        write_documents([DOCUMENT], tmp_path / "no" / "d.jsonl")
