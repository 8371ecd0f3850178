"""Vocabularies are read from every form they come in."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apothecary.errors import FormatError
from apothecary.vocab.dictionary import Dictionary
from apothecary.vocab.mesh import read_mesh, read_vocabulary

DOCTYPE = (
    '<!DOCTYPE DescriptorRecordSet SYSTEM "https://www.nlm.nih.gov/databases/dtd/nlmdescriptorrecordset.dtd">'
)
DESCRIPTORS = f"""<?xml version="1.0"?>
{DOCTYPE}
<DescriptorRecordSet LanguageCode = "eng">
<DescriptorRecord DescriptorClass = "1">
 <DescriptorUI>D900001</DescriptorUI>
 <DescriptorName><String>Imaginol</String></DescriptorName>
 <PharmacologicalActionList><PharmacologicalAction><DescriptorReferredTo>
  <DescriptorUI>D900009</DescriptorUI><DescriptorName><String>Soporifics</String></DescriptorName>
 </DescriptorReferredTo></PharmacologicalAction></PharmacologicalActionList>
 <TreeNumberList><TreeNumber>D03.999</TreeNumber></TreeNumberList>
 <ConceptList><Concept PreferredConceptYN="Y">
  <ConceptUI>M1</ConceptUI><ConceptName><String>Imaginol</String></ConceptName>
  <TermList>
   <Term><TermUI>T1</TermUI><String>Imaginol</String></Term>
   <Term><TermUI>T2</TermUI><String>IMG &amp; 1</String></Term>
  </TermList>
 </Concept></ConceptList>
</DescriptorRecord>
<DescriptorRecord DescriptorClass = "1">
 <DescriptorUI>D900002</DescriptorUI>
 <DescriptorName><String>Nowhere Fever</String></DescriptorName>
 <TreeNumberList><TreeNumber>C01.1</TreeNumber><TreeNumber>F03.2</TreeNumber></TreeNumberList>
</DescriptorRecord>
<DescriptorRecord DescriptorClass = "1">
 <DescriptorUI>D900003</DescriptorUI>
 <DescriptorName><String>Nowhere City</String></DescriptorName>
 <TreeNumberList><TreeNumber>Z01.1</TreeNumber><TreeNumber>F01.1</TreeNumber></TreeNumberList>
</DescriptorRecord>
</DescriptorRecordSet>
"""
DESCRIPTOR_LINES = """*NEWRECORD
RECTYPE = D
MH = Imaginol
AQ = AA AD
ENTRY = IMG & 1|T109|T121|NON|EQV|UNK (19XX)|741111|abbcdef
PRINT ENTRY = Imaginol|T109
MN = D03.999
MH_TH = NLM (1999)
MS =
ST = T109
UI = D900001

*NEWRECORD
RECTYPE = D
MH = Nowhere Fever
MN = C01.1
MN = F03.2
UI = D900002

*NEWRECORD
RECTYPE = D
MH = Nowhere City
MN = Z01.1
MN = F01.1
UI = D900003

*NEWRECORD
RECTYPE = Q
SH = drug effects
UI = Q000187
"""
SUPPLEMENT = """<SupplementalRecordSet>
<SupplementalRecord SCRClass = "1"><SupplementalRecordUI>C900001</SupplementalRecordUI>
 <SupplementalRecordName><String>imaginoxide</String></SupplementalRecordName>
 <HeadingMappedToList><HeadingMappedTo><DescriptorReferredTo><DescriptorUI>*D900001</DescriptorUI>
  <DescriptorName><String>Imaginol</String></DescriptorName></DescriptorReferredTo></HeadingMappedTo>
 </HeadingMappedToList>
 <ConceptList><Concept><TermList>
  <Term><String>imaginol oxide</String></Term>
 </TermList></Concept></ConceptList>
</SupplementalRecord>
<SupplementalRecord SCRClass = "3"><SupplementalRecordUI>C900002</SupplementalRecordUI>
 <SupplementalRecordName><String>Nowhere syndrome</String></SupplementalRecordName></SupplementalRecord>
<SupplementalRecord SCRClass = "2"><SupplementalRecordUI>C900003</SupplementalRecordUI>
 <SupplementalRecordName><String>IMG protocol</String></SupplementalRecordName></SupplementalRecord>
