"""Files that are anything but what they should be: values and one clear error, never another exception.

What is read, and the small valid files that are damaged here: `tests.hostile.readers`.
"""

import gzip
import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import ApothecaryError, DataError
from apothecary.formats.inputs import read_inputs
from tests.hostile.edits import KINDS, TOKENS, WRONG, Edit, edited, variants
from tests.hostile.readers import MARK, READERS, Reader, outcomes, reader
from tests.hostile.side_readers import SIDE_READERS
from tests.hostile.sound import check

LONGEST_MESSAGE = 2000
"""Of an error, its path included."""
edits = st.builds(
    Edit,
    st.sampled_from(KINDS),
    st.integers(0, 5000),
    st.sampled_from((1, 1, 2, 5, 20, 100)),
    st.sampled_from(TOKENS),
)
quick = settings(deadline=None, max_examples=30, derandomize=True)
DEEP = (Edit("change a number", 0, 1, b"[" * 2000), Edit("insert", 33, 0, b"[" * 2000))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize("reader", [*READERS, *SIDE_READERS], ids=lambda each: each.name)
def test_the_valid_files_are_valid(reader: Reader, tmp_path: Path) -> None:
    found = outcomes(reader, tmp_path, reader.seed)
    assert found
    assert not any(isinstance(item, ApothecaryError) for item in found)
    check(found, documents=reader.documents)


@pytest.mark.parametrize("reader", READERS, ids=lambda each: each.name)
@quick
@example(b"\xff\n")
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_values_or_one_error(reader: Reader, folder: Path, data: bytes) -> None:
    check(outcomes(reader, folder, data), documents=reader.documents)


@pytest.mark.parametrize("reader", [*READERS, *SIDE_READERS], ids=lambda each: each.name)
@quick
@example([DEEP[0]])
@example([DEEP[1]])
@given(changes=st.lists(edits, min_size=1, max_size=4))
def test_a_damaged_file_is_values_or_one_error(reader: Reader, folder: Path, changes: list[Edit]) -> None:
    check(outcomes(reader, folder, edited(reader.seed, changes)), documents=reader.documents)


@pytest.mark.parametrize("suffix", ["", ".txt", ".json", ".jsonl", ".xml", ".gz", ".md", ".pubtator"])
@quick
@given(seed=st.sampled_from([each.seed for each in READERS]), changes=st.lists(edits, max_size=3))
def test_any_file_under_any_name_is_documents_or_one_error(
    suffix: str, folder: Path, seed: bytes, changes: list[Edit]
) -> None:
    path = folder / f"sniffed{suffix}"
    path.write_bytes(edited(seed, changes))
    try:
        check(list(read_inputs([path])), documents=True)
    except ApothecaryError as error:
        check([error], documents=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["records", "bioc_json", "drugcomb", "manifest", "model", "ledger"])
def test_a_field_of_the_wrong_type_is_one_error(name: str, tmp_path: Path) -> None:
    json_reader = reader(name)
    lines = json_reader.documents
    many = [
        json.dumps(each) for each in variants(json.loads(json_reader.seed), WRONG if lines else WRONG[::4])
    ]
    assert len(many) > 50
    for data in ["\n".join(many)] if lines else many:
        check(outcomes(json_reader, tmp_path, data.encode()), documents=json_reader.documents)


@pytest.mark.parametrize(
    ("name", "old"),
    [("pubtator", "\t13\t19\t"), ("brat", "Disease 13 15;16 19"), ("records", '"start": 0, "end": 8')],
)
@pytest.mark.parametrize("pair", ["-5 3", "19 13", "13 13", "0 999", "999 1000", f"0 {'9' * 30}", "x y", " "])
def test_offsets_outside_the_text_cost_the_document(name: str, old: str, pair: str, tmp_path: Path) -> None:
    start, _, end = pair.partition(" ")
    new = {"pubtator": f"\t{start}\t{end}\t", "brat": f"Disease {pair}"}
    bad = new.get(name, f'"start": {start or "null"}, "end": {end or "null"}')
    data = reader(name).seed.replace(old.encode(), bad.encode())
    assert isinstance(outcomes(reader(name), tmp_path, data)[0], DataError)


@pytest.mark.parametrize(
    "name", [each.name for each in READERS if each.name in ("pubtator", "drugcomb", "predictions")]
)
def test_a_repeated_id_is_told_with_its_line(name: str, tmp_path: Path) -> None:
    found = outcomes(reader(name), tmp_path, reader(name).seed + reader(name).seed)
    assert isinstance(found[-1], DataError)
    assert "already" in str(found[-1])


