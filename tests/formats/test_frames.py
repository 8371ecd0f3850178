"""Documents as flat tables."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import UsageError
from apothecary.formats.frames import ROWS, Table, to_arrow, to_pandas
from tests.strategies import documents

pytest.importorskip("pandas", reason="pandas is not installed")
TABLES: tuple[Table, ...] = get_args(Table)


@settings(deadline=None, max_examples=30)
@given(st.lists(documents(), max_size=3))
def test_each_thing_is_one_row_in_its_order(given_documents: list[Document]) -> None:
    mentions = [mention for document in given_documents for mention in document.mentions]
    relations = [relation for document in given_documents for relation in document.relations]
    table = to_arrow(given_documents, "mentions")
    assert table["start"].to_pylist() == [mention.start for mention in mentions]
    assert table["confidence"].to_pylist() == [mention.confidence for mention in mentions]
    assert to_arrow(given_documents)["relation"].to_pylist() == [relation.id for relation in relations]
    roles = [argument.role for relation in relations for argument in relation.arguments]
    assert to_arrow(given_documents, "arguments")["role"].to_pylist() == roles
    assert to_arrow(given_documents, "conditions").num_rows == sum(len(d.conditions) for d in given_documents)


@pytest.mark.parametrize("table", TABLES)
def test_no_document_gives_the_same_columns(table: Table) -> None:
    one = [Document("1", "text")]
    assert to_arrow(iter(()), table).schema == to_arrow(one, table).schema
    assert list(to_pandas([], table).dtypes) == list(to_pandas(one, table).dtypes)


def test_streams_longer_than_a_part_are_whole() -> None:
    stream = (Document(str(number), "") for number in range(ROWS + 1))
    assert to_pandas(stream, "documents")["document"].tolist() == [str(number) for number in range(ROWS + 1)]


def test_halves_of_surrogate_pairs_become_blanks() -> None:
    assert to_arrow([Document("1", "a\ud800b")], "documents")["text"].to_pylist() == ["a b"]


def test_another_table_is_refused_before_a_document_is_read() -> None:
    with pytest.raises(UsageError, match="no table 'nope'"):
        to_arrow(iter([Document("1", "")]), "nope")  # type: ignore[arg-type]
