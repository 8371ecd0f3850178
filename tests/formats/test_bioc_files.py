"""BioC as files: XML and JSON, round trips, and what is broken or hostile."""

import io
import json
import types
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document, Mention, Passage, Span
from apothecary.errors import DataError, FormatError, OffsetError, UsageError
from apothecary.formats import bioc_json, bioc_xml
from apothecary.formats.differences import differences
from tests.strategies import documents, pubtator_documents

FORMS = pytest.mark.parametrize("form", [bioc_xml, bioc_json], ids=["xml", "json"])
Items = list[Document | DataError]

XML = """<?xml version="1.0"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>s</source><date/><key/>
<document><id> 10 </id><infon key="year">2024</infon>
<passage><infon key="type">title</infon><offset>0</offset><text>Lithium <!-- --> tremor</text>
<annotation id="a"><infon key="type">Chemical</infon><infon key="MESH">D1</infon>
<location offset="0" length="7"/><text>Lithium</text></annotation>
<relation id="R1"><infon key="type">CID</infon><node refid="a" role="drug"/></relation></passage></document>
"""
JSON = (
    '{"id": "%s", "infons": {"year": "2024"}, "passages": [{"offset": 0, "infons": {"type": "title"},'
    ' "text": "Lithium  tremor", "annotations": [{"id": "a", "infons": {"type": "Chemical", "MESH": "D1"},'
    ' "text": "Lithium", "locations": [{"offset": 0, "length": 7}]}], "relations": [{"id": "R1",'
    ' "infons": {"type": "CID"}, "nodes": [{"refid": "a", "role": "drug"}]}]}]}'
)


def read(tmp_path: Path, form: types.ModuleType, text: str | bytes) -> Items:
    path = tmp_path / "x.bioc"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(form.read(path))


def write(form: types.ModuleType, *written: Document) -> str:
    stream = io.StringIO()
    form.write(written, stream)
    return stream.getvalue()


def ids(items: Items) -> list[str]:
    return [item.id if isinstance(item, Document) else str(item).partition("x.bioc")[2] for item in items]


def again(tmp_path: Path, form: types.ModuleType, document: Document) -> Document:
    (found,) = read(tmp_path, form, write(form, document))
    assert isinstance(found, Document), found
    return found


@FORMS
@settings(deadline=None, max_examples=40)
@given(document=documents())
def test_any_document_keeps_its_offsets_and_losses_name_the_rest(
    tmp_path_factory: pytest.TempPathFactory, form: types.ModuleType, document: Document
) -> None:
    found = again(tmp_path_factory.mktemp("b"), form, document)
    assert len(found.text) == len(document.text)
    assert [mention.spans for mention in found.mentions] == [mention.spans for mention in document.mentions]
    assert form.losses(document) == differences(document, found)


@FORMS
@settings(deadline=None, max_examples=40)
@given(document=pubtator_documents())
def test_documents_as_corpora_give_them_lose_nothing_but_names_of_parts(
    tmp_path_factory: pytest.TempPathFactory, form: types.ModuleType, document: Document
) -> None:
    if form is bioc_json or not any(ord(letter) < 32 or letter in "\ufffe\uffff" for letter in document.text):
        allowed = {"mentions.individual_names", "mentions.text", "concepts.names"}
        assert allowed.issuperset(form.losses(document))


@FORMS
def test_several_documents_are_one_collection(tmp_path: Path, form: types.ModuleType) -> None:
    written = [Document("1", "a"), Document("2", ""), Document("3", "b")]
    assert ids(read(tmp_path, form, write(form, *written))) == ["1", "2", "3"]
    assert read(tmp_path, form, write(form)) == []


@FORMS
def test_mentions_keep_their_order_place_and_alignment(tmp_path: Path, form: types.ModuleType) -> None:
    text = "\U0001d4b3\r\n e\u0301 & <b> Lithium lithium"
    second = Mention((Span(21, 28),), "LITHIUM", "x", alignment="normalised", confidence=0.5)
    first = Mention((Span(1, 3), Span(4, 6)), "\r\n e\u0301", "x")
    document = Document("1", text, (Passage("title", 0, 7), Passage("abstract", 7, 28)), (second, first))
    assert again(tmp_path, form, document) == document


