"""The DDI corpus of 2013 as XML: documents of sentences with drugs and pairs of them, as files or zipped.

    <document id="D"><sentence id="D.s0" text="..."><entity id="D.s0.e0" charOffset="0-6;20-29" .../>
        <pair e1="D.s0.e0" e2="D.s0.e1" ddi="true" type="effect"/></sentence></document>

Every sentence that has a text is a document (see `drug_sentences`); its attribute "document" names the one
it belongs to. Traps: ends of `charOffset` are inclusive; a discontinuous drug lists its pieces, and its
name joins them ("MAO-A inhibitors"); a pair with ddi="true" may lack a type and then says no more than
that the two interact ("int"). The kinds of drugs (brand, group) are not kept.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lxml import etree

from apothecary.documents import Document, Mention, Span
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats.combination_rows import ddi_type
from apothecary.formats.drug_sentences import DRUG, DrugRelation, Sentence, drug_mention, sentence_document
from apothecary.formats.fields import Fields
from apothecary.formats.lines import open_bytes, printable
from apothecary.formats.xml_stream import read_elements

__all__ = ["begin_zip", "read", "read_zip"]

MAX_MEMBER_BYTES = 16 * 1024 * 1024
"""What a file of an archive may unpack to. As a tree of elements it can take 35 times as much memory."""
MAX_ARCHIVE_BYTES = 2 * 1024**3
"""What all XML files of an archive may unpack to."""
_ENCRYPTED = 0x1
_PIECE = re.compile(r"\s*([0-9]{1,9})-([0-9]{1,9})\s*")


def read(path: Path) -> Iterator[Document | DataError]:
    """Yield the sentences of one file; what is wrong with one comes as a DataError value.

    Raises FormatError when the file cannot be opened.
    """
    for element in read_elements(path, "sentence"):
        if isinstance(element, FormatError):
            yield element
        else:
            yield from _items(element, printable(path))


def read_zip(path: Path) -> Iterator[Document | DataError]:
    """Yield the sentences of all XML files of a zip archive, in the order of their names.

    Hidden files are left out, as in a folder. A member that cannot be read, or is larger than
    `MAX_MEMBER_BYTES`, comes as a FormatError value; one at a time is in memory. Raises FormatError when the
    archive cannot be read or unpacks to more than `MAX_ARCHIVE_BYTES`.
    """
    with _opened(path) as archive:
        members = _members(archive)
        if not members:
            yield FormatError("holds no .xml file", where=printable(path), hint="unpack it, name the folder")
        for member in members:
            yield from _member(archive, member, f"{printable(path)}/{member.filename}")


def begin_zip(path: Path, size: int) -> bytes:
    """The first bytes of the first XML file in a zip archive that can be read; none where there is none.

    Raises FormatError as `read_zip`.
    """
    with _opened(path) as archive:
        for member in _members(archive):
            with suppress(FormatError):
                return _contents(archive, member, "", size)
    return b""


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    open_bytes(path).close()
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise FormatError(
            f"is no zip archive that can be read: {error}", where=printable(path), hint="get it again"
        ) from error


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The XML files, in the order of their names. What a member says of its size is never exceeded."""
    found = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".xml")
        and not any(part.startswith(".") for part in member.filename.split("/"))
    ]
    # Members may overlap, so that a small archive unpacks to any size.
    if sum(member.file_size for member in found) > MAX_ARCHIVE_BYTES:
        raise FormatError(
            f"unpacks to more than {MAX_ARCHIVE_BYTES} bytes", where=archive.filename or "", hint="split it"
        )
    return sorted(found, key=lambda member: member.filename)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Iterator[Document | DataError]:
    try:
        if member.file_size > MAX_MEMBER_BYTES:
            raise FormatError(f"is larger than {MAX_MEMBER_BYTES} bytes", where=where, hint="split it")
        root = _parsed(_contents(archive, member, where), where)
        if root.tag != "document":
            raise FormatError(
                f"begins with <{etree.QName(root).localname}>, not <document>",
                where=where,
                hint="take it out of the archive",
            )
    except FormatError as error:
        yield error
    else:
        for element in root.iter("sentence"):
            yield from _items(element, where)


