"""A zip archive of DDI XML as an input: read as a folder is, bounded, failing member by member."""

import re
import zipfile
from pathlib import Path

import pytest

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.formats import ddi_xml
from apothecary.formats.inputs import read_gold, read_inputs

XML = (
    '<document id="D{0}"><sentence id="D{0}.s0" text="Aspirin helps zinc.">'
    '<entity id="e0" charOffset="0-6" text="Aspirin"/><entity id="e1" charOffset="14-17" text="zinc"/>'
    '<pair e1="e0" e2="e1" ddi="true" type="effect"/></sentence></document>'
)


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_a_zip_is_read_member_by_member_in_the_order_of_names(tmp_path: Path) -> None:
    texts = {
        "T/c.xml": '<!DOCTYPE d [<!ENTITY x "y">]><document><sentence id="s" text="a"/></document>',
        "T/b.xml": "<document><sentence",
        "T/d.XML": "<article/>",
        "T/a.xml": XML.format(1),
        "T/._a.xml": "of another system",
        "T/.DS_Store": "x",
    }
    found = list(ddi_xml.read_zip(zipped(tmp_path / "a.zip", texts)))
    assert [isinstance(each, Document) for each in found] == [True, False, False, False]
    assert "a.zip/T/b.xml:1: is not XML" in str(found[1])
    assert "a.zip/T/c.xml: declares entities" in str(found[2])
    assert "a.zip/T/d.XML: begins with <article>" in str(found[3])


def test_a_zip_is_an_input_as_a_folder_is(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "corpus", {"b.xml": XML.format("B"), "a/b.xml": XML.format("A"), "readme.txt": "x"}
    )
    assert [each.id for each in read_inputs([path]) if isinstance(each, Document)] == ["DA.s0", "DB.s0"]
    assert [len(each.relations) for each in read_gold(path)] == [1, 1]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"a.txt": "x"}, "a.zip: holds no .xml file"),
        ({}, "a.zip: holds no .xml file"),
        ({"a.xml": "<PubmedArticleSet/>"}, "a zip archive of XML that begins with <PubmedArticleSet>"),
        ({"[Content_Types].xml": "<Types/>", "w/d.xml": "<w:document/>"}, "XML that begins with <Types>"),
    ],
)
def test_a_zip_without_sentences_says_what_is_wrong(
    tmp_path: Path, members: dict[str, str], problem: str
) -> None:
    with pytest.raises(FormatError, match=re.escape(problem)):
        list(read_inputs([zipped(tmp_path / "a.zip", members)]))


def test_a_member_over_the_bound_costs_that_member(tmp_path: Path) -> None:
    bomb = f"<document>{' ' * ddi_xml.MAX_MEMBER_BYTES}</document>"
    path = zipped(tmp_path / "a.zip", {"a.xml": bomb, "b.xml": XML.format(1)})
    assert path.stat().st_size < 100_000
    error, document = read_inputs([path])
    assert str(error).startswith(f"{path}/a.xml: is larger than 16777216 bytes")
    assert isinstance(document, Document)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.xml": XML.format(n) for n in range(2)})
    content = bytearray(path.read_bytes())
    for entry in re.finditer(b"PK\x01\x02", content):
        # The size that the directory declares; members that overlap are as big in truth.
        content[entry.start() + 24 : entry.start() + 28] = (1536 * 1024**2).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.zip: unpacks to more than 2147483648 bytes"):
        list(read_inputs([path]))


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [(8, 1, "is encrypted"), (10, 12, "is packed by a rare method"), (16, 7, "the archive is damaged")],
)
def test_what_cannot_be_unpacked_costs_that_member(
    tmp_path: Path, place: int, value: int, problem: str
) -> None:
    path = zipped(tmp_path / "a.zip", {"a.xml": XML.format("A"), "b.xml": XML.format("B")})
    content = bytearray(path.read_bytes())
    # The first entry of the directory: flags, method, checksum.
    content[content.index(b"PK\x01\x02") + place] = value
    path.write_bytes(content)
    error, document = read_inputs([path])
    assert str(error).startswith(f"{path}/a.xml: {problem}")
    assert isinstance(document, Document)