def test_characters_that_xml_cannot_hold_become_blanks(tmp_path: Path) -> None:
    found = again(tmp_path, bioc_xml, Document("1", "a\0b\x0bc\ud800d\uffffe", (Passage("", 0, 9),)))
    assert found.text == "a b c d e"


def test_json_cannot_hold_half_a_surrogate_pair_but_can_a_nul(tmp_path: Path) -> None:
    assert again(tmp_path, bioc_json, Document("1", "a\0b\ud800c")).text == "a\0b c"


def test_xml_has_the_elements_in_the_order_of_the_format(tmp_path: Path) -> None:
    (document,) = read(tmp_path, bioc_xml, XML + "</collection>")
    assert isinstance(document, Document)
    lines = [line.strip().partition(">")[0] for line in write(bioc_xml, document).splitlines()]
    assert lines[1:] == [
        *("<collection", "<source/", "<date/", "<key/", "<document", "<id", '<infon key="year"', "<passage"),
        *('<infon key="type"', "<offset", "<text", '<annotation id="T1"', '<infon key="type"'),
        *(
            '<infon key="identifier"',
            '<location offset="0" length="7"/',
            "<text",
            "</annotation",
            "</passage",
        ),
        *('<relation id="R1"', '<infon key="type"', '<node refid="T1" role="drug"/', "</relation"),
        *("</document", "</collection"),
    ]


def test_json_has_the_keys_of_the_format() -> None:
    value = json.loads(write(bioc_json, Document("1", "a", (), (Mention((Span(0, 1),), "a", "x"),))))
    assert list(value) == ["source", "date", "key", "infons", "documents"]
    (document,) = value["documents"]
    assert set(document) == {"id", "infons", "passages", "annotations", "relations"}
    assert set(document["passages"][0]) == {*document, "offset", "text", "sentences"} - {"id", "passages"}
    annotation = document["passages"][0]["annotations"][0]
    assert annotation["locations"] == [{"offset": 0, "length": 1}]


def test_xml_and_json_are_read_alike(tmp_path: Path) -> None:
    (document,) = read(tmp_path, bioc_xml, XML + "</collection>")
    assert [document] == read(tmp_path, bioc_json, JSON % "10")
    assert isinstance(document, Document)
    assert document.attributes == {"year": "2024"}
    assert document.relations[0].argument("drug") == "D1"


@pytest.mark.parametrize(
    "text",
    [
        "%s\n%s\n",
        "\n[%s,\n%s]",
        "[%s, %s]",
        '{"documents": [%s, %s]}',
        '\ufeff{\n"documents": [%s,\n\n%s]}\n',
        '{"PubTator3": [%s]}\r\n\n{"PubTator3": [%s]}',
        '{"PubTator3":\n [%s, %s]}',
    ],
)
def test_json_comes_as_lines_lists_and_collections(tmp_path: Path, text: str) -> None:
    assert ids(read(tmp_path, bioc_json, text % (JSON % 1, JSON % 2))) == ["1", "2"]


def test_a_bad_document_of_xml_costs_itself_only(tmp_path: Path) -> None:
    record = XML[XML.index("<document>") :]
    far = record.replace('offset="0"', 'offset="99"').replace("<text>Lithium</text>", "<text>x</text>")
    text = f"{XML}{far}{record.replace(' 10 ', ' ')}{record}</collection>"
    good, outside, bad, last = read(tmp_path, bioc_xml, text)
    assert isinstance(outside, OffsetError)
    assert ids([good, last]) == ["10", "10"]
    assert ":9: mention 99-106 is empty or lies outside" in str(outside)
    assert "document 10" in str(outside)
    assert ":14: field id is missing" in str(bad)


