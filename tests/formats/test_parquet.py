"""Documents as tables."""

import json
import random
from datetime import date
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as arrow_parquet

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats import parquet
from apothecary.formats.inputs import read_inputs
from tests.strategies import documents


@settings(deadline=None, max_examples=30)
@given(st.lists(documents(), max_size=3))
def test_files_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, given_documents: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("p") / "d.parquet"
    parquet.write(given_documents, path)
    assert list(parquet.read(path)) == given_documents


def table(tmp_path: Path, **columns: list[object]) -> Path:
    path = tmp_path / "t.parquet"
    arrow_parquet.write_table(pyarrow.table(columns), path)
    return path


def test_a_table_of_another_origin_is_read_by_its_titles_and_abstracts(tmp_path: Path) -> None:
    path = table(tmp_path, id=[7], title=["One."], abstract=["Two."], journal=["J"])
    (document,) = read_inputs([path])
    assert isinstance(document, Document)
    assert (document.id, document.text) == ("7", "One. Two.")


def test_a_table_with_pairs_is_read_as_rows_of_conditions(tmp_path: Path) -> None:
    conditions: list[object] = [[{"span": "Men", "type": "Gender"}], [], None]
    path = table(
        tmp_path,
        title=["Zinc.", "Tin.", "Tin."],
        abstract=["Men.", "A.", "A."],
        drug=["zinc", "tin", ""],
        disease=["colds"] * 3,
        pmid=[7.0, None, 8.0],
        year=[date(2020, 1, 2), None, None],
        weight=[0.5, float("nan"), None],
        conditions=conditions,
    )
    one, other, error = read_inputs([path])
    assert isinstance(one, Document)
    assert isinstance(other, Document)
    assert (one.id, one.attributes["pmid"]) == ("0", "7")
    assert [(each.type, each.text) for each in one.conditions] == [("Gender", "Men")]
    assert json.loads(one.attributes["extra"]) == {"weight": 0.5, "year": "2020-01-02"}
    assert (other.attributes["annotated"], "extra" in other.attributes) == ("true", False)
    assert "t.parquet: row 3: field drug is empty" in str(error)


def test_a_bad_row_costs_one_document(tmp_path: Path) -> None:
    bad, good = parquet.read(table(tmp_path, id=[None, "2"], text=["a", "b"]))
    assert isinstance(bad, DataError)
    assert bad.where.endswith("t.parquet: row 1")
    assert isinstance(good, Document)


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", b""])
def test_a_damaged_file_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(FormatError, match="not Parquet"):
        list(parquet.read(tmp_path / "x.parquet"))


def test_an_interrupted_write_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    parquet.write([Document("1", "a")], path)

    def broken() -> object:
        yield Document("2", "b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parquet.write(broken(), path)  # type: ignore[arg-type]
    assert [path] == list(tmp_path.iterdir())
    assert list(parquet.read(path)) == [Document("1", "a")]


def test_halves_of_surrogate_pairs_become_blanks(tmp_path: Path) -> None:
    parquet.write([Document("1", "a\ud800b")], tmp_path / "d.parquet")
    assert list(parquet.read(tmp_path / "d.parquet")) == [Document("1", "a b")]


def most_held(path: Path, count: int) -> int:
    """Bytes that the library holds at most while a file of so many documents is read."""
    draw = random.Random(13)  # noqa: S311 - texts, not secrets
    texts = (draw.randbytes(500).hex() for _ in range(count))
    parquet.write((Document(str(number), text) for number, text in enumerate(texts)), path)
    before = int(pyarrow.total_allocated_bytes())
    return max(int(pyarrow.total_allocated_bytes()) - before for _ in parquet.read(path))


def test_a_longer_file_takes_no_more_memory(tmp_path: Path) -> None:
    assert most_held(tmp_path / "long", 9216) < 1.2 * most_held(tmp_path / "short", 3072)