def test_half_a_surrogate_pair_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    for name in ("records", "bioc_json"):
        data = reader(name).seed.replace(MARK.encode(), b"\\ud800")
        assert [type(item).__name__ for item in outcomes(reader(name), tmp_path, data)] == ["FormatError"]


# What an XML file may ask for.

ELSEWHERE = "the words of another file"


def bioc(text: str, before: str = "") -> str:
    passage = f"<passage><offset>0</offset><text>{text}</text></passage>"
    return f'<?xml version="1.0"?>\n{before}<collection><document><id>1</id>{passage}</document></collection>'


def doctype(inside: str) -> str:
    return f"<!DOCTYPE collection [{inside}]>"


LAUGHS = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
XML = {
    "billion laughs": bioc("&a9;", doctype(LAUGHS)),
    "laughs in an attribute": bioc("x", doctype(LAUGHS)).replace("<document>", '<document id="&a9;">'),
    "another file": bioc("&x;", doctype('<!ENTITY x SYSTEM "file://ELSEWHERE">')),
    "a parameter": bioc("x", doctype('<!ENTITY % x SYSTEM "file://ELSEWHERE"> %x;')),
    "an external subset": bioc("a &x; b", '<!DOCTYPE collection SYSTEM "file://ELSEWHERE">'),
    "the network": bioc("&x;", doctype('<!ENTITY x SYSTEM "http://127.0.0.1:9/x">')),
    "XInclude": bioc('<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="ELSEWHERE" parse="text"/>'),
    "depth": bioc("<a>" * 100_000),
    "many attributes": bioc("<a " + " ".join(f'a{n}=""' for n in range(20_000)) + "/>"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", XML)
def test_xml_reads_no_other_file_and_expands_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(ELSEWHERE)
    text = XML[name].replace("ELSEWHERE", str(tmp_path / "secret.txt"))
    found = outcomes(reader("bioc_xml"), tmp_path, text.encode())
    check(found, documents=True)
    assert ELSEWHERE not in "".join(map(str, found))
    assert sum(len(item.text) for item in found if isinstance(item, Document)) < 1000


@pytest.mark.parametrize("name", ["another file", "a parameter", "billion laughs"])
def test_mesh_that_declares_anything_is_refused(name: str, tmp_path: Path) -> None:
    text = XML[name].replace("ELSEWHERE", str(tmp_path / "secret.txt"))
    (error,) = outcomes(reader("mesh_xml"), tmp_path, text.encode())
    assert "declares something of its own" in str(error)


# Files that are small and mean much work.


@pytest.mark.timeout(10)
def test_a_compressed_file_is_read_as_it_unpacks(tmp_path: Path) -> None:
    """Of 200 MB that 200 kB unpack to, only the beginning is looked at before the first document."""
    record = bioc("x").partition("<document>")[2].removesuffix("</collection>")
    path = tmp_path / "b.xml.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b"<collection><document>" + record.encode())
        for _ in range(20):
            stream.write(b" " * 10_000_000)
    assert isinstance(next(read_inputs([path])), Document)


@pytest.mark.timeout(3, func_only=True)
@pytest.mark.parametrize("piece", ["<??>", "<!---->"])
def test_declarations_without_an_element_take_no_time(piece: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(piece * 1000 + "!")
    assert list(read_inputs([tmp_path / "a.xml"]))


@pytest.mark.timeout(3, func_only=True)
def test_depth_costs_a_mesh_file_no_time(tmp_path: Path) -> None:
    (error,) = outcomes(reader("mesh_xml"), tmp_path, b"<a>" * 100_000)
    assert isinstance(error, DataError)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("head", [b"<collection>", b"<collection><document><id>1</id>"])
def test_what_never_becomes_a_record_is_given_up(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "b.xml.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(head)
        for _ in range(70):
            stream.write(b"<!--" + b" " * 1_000_000 + b"-->")
    (error,) = outcomes(
        Reader("b", path.name, path.read_bytes(), lambda p: read_inputs([p])), tmp_path, path.read_bytes()
    )
    assert "bytes" in str(error)


LINES: Mapping[str, bytes] = {
    "pubtator": b"10|t|", "records": b'{"id": "1", "text": "', "predictions": b'{"id": "', "text": b"",
    "brat": b"T1\tA 0 1\t", "drugcomb": b'{"doc_id": "',
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_a_line_without_end_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / reader(name).file).write_bytes(LINES[name])
    with (tmp_path / reader(name).file).open("ab") as stream:
        for _ in range(65):
            stream.write(b"x" * (1 << 20))
    for beside, content in reader(name).beside.items():
        (tmp_path / beside).write_bytes(content)
    try:
        (error,) = reader(name).read(tmp_path / reader(name).file)
    except ApothecaryError as raised:
        error = raised
    assert "67108864 bytes" in str(error)


@pytest.mark.parametrize("kind", ["no text", "a late date", "a map by structs"])
def test_a_column_that_python_cannot_hold_is_one_error(kind: str, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="the parquet extra is not installed")
    pytest.importorskip("pyarrow.parquet")
    texts, late = arrow.array(["a"]), arrow.array([2**62], arrow.timestamp("us"))
    if kind == "no text":
        buffers = [None, arrow.py_buffer(b"\0\0\0\0\2\0\0\0"), arrow.py_buffer(b"\xff\xfe")]
        texts = arrow.Array.from_buffers(arrow.string(), 1, buffers)
    by_struct = arrow.map_(arrow.struct([("a", arrow.int64())]), arrow.string())
    columns = {"id": late if kind == "a late date" else arrow.array(["1"]), "text": texts}
    if kind == "a map by structs":
        columns["attributes"] = arrow.array([[({"a": 1}, "b")]], by_struct)
    arrow.parquet.write_table(arrow.table(columns), tmp_path / "seed.parquet")
    data = (tmp_path / "seed.parquet").read_bytes()
    assert [isinstance(item, DataError) for item in outcomes(reader("parquet"), tmp_path, data)] == [True]


# What an error may say.


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("records", b'"asserted"', b'"' + b"q" * 100_000 + b'"'),
        ("drugcomb", b'"span_id": 0', b'"span_id": "' + b"q" * 100_000 + b'"'),
        ("pubtator", b"10\t0", b"q" * 100_000 + b"\t0"),
        ("bioc_json", b'"id": "10"', b'"id": {"a": "' + b"q" * 100_000 + b'"}'),
    ],
)
def test_a_message_quotes_no_more_than_a_line(name: str, old: bytes, new: bytes, tmp_path: Path) -> None:
    found = outcomes(reader(name), tmp_path, reader(name).seed.replace(old, new))
    assert max(len(str(item)) for item in found if isinstance(item, ApothecaryError)) < LONGEST_MESSAGE


def test_a_message_holds_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    found = outcomes(reader("pubtator"), tmp_path, b"10|t|A\n1\x1b[2J\t0\t1\tA\n")
    assert all(str(item).isprintable() for item in found)


@pytest.mark.parametrize("place", ["text", "title"])
@pytest.mark.parametrize("wrong", [7, None, ["a"], {"a": "b"}])
def test_a_message_about_a_record_does_not_quote_its_text(place: str, wrong: object, tmp_path: Path) -> None:
    record: dict[str, object] = {
        "id": "1",
        place: f"{MARK} {ELSEWHERE}",
        "mentions": wrong,
        "relations": [wrong],
    }
    (error,) = outcomes(reader("records"), tmp_path, json.dumps(deepcopy(record)).encode())
    assert ELSEWHERE not in str(error)


def test_a_message_about_an_id_that_is_none_does_not_quote_what_it_holds(tmp_path: Path) -> None:
    data = json.dumps({"documents": [{"id": {"passages": [{"text": ELSEWHERE}]}, "passages": []}]})
    (error,) = outcomes(reader("bioc_json"), tmp_path, data.encode())
    assert ELSEWHERE not in str(error)


def test_a_damaged_heading_is_no_reason_to_take_another_row_for_it(tmp_path: Path) -> None:
    table = reader("table of relations")
    found = outcomes(table, tmp_path, table.seed.replace(b"confidence", b'confi"x,"', 1))
    assert [type(item).__name__ for item in found] == ["FormatError"]


def test_a_sentence_without_an_id_is_one_error(tmp_path: Path) -> None:
    found = outcomes(reader("ddi xml"), tmp_path, reader("ddi xml").seed.replace(b'"d1.s0"', b'""', 1))
    assert "sentence.id is empty" in str(found[0])
