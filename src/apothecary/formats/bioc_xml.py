"""BioC XML: a collection of documents, as PubTator, PubMed Central and many corpora give it.

Compressed files (gzip) are read as they are, an encoding is the one that the file declares. What is
made of documents and what a departure from the format does: see `bioc`. Blanks in the text count
as they stand. Written documents have no date, no source and no key: nothing is invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from lxml import etree

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats.bioc import from_record
from apothecary.formats.bioc_writing import to_record
from apothecary.formats.differences import differences
from apothecary.formats.lines import printable
from apothecary.formats.xml_stream import read_elements, text_of

__all__ = ["losses", "read", "write"]

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LISTS = {
    "passage": "passages",
    "sentence": "sentences",
    "annotation": "annotations",
    "relation": "relations",
    "location": "locations",
    "node": "nodes",
}
_TAGS = {name: tag for tag, name in _LISTS.items()}
_ATTRIBUTES = {
    "annotation": ("id",),
    "relation": ("id",),
    "location": ("offset", "length"),
    "node": ("refid", "role"),
}


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the documents of a file, one in memory; a bad one comes as a DataError value that names the line.

    What makes the rest of the file unreadable is the last value. `encoding` is not used: XML names
    its own. Raises FormatError when the file cannot be opened.
    """
    for element in read_elements(path, "document"):
        if isinstance(element, FormatError):
            yield element
            continue
        try:
            yield from_record(_record(element), where=f"{printable(path)}:{element.sourceline}")
        except DataError as error:
            yield error


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write one collection, a document at a time, to be encoded as UTF-8.

    Characters that XML cannot hold become blanks, one for one. Raises FormatError for an id that
    would not be read again.
    """
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<collection>\n<source/>\n<date/>\n<key/>\n')
    for document in documents:
        stream.write(_dumps(document))
    stream.write("</collection>\n")


def losses(document: Document) -> tuple[str, ...]:
    """The fields of the document that writing and reading again would change, such as "conditions".

    Found by doing so, hence complete. Raises FormatError as `write` does.
    """
    element = etree.fromstring(_dumps(document))
    return differences(document, from_record(_record(element), where=f"document {document.id}"))


def _dumps(document: Document) -> str:
    element = _element("document", to_record(document))
    etree.indent(element)
    return etree.tostring(element, encoding="unicode") + "\n"


def _record(element: etree._Element) -> dict[str, object]:
    record: dict[str, object] = dict(element.attrib)
    infons: dict[str, str] = {}
    lists: dict[str, list[object]] = {}
    for child in element:
        tag = child.tag
        if tag == "infon":
            infons[child.get("key", "")] = text_of(child)
        elif tag in _LISTS:
            lists.setdefault(_LISTS[tag], []).append(_record(child))
        elif tag in ("id", "offset", "text"):
            text = text_of(child)
            record[tag] = text.strip() if tag == "id" else text
    return {**record, **lists, "infons": infons}


def _element(tag: str, record: Mapping[str, object]) -> etree._Element:
    attributes = _ATTRIBUTES.get(tag, ())
    element = etree.Element(tag, {name: _clean(record[name]) for name in attributes})
    for name, value in record.items():
        if isinstance(value, dict):
            for key, text in value.items():
                etree.SubElement(element, "infon", key=_clean(key)).text = _clean(text)
        elif isinstance(value, list):
            element.extend(_element(_TAGS[name], item) for item in value)
        elif name not in attributes:
            etree.SubElement(element, name).text = _clean(value)
    return element


def _clean(value: object) -> str:
    return _UNWRITABLE.sub(" ", str(value))
