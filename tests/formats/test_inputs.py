"""Files and folders as inputs: told apart by name and content, failing one by one."""

import gzip
import hashlib
from pathlib import Path

import pytest

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.inputs import describe_inputs, read_gold, read_inputs

PUBTATOR = "10|t|Lithium tremor.\n"
RECORD = '{"id": "11", "text": "Lithium."}\n'
MEDLINE = (
    "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>{}</PMID><Article><ArticleTitle>Lithium."
    "</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
)
JATS = (
    "<article><front><article-meta><article-id pub-id-type='pmc'>13</article-id><title-group>"
    "<article-title>Lithium.</article-title></title-group></article-meta></front></article>"
)
BIOC_XML = (
    "<collection><document><id>14</id><passage><offset>0</offset><text>Lithium.</text></passage></document>"
    "</collection>"
)
BIOC_JSON = '{"documents": [{"id": "15", "infons": {}, "passages": [{"offset": 0, "text": "Lithium."}]}]}'


def write(tmp_path: Path, files: dict[str, str | bytes]) -> list[Path]:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [tmp_path / name for name in files]


def ids(items: list[Document | DataError]) -> list[str]:
    return [item.id if isinstance(item, Document) else type(item).__name__ for item in items]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.pubtator", PUBTATOR, "10"),
        ("a.PubTator.txt", PUBTATOR, "10"),
        ("a.txt", PUBTATOR, "10"),
        ("a.txt", "\ufeff\n" + PUBTATOR, "10"),
        ("a.txt", "Lithium |t| x", "a"),
        ("a.md", PUBTATOR, "a"),
        ("a.jsonl", RECORD, "11"),
        ("a.ndjson", RECORD, "11"),
        ("a.json", RECORD, "11"),
        ("a", PUBTATOR, "10"),
        ("a", "\ufeff\n" + RECORD, "11"),
        ("a.note", "Lithium.", "a"),
        ("a.note", "é" * 40_000, "a"),
        ("a.note", "<5 mg of lithium", "a"),
        ("a.xml", MEDLINE.format("12"), "12"),
        ("a", "<?xml version='1.0'?><!DOCTYPE x SYSTEM 'y.dtd'>\n<!-- z -->\n" + MEDLINE.format("12"), "12"),
        ("a.xml.gz", gzip.compress(MEDLINE.format("12").encode(), mtime=0), "12"),
        ("a.nxml", JATS, "PMC13"),
        ("a.xml", BIOC_XML, "14"),
        ("a.json", BIOC_JSON, "15"),
        ("a.jsonl", BIOC_JSON, "15"),
    ],
)
def test_the_format_is_told_by_name_then_by_content(
    tmp_path: Path, name: str, content: str | bytes, expected: str
) -> None:
    assert ids(list(read_inputs(write(tmp_path, {name: content})))) == [expected]


def test_a_folder_is_its_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path, {"b.txt": "B.", "a.txt": "A.", "c/d.txt": "D.", ".e.txt": "E.", ".f/g.txt": "G."})
    assert ids(list(read_inputs([tmp_path]))) == ["a", "b", "d"]


def test_annotations_belong_to_the_text_beside_them(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "Lithium.", "a.ann": "T1\tChemical 0 7\tLithium\n", "b.ann": ""})
    document, error = read_inputs([tmp_path])
    assert isinstance(document, Document)
    assert [mention.text for mention in document.mentions] == ["Lithium"]
    assert isinstance(error, FormatError)


