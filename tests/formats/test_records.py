"""Own records: nothing is lost, every fault names its field."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document, Passage
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats.records import from_record, read, to_record, write
from tests.strategies import documents

RECORD = {
    "id": "d1",
    "text": "Lithium caused tremor.",
    "mentions": [{"start": 0, "end": 7, "type": "Chemical"}],
}


@settings(deadline=None)
@given(documents())
def test_a_record_holds_all_of_a_document(document: Document) -> None:
    assert from_record(to_record(document), where="x:1") == document


@settings(deadline=None)
@given(documents())
def test_a_record_survives_json(document: Document) -> None:
    line = json.dumps(to_record(document), ensure_ascii=False)
    assert from_record(json.loads(line), where="x:1") == document


@settings(deadline=None, max_examples=30)
@given(documents())
def test_files_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, document: Document
) -> None:
    path = tmp_path_factory.mktemp("records") / "d.jsonl"
    stream = io.StringIO()
    write([document, document], stream)
    path.write_bytes(stream.getvalue().encode())
    assert list(read(path)) == [document, document]


def test_what_says_nothing_is_left_out() -> None:
    assert to_record(Document("d1", "Lithium.")) == {"id": "d1", "text": "Lithium."}


def test_keys_come_in_a_fixed_order() -> None:
    record = to_record(from_record(RECORD | {"attributes": {"a": "b"}}, where="x:1"))
    assert list(record) == ["id", "text", "mentions", "attributes"]


def test_title_and_abstract_become_passages() -> None:
    document = from_record({"id": 7, "title": "One.", "abstract": "Two."}, where="x:1")
    assert (document.id, document.text) == ("7", "One. Two.")
    assert document.passages == (Passage("title", 0, 4), Passage("abstract", 5, 9))


def test_unknown_keys_are_ignored() -> None:
    assert from_record(RECORD | {"colour": "red"}, where="x:1") == from_record(RECORD, where="x:1")


def test_a_mention_that_differs_from_its_slice_is_kept_as_a_mismatch() -> None:
    mention = {"start": 0, "end": 7, "type": "Chemical", "text": "Litium"}
    (found,) = from_record(RECORD | {"mentions": [mention]}, where="x:1").mentions
    assert (found.text, found.alignment) == ("Litium", "mismatch")


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"id": None}, FormatError, "id is missing"),
        ({"id": True}, FormatError, "id is neither"),
        ({"text": None}, FormatError, "text is missing"),
        ({"text": 5}, FormatError, "text is not a string"),
        ({"mentions": {}}, FormatError, "mentions is not a list"),
        ({"mentions": [3]}, FormatError, "mentions[0] is not an object"),
        ({"mentions": [{"start": "0", "end": 3}]}, FormatError, "mentions[0].start is not a whole number"),
        ({"mentions": [{"start": 0, "end": 99}]}, OffsetError, "mentions[0] 0-99 lies outside"),
        ({"mentions": [{"start": 3, "end": 3}]}, OffsetError, "mentions[0] 3-3 is empty"),
        ({"mentions": [{"start": 0, "end": 3, "spans": [[0, 99]]}]}, OffsetError, "mentions[0] 0-99"),
        ({"mentions": [{"start": 0, "end": 3, "spans": [0]}]}, FormatError, "mentions[0].spans"),
        (
            {"mentions": [{"start": 0, "end": 3, "type": "C", "alignment": "so"}]},
            FormatError,
            "alignment is 'so'",
        ),
        ({"mentions": [{"start": 0, "end": 3, "type": "C", "confidence": 1e999}]}, FormatError, "confidence"),
        (
            {"concepts": [{"id": "c", "type": "C", "mentions": [5]}]},
            OffsetError,
            "a mention that is not there",
        ),
        (
            {"relations": [{"id": "r", "type": "t", "arguments": [{"role": "head", "concept": "c"}]}]},
            OffsetError,
            "unknown concept",
        ),
        ({"relations": [{"id": "r", "type": "t", "status": []}]}, FormatError, "relations[0].status"),
        ({"attributes": {"a": 1}}, FormatError, "attributes.a is not a string"),
    ],
)
def test_faults_name_their_field_and_line(
    change: dict[str, object], kind: type[DataError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        from_record(RECORD | change, where="f.jsonl:3")
    assert said in str(caught.value)
    assert str(caught.value).startswith("f.jsonl:3: ")


def test_a_bad_line_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(f'{json.dumps(RECORD)}\n{{"id": "d2"}}\n\n{json.dumps(RECORD | {"id": "d3"})}\n')
    first, second, third = read(path)
    assert isinstance(first, Document)
    assert str(second).startswith(f"{path}:2: field text is missing")
    assert isinstance(third, Document)


def test_a_number_json_cannot_write_is_an_error() -> None:
    mention = {"start": 0, "end": 7, "type": "Chemical", "confidence": 0.5}
    document = from_record(RECORD | {"mentions": [mention]}, where="x:1")
    object.__setattr__(document.mentions[0], "confidence", float("nan"))
    with pytest.raises(FormatError, match="finite"):
        write([document], io.StringIO())


KEYS = [
    "id",
    "type",
    "start",
    "end",
    "text",
    "role",
    "concept",
    "spans",
    "names",
    "status",
    "origin",
    "quote",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | st.floats() | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)
PARTS = [
    "id",
    "text",
    "passages",
    "mentions",
    "concepts",
    "relations",
    "conditions",
    "unlocated",
    "attributes",
]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(PARTS), VALUES))
def test_a_hostile_record_is_a_document_or_a_data_error(record: dict[str, object]) -> None:
    try:
        assert isinstance(from_record({"id": "x", "text": "abc"} | record, where="x:1"), Document)
    except DataError as error:
        assert str(error).startswith("x:1: ")