def _contents(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str, size: int = MAX_MEMBER_BYTES
) -> bytes:
    if member.flag_bits & _ENCRYPTED:
        raise FormatError("is encrypted", where=where, hint="unpack it with its password, name the folder")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The other methods are not unpacked piece by piece here: few bytes could fill the memory.
        raise FormatError("is packed by a rare method", where=where, hint="unpack it, name the folder")
    try:
        with archive.open(member) as stream:
            return stream.read(size)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise FormatError(f"the archive is damaged: {error}", where=where, hint="get it again") from error


def _parsed(data: bytes, where: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise FormatError(
            f"is not XML that can be read: {error.msg}",
            where=f"{where}:{error.lineno}",
            hint="get the file again if it was cut off",
        ) from error
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise FormatError(
            "declares entities of its own", where=where, hint="they are not expanded: write the text itself"
        )
    return root


def _items(element: etree._Element, file: str) -> Iterator[Document | DataError]:
    where = f"{file}:{element.sourceline}"
    try:
        document = _document(element, where)
    except OffsetError as error:
        yield OffsetError(error.message, where=where, hint=error.hint)
    except DataError as error:
        yield error
    else:
        if document is not None:
            yield document


def _document(element: etree._Element, where: str) -> Document | None:
    fields = _fields(element, where, "sentence")
    text, identity = fields.text("text"), fields.text("id")
    if not identity:
        raise fields.error("id", "is empty")
    entities = [_fields(each, where, "entity") for each in element.iterchildren("entity")]
    if not text.strip() and not entities:
        return None
    mentions: dict[str, Mention] = {}
    for each in entities:
        if each.text("id") in mentions:
            raise each.error("id", f"is {each.text('id')!r}, which another drug of the sentence has")
        mentions[each.text("id")] = _mention(each, text)
    pairs = [_fields(each, where, "pair") for each in element.iterchildren("pair")]
    relations = [relation for each in pairs if (relation := _relation(each, mentions)) is not None]
    parent = element.getparent()
    name = None if parent is None else parent.get("id")
    attributes = {"corpus": "ddi", "form": "spans"} | ({"document": name} if name else {})
    return sentence_document(
        Sentence(identity, text, attributes=attributes), list(mentions.values()), relations
    )


def _fields(element: etree._Element, where: str, name: str) -> Fields:
    return Fields({str(key): str(value) for key, value in element.attrib.items()}, where, name)


def _mention(fields: Fields, sentence: str) -> Mention:
    spans = []
    for piece in fields.text("charOffset").split(";"):
        match = _PIECE.fullmatch(piece)
        if match is None:
            raise fields.error("charOffset", f"is {piece!r} in part, not like 10-15")
        start, end = int(match[1]), int(match[2]) + 1
        if not start < end <= len(sentence):
            raise OffsetError(
                f"entity {start}-{end} lies outside the text of {len(sentence)} characters",
                where=fields.where,
            )
        spans.append(Span(start, end))
    text = fields.text("text")
    if len(spans) == 1:
        return drug_mention(sentence, spans[0], text)
    if not text.strip():
        raise fields.error("text", "is empty")
    # Names join pieces with a blank, or without one after a hyphen.
    pieces = "".join(sentence[span.start : span.end] for span in spans)
    same = "".join(pieces.split()) == "".join(text.split())
    return Mention(tuple(spans), text, DRUG, alignment="exact" if same else "mismatch")


def _relation(fields: Fields, mentions: dict[str, Mention]) -> DrugRelation | None:
    ends = [fields.text(key) for key in ("e1", "e2")]
    for key, end in zip(("e1", "e2"), ends, strict=True):
        if end not in mentions:
            raise fields.error(key, f"is {end!r}, no drug of this sentence")
    ddi = fields.text("ddi").strip().lower()
    if ddi not in ("true", "false"):
        raise fields.error("ddi", f"is {ddi!r}, neither true nor false")
    type_ = ddi_type(fields, "type") if fields.has("type") else "int"
    names = tuple(mentions[end].text for end in ends)
    if ddi == "false" or type_ == "other" or ends[0] == ends[1]:
        return None
    positions = {identity: str(place) for place, identity in enumerate(mentions)}
    return DrugRelation(type_, names, {"mentions": " ".join(positions[end] for end in ends)})
