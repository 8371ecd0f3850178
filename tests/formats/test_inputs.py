"""Files and folders as inputs: told apart by name and content, failing one by one."""

import hashlib
from pathlib import Path

import pytest

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.inputs import describe_inputs, read_gold, read_inputs

PUBTATOR = "10|t|Lithium tremor.\n"
RECORD = '{"id": "11", "text": "Lithium."}\n'


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
    ],
)
def test_the_format_is_told_by_name_then_by_content(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    assert ids(list(read_inputs(write(tmp_path, {name: content})))) == [expected]


def test_a_folder_is_its_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path, {"b.txt": "B.", "a.txt": "A.", "c/d.txt": "D.", ".e.txt": "E.", ".f/g.txt": "G."})
    assert ids(list(read_inputs([tmp_path]))) == ["a", "b", "d"]


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