def test_of_updates_the_newest_record_counts_and_withdrawn_ones_are_gone(tmp_path: Path) -> None:
    old, new = MEDLINE.format("1"), MEDLINE.format("1").replace("Lithium.", "Lithium, revised.")
    gone = "<DeleteCitation><PMID>2</PMID></DeleteCitation></PubmedArticleSet>"
    two = MEDLINE.format("2")
    files = {"n1.xml": old, "n2.xml": two, "n3.xml": new.replace("</PubmedArticleSet>", gone)}
    write(tmp_path, {**files, "z.txt": "Text."})
    found = [item.text for item in read_inputs([tmp_path]) if isinstance(item, Document)]
    assert found == ["Lithium, revised.", "Text."]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xml", "<rss></rss>", "begins with <rss>"),
        ("a.gz", gzip.compress(b"Lithium.", mtime=0), "gunzip it"),
        ("a.gz", gzip.compress(b"Lithium.", mtime=0)[:9] + b"xx", "archive is damaged"),
    ],
)
def test_what_is_no_format_of_ours_says_so(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        list(read_inputs(write(tmp_path, {name: content})))


def test_a_binary_file_in_a_folder_is_one_error(tmp_path: Path) -> None:
    write(tmp_path, {"a.bin": b"\x7fELF\0\0", "b.txt": "B."})
    assert ids(list(read_inputs([tmp_path]))) == ["FormatError", "b"]


def test_an_id_that_repeats_over_inputs_is_an_error_value(tmp_path: Path) -> None:
    items = list(read_inputs(write(tmp_path, {"a.txt": "A.", "x/a.txt": "A again."})))
    assert ids(items) == ["a", "FormatError"]
    assert "document a was already read from" in str(items[1])


@pytest.mark.parametrize("content", ["", "\n\n", '{"id": 1}\n', "nonsense\n"])
def test_a_lone_input_without_a_document_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(FormatError):
        list(read_inputs(write(tmp_path, {"a.jsonl": content})))


@pytest.mark.parametrize("name", ["a.txt", "a.pubtator"])
def test_an_empty_file_among_several_is_an_error_value(tmp_path: Path, name: str) -> None:
    assert ids(list(read_inputs(write(tmp_path, {name: "", "b.txt": "B."})))) == ["FormatError", "b"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no document in it"):
        list(read_inputs([tmp_path]))


def test_a_lone_document_with_a_mention_outside_its_text_is_a_failed_item(tmp_path: Path) -> None:
    text = PUBTATOR + "10\t0\t99\tx\tChemical\tD1\n"
    assert ids(list(read_inputs(write(tmp_path, {"a.pubtator": text})))) == ["OffsetError"]


def test_errors_before_the_first_document_are_kept(tmp_path: Path) -> None:
    paths = write(tmp_path, {"a.jsonl": "nonsense\n" * 150 + RECORD})
    assert ids(list(read_inputs(paths))) == ["FormatError"] * 150 + ["11"]


def test_wrong_use_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="absent: cannot be read"):
        read_inputs([tmp_path, tmp_path / "absent"])
    with pytest.raises(UsageError, match="unknown encoding"):
        read_inputs([tmp_path], encoding="klingon")
    with pytest.raises(UsageError, match="no input"):
        read_inputs([])


def test_gold_with_a_fault_is_refused(tmp_path: Path) -> None:
    (path,) = write(tmp_path, {"gold.pubtator": PUBTATOR + "\n" + PUBTATOR})
    with pytest.raises(FormatError, match=r"gold\.pubtator:3: document 10 was already given"):
        list(read_gold(path))
    with pytest.raises(FormatError, match="is a folder"):
        list(read_gold(tmp_path))


def test_inputs_are_described_by_their_digests(tmp_path: Path) -> None:
    write(tmp_path, {"b.txt": "B.", "c/a.txt": "A."})
    expected = [(tmp_path / "b.txt", b"B."), (tmp_path / "c" / "a.txt", b"A.")]
    assert describe_inputs([tmp_path]) == tuple((str(p), hashlib.sha256(d).hexdigest()) for p, d in expected)


def test_a_full_text_as_pmc_gives_it_is_read(tmp_path: Path) -> None:
    assert ids(list(read_inputs(write(tmp_path, {"PMC15.json": f"[{BIOC_JSON}]"})))) == ["15"]
