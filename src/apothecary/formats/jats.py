"""JATS: full text of articles as PubMed Central and publishers give it away.

The text is made of passages, one blank line between them; paragraphs within one stand on lines of
their own. The passages are the title, the abstracts, then the body: one for each section that holds
paragraphs itself, followed by one "caption" for each of its figures and tables, then its subsections.
Headings only give passages their names: the lower-case `sec-type` of the outermost section, or else its
title; "body" for one without either and for what stands before the first section.

What is made of the articles:

1. The id is the PMCID with its prefix, or else the PMID, or else the DOI.
2. Left out: headings and labels, table cells and notes, displayed formulas and TeX, references, footnotes,
   supplementary material, acknowledgements and other back matter, translated abstracts, reviews and
   replies. MathML within a line keeps its text.
3. Numbers of references in brackets stay ("[12]"). Raised ones go, as "lithium12" would be no name.
4. Runs of white space become one blank.
5. Attributes, each present only when the article says so: article_type (a "retraction" is the notice),
   pmid, doi, pmcid, journal, year (of the issue, or else of the first publication), license (its type or
   address), retraction_of and retraction (ids of what a notice retracts, or of the notice; "; " between).
6. Namespaces of elements do not matter: the archive's OAI service puts articles in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

from lxml import etree

from apothecary.documents import Document, Passage
from apothecary.errors import DataError, FormatError
from apothecary.formats.lines import printable
from apothecary.formats.xml_stream import read_elements, text_of

__all__ = ["read"]

_HREF = "{http://www.w3.org/1999/xlink}href"
# "pmcaiid" is not among them: it numbers one version of an article.
_PMC_TYPES = ("pmcid", "pmc", "pmcaid")
_PMC = re.compile(r"(?:PMC)?\s*([0-9]+)(?:\.[0-9]+)?", re.IGNORECASE)
_DOI_PREFIX = re.compile(r"(?:info:doi/|doi:\s*|https?://(?:dx\.)?doi\.org/)", re.IGNORECASE)
_NOTICES = {"retracted-article": "retraction_of", "retraction-forward": "retraction"}
_DATES = ("ppub", "collection", "epub", "pub")

# What is left out with a blank in its place, and what leaves none as it may stand within a word.
_FLOATS = frozenset({
    "ack", "array", "break", "disp-formula", "disp-formula-group", "fig", "fig-group", "graphic", "media",
    "ref-list", "supplementary-material", "table", "table-wrap", "table-wrap-group",
})  # fmt: skip
_UNREAD = frozenset(
    {"alt-text", "annotation", "fn", "fn-group", "label", "long-desc", "sec-meta", "tex-math"}
)
_BLOCKS = frozenset({"boxed-text", "def-item", "disp-quote", "list-item", "p", "preformat", "sec", "title"})
_CAPTIONED = frozenset({"fig", "fig-group", "table-wrap", "table-wrap-group"})
_BREAK = "\0"  # no XML can hold it

Part = tuple[str, str]
"""The section of a passage and its text."""


def read(path: Path) -> Iterator[Document | DataError]:
    """Yield the articles of a file, one in memory; one without an id or a text comes as a FormatError value.

    What makes the rest of the file unreadable is the last value. Raises FormatError when the file
    cannot be opened.
    """
    for element in read_elements(path, "{*}article"):
        if isinstance(element, FormatError):
            yield element
            continue
        try:
            yield _document(element, f"{printable(path)}:{element.sourceline}")
        except DataError as error:
            yield error


def _document(article: etree._Element, where: str) -> Document:
    for node in article.iter("{*}*"):
        if (tag := str(node.tag)).startswith("{"):
            node.tag = tag.rpartition("}")[2]
    attributes = _attributes(article)
    document_id = next((attributes[name] for name in ("pmcid", "pmid", "doi") if name in attributes), "")
    if not document_id:
        raise FormatError(
            "an article without a PMCID, a PMID or a DOI", where=where, hint="give it an <article-id>"
        )
    text, passages = "", []
    for section, content in filter(itemgetter(1), _parts(article)):
        text += "\n\n" if text else ""
        passages.append(Passage(section, len(text), len(text) + len(content)))
        text += content
    if not text:
        raise FormatError(f"no text in article {document_id}", where=where, hint="leave it out")
    return Document(id=document_id, text=text, passages=tuple(passages), attributes=attributes)


def _attributes(article: etree._Element) -> dict[str, str]:
    ids: dict[str, str] = {}
    for found in article.iterfind("front/article-meta/article-id[@pub-id-type]"):
        ids.setdefault(found.get("pub-id-type", ""), _clean(text_of(found)))
    values = {
        "article_type": article.get("article-type", ""),
        "pmcid": next(filter(None, (_pmcid(ids.get(kind, "")) for kind in _PMC_TYPES)), ""),
        "pmid": ids.get("pmid", ""),
        "doi": _DOI_PREFIX.sub("", ids.get("doi", "")),
        "journal": _clean(text_of(article.find("front/journal-meta//journal-title"))),
        "year": _year(article),
        "license": _license(article.find("front/article-meta/permissions/license")),
    }
    for kind, name in _NOTICES.items():
        path = f"front//related-article[@related-article-type='{kind}']"
        values[name] = "; ".join(filter(None, map(_related_id, article.iterfind(path))))
    return {name: value for name, value in values.items() if value}


def _pmcid(value: str) -> str:
    match = _PMC.fullmatch(value.strip())
    return f"PMC{match[1]}" if match else ""


def _year(article: etree._Element) -> str:
    years: dict[str, str] = {}
    for date in article.iterfind("front/article-meta/pub-date"):
        year = _clean(text_of(date.find("year")))
        if year:
            years.setdefault(date.get("pub-type") or date.get("date-type") or "", year)
    return next((years[kind] for kind in (*_DATES, *years) if kind in years), "")


def _license(element: etree._Element | None) -> str:
    if element is None:
        return ""
    stated = element.get("license-type") or element.get(_HREF) or text_of(element.find("license_ref"))
    return _clean(stated)


def _related_id(element: etree._Element) -> str:
    value = _clean(element.get(_HREF) or text_of(element.find(".//pub-id")))
    if element.get("ext-link-type", "").startswith("pmc"):
        return _pmcid(value) or value
    return _DOI_PREFIX.sub("", value)


def _parts(article: etree._Element) -> Iterator[Part]:
    """The passages in order, empty ones among them."""
    title = article.find("front/article-meta/title-group/article-title")
    if title is not None:
        yield "title", " ".join(_paragraphs([title]))
    for abstract in article.iterfind("front/article-meta/abstract"):
        yield from _passages("abstract", abstract)
    body = article.find("body")
    if body is not None:
        yield from _section(body, "body")
    for floats in article.iterfind("floats-group"):
        yield from _captions(floats)


def _section(element: etree._Element, name: str) -> Iterator[Part]:
    yield from _passages(name, [child for child in element if child.tag != "sec"])
    for nested in element.iterfind("sec"):
        if nested.get("sec-type") != "supplementary-material":
            yield from _section(nested, _section_name(nested) if element.tag == "body" else name)


def _section_name(section: etree._Element) -> str:
    name = _clean(section.get("sec-type", "")) or _clean(text_of(section.find("title")))
    return name.lower() or "body"


def _passages(name: str, nodes: Iterable[etree._Element]) -> Iterator[Part]:
    yield name, "\n".join(_paragraphs(nodes))
    for node in nodes:
        yield from _captions(node)


def _captions(node: etree._Element) -> Iterator[Part]:
    for caption in node.iter("caption"):
        above = [ancestor.tag for ancestor in caption.iterancestors()]
        if above[0] in _CAPTIONED and "supplementary-material" not in above:
            yield "caption", "\n".join(_paragraphs(caption))


def _paragraphs(nodes: Iterable[etree._Element]) -> list[str]:
    pieces: list[str] = []
    for node in nodes:
        _collect(node, pieces)
    return [paragraph for piece in "".join(pieces).split(_BREAK) if (paragraph := _clean(piece))]


def _collect(node: etree._Element, pieces: list[str]) -> None:
    """Add the text of a node without its tail, with `_BREAK` where a paragraph begins or ends."""
    tag = str(node.tag)
    if isinstance(node, etree._Comment) or tag in _UNREAD or _is_heading(node, tag) or _is_raised(node, tag):
        return
    if tag in _FLOATS:
        pieces.append(" ")
        return
    border = _BREAK if tag in _BLOCKS else ""
    pieces += (border, node.text or "")
    for child in node:
        _collect(child, pieces)
        pieces.append(child.tail or "")
    pieces.append(border)


def _is_heading(node: etree._Element, tag: str) -> bool:
    return tag == "title" and next(node.iterancestors(), node).tag != "caption"


def _is_raised(node: etree._Element, tag: str) -> bool:
    """Is it the raised number of a reference, with the link inside or around it?"""
    if tag != "sup" or text_of(node).lstrip().startswith(("[", "(")):
        return False
    links = [*node.iter("xref"), *node.iterancestors("xref")]
    return any(link.get("ref-type") == "bibr" for link in links)


def _clean(text: str) -> str:
    return " ".join(text.split())