</SupplementalRecordSet>
"""
SUPPLEMENT_LINES = """*NEWRECORD
RECTYPE = C
NM = imaginoxide
SY = imaginol oxide|T109|EQV|NLM (1999)|990101|abcdef
HM = *Imaginol
ST = T109
UI = C900001
*NEWRECORD
RECTYPE = C
NM = Nowhere syndrome
ST = T047
UI = C900002
*NEWRECORD
RECTYPE = C
NM = IMG protocol
ST = T061
UI = C900003
"""
BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


def read(path: Path, content: str | bytes, *, type: str | None = None) -> Dictionary:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_vocabulary(path, type=type)


def names(dictionary: Dictionary) -> list[tuple[str, str, str]]:
    return [(entry.type, entry.name, "|".join(entry.ids)) for entry in dictionary.entries]


def refusal(path: Path, content: str | bytes) -> str:
    with pytest.raises(FormatError) as caught:
        read(path, content)
    return str(caught.value)


def test_descriptors_are_read_by_their_trees(tmp_path: Path) -> None:
    assert names(read(tmp_path / "desc", DESCRIPTORS)) == [
        ("Chemical", "IMG & 1", "D900001"),
        ("Chemical", "Imaginol", "D900001"),
        ("Disease", "Nowhere Fever", "D900002"),
    ]


def test_supplementary_records_are_read_by_their_class(tmp_path: Path) -> None:
    assert names(read(tmp_path / "supp", SUPPLEMENT)) == [
        ("Chemical", "imaginol oxide", "C900001"),
        ("Chemical", "imaginoxide", "C900001"),
        ("Disease", "Nowhere syndrome", "C900002"),
    ]


@pytest.mark.parametrize(("xml", "lines"), [(DESCRIPTORS, DESCRIPTOR_LINES), (SUPPLEMENT, SUPPLEMENT_LINES)])
def test_xml_and_ascii_give_the_same_dictionary(tmp_path: Path, xml: str, lines: str) -> None:
    assert read(tmp_path / "a", lines) == read(tmp_path / "b", xml)
    assert read(tmp_path / "a", lines.replace("\n", "\r\n")) == read(tmp_path / "b", xml)


@pytest.mark.parametrize("content", [DESCRIPTORS, DESCRIPTOR_LINES, "D1\tpain\tDisease\n"])
def test_gzip_and_byte_order_mark_make_no_difference(tmp_path: Path, content: str) -> None:
    marked = gzip.compress(("\ufeff" + content).encode())
    assert names(read(tmp_path / "a", marked)) == names(read(tmp_path / "b", content))


def test_mesh_in_utf_16_is_read(tmp_path: Path) -> None:
    content = SUPPLEMENT.encode("utf-16")
    assert read(tmp_path / "a", content) == read(tmp_path / "b", SUPPLEMENT)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(DESCRIPTORS.rstrip()) - 1))
def test_truncated_xml_is_one_error(tmp_path: Path, end: int) -> None:
    (tmp_path / "x").write_text(DESCRIPTORS[:end])
    with pytest.raises(FormatError):
        read_mesh(tmp_path / "x")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([b"", b"*NEWRECORD\n", b"<a>", b"id\tname\n", b"\x1f\x8b"]))
def test_any_bytes_are_a_dictionary_or_one_error(tmp_path: Path, content: bytes, start: bytes) -> None:
    (tmp_path / "x").write_bytes(start + content)
    try:
        assert read_vocabulary(tmp_path / "x", type="Drug").entries
    except FormatError as error:
        assert "x" in error.where


def test_declared_entities_are_refused_before_they_expand(tmp_path: Path) -> None:
    message = refusal(tmp_path / "x.xml", f"{BOMB}\n<a>&b;</a>")
    assert "x.xml:1: the document type declares something of its own" in message


def test_entities_of_an_outer_definition_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path / "x.xml", DESCRIPTORS.replace("&amp;", "&secret;"))
    assert "x.xml:15: unknown entity &secret;" in message


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (DESCRIPTORS.replace("D900002<", " <"), "x:19: a record without an id"),
        (DESCRIPTORS.replace("Nowhere Fever", ""), "x:19: the name is empty"),
        (SUPPLEMENT.replace("<String>Nowhere syndrome</String>", ""), "record C900002 has no name"),
        (SUPPLEMENT.replace("Nowhere syndrome", "n" * (1 << 20)), "1048576 characters"),
        ("<QualifierRecordSet/>", "no MeSH descriptor"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "not well-formed"),
        (SUPPLEMENT.encode().replace(b"Nowhere", b"Nowh\xffre"), "not well-formed"),
        (DESCRIPTOR_LINES.replace("UI = D900001", "UI"), "x:11: expected a line such as"),
        (DESCRIPTOR_LINES.replace("UI = D900001\n", ""), "x:1: a record without an id"),
        (DESCRIPTOR_LINES.encode().replace(b"Fever", b"F\xe9vre"), "x:15: byte 15 of the line is not UTF-8"),
        (DESCRIPTOR_LINES.replace("Fever", "F" * (1 << 20)), "x:15: line longer"),
        ("*NEWRECORD\nRECTYPE = Q\nUI = Q1\n", "no MeSH descriptor"),
    ],
)
def test_broken_mesh_is_one_error_with_its_line(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    assert complaint in refusal(tmp_path / "x", content)


def test_a_file_without_end_is_given_up(tmp_path: Path) -> None:
    endless = gzip.compress(b"<a>" + b"<b>" + b" " * (65 << 20), 1)
    assert "no record ends within" in refusal(tmp_path / "x.gz", endless)


def test_a_table_may_give_types_and_a_heading(tmp_path: Path) -> None:
    table = "ID\tName\tType\nMESH:D1\tpain\tDisease\n\nR2\tsal  ammoniac\n"
    assert names(read(tmp_path / "t.tsv", table, type="Chemical")) == [
        ("Chemical", "sal ammoniac", "R2"),
        ("Disease", "pain", "D1"),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("D1 pain", "expected the columns"),
        ("a\tb\tc\td", "expected the columns"),
        ("D1\tpain", "no type"),
        ("\tpain\tDisease", "no id"),
        ("-1\tpain\tDisease", "no id"),
        ("D1\t\tDisease", "name is empty"),
        ("D1\t" + "p" * 20_000 + "\tDisease", "20000 characters"),
    ],
)
def test_a_broken_table_is_one_error_with_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    message = refusal(tmp_path / "t.tsv", f"id\tname\n{line}\n")
    assert "t.tsv:2: " in message
    assert complaint in message


def test_a_table_is_no_mesh_file(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("D1\tpain\tDisease\n")
    with pytest.raises(FormatError, match="not a MeSH file"):
        read_mesh(tmp_path / "t")
    assert "no name in it" in refusal(tmp_path / "t", "id\tname\n")