def test_a_bad_document_of_json_costs_itself_only(tmp_path: Path) -> None:
    outside = (JSON % 2).replace('"length": 7', '"length": 70').replace('"text": "Lithium",', "")
    lines = [JSON % 1, outside, "[5]", "5", '{"id": "6"}', JSON % 7]
    found = read(tmp_path, bioc_json, "\n".join(lines))
    assert [type(item) for item in found] == [Document, OffsetError, *[FormatError] * 3, Document]
    assert [name.split(" ")[0] for name in ids(found)[1:-1]] == [":2:", ":3:", ":4:", ":5:"]
    collection = read(tmp_path, bioc_json, f'{{"documents": [\n{outside}, {JSON % 1}]}}')
    assert ids(collection)[0].startswith(": document 2: mention 0-70")
    assert ids(collection)[1] == "1"


def test_cut_off_xml_gives_the_documents_before_and_one_error(tmp_path: Path) -> None:
    good, bad = read(tmp_path, bioc_xml, XML + "<document><id>11</id>")
    assert ids([good]) == ["10"]
    assert isinstance(bad, FormatError)


def test_entities_are_refused(tmp_path: Path) -> None:
    text = XML.replace('SYSTEM "BioC.dtd"', '[<!ENTITY e "eee">]').replace("<!-- -->", "&e;")
    (bad,) = read(tmp_path, bioc_xml, text + "</collection>")
    assert "declares entities" in str(bad)


@FORMS
@pytest.mark.parametrize("text", ["", " \n ", "\0", "a", "{", "<", b"\xff\xfe\xff"])
def test_a_file_that_is_neither_is_one_error(tmp_path: Path, form: types.ModuleType, text: str) -> None:
    (bad,) = read(tmp_path, form, text)
    assert isinstance(bad, FormatError)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "1", "id": "2"}', "'id' stands 2 times"),
        ('{"id": "1", "passages": NaN}', "NaN is no JSON number"),
        ('{"id": %s}' % ("9" * 5000), "a number too long"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": "\\ud800"}', "half of a surrogate pair"),
        ('{"id": "1"', "not JSON: Expecting ',' delimiter at column 11"),
        ('{"id":\n"1" 5}', "at line 2, column 5"),
        ('{"documents": 5}', "not an object but int"),
    ],
)
def test_json_that_cannot_be_trusted_is_one_error(tmp_path: Path, text: str, said: str) -> None:
    (bad,) = read(tmp_path, bioc_json, text)
    assert isinstance(bad, FormatError)
    assert said in str(bad)


def test_one_value_larger_than_memory_allows_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"{\n")
    with path.open("r+b") as stream:
        stream.truncate(256 * 1024 * 1024 + 1)
    (bad,) = bioc_json.read(path)
    assert "split it" in str(bad)


@FORMS
def test_a_missing_file_is_an_error(tmp_path: Path, form: types.ModuleType) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        list(form.read(tmp_path / "none"))


def test_json_may_be_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"id": "1",\n"passages": [{"offset": 0, "text": "é"}]}', encoding="latin-1")
    (document,) = bioc_json.read(path, encoding="latin-1")
    assert isinstance(document, Document)
    assert document.text == "é"
    assert "byte" in str(next(bioc_json.read(path)))
    with pytest.raises(UsageError):
        next(bioc_json.read(path, encoding="no"))


PIECES = [
    "[",
    "]",
    "{",
    "}",
    '"',
    ":",
    ",",
    "\n",
    "1",
    "-1",
    "null",
    "<document>",
    "</document>",
    "<id>1</id>",
]
KEYS = [
    "id",
    "passages",
    "offset",
    "text",
    "annotations",
    "locations",
    "length",
    "infons",
    "relations",
    "nodes",
]


@FORMS
@settings(deadline=None, max_examples=60)
@given(
    pieces=st.lists(
        st.sampled_from([*PIECES, *(f'"{key}": ' for key in KEYS)]) | st.text(max_size=3), max_size=30
    )
)
def test_hostile_files_give_documents_or_data_errors(
    tmp_path_factory: pytest.TempPathFactory, form: types.ModuleType, pieces: list[str]
) -> None:
    text = "".join(pieces).encode("utf-8", "surrogatepass")
    found = read(tmp_path_factory.mktemp("b"), form, text)
    assert all(isinstance(item, Document | DataError) for item in found)
